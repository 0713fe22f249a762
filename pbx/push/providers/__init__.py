"""The push providers this product knows; a new one is a file beside these and a name in REGISTRY."""

from __future__ import annotations

import logging

import httpx2

from ..credentials import WrongCredentials
from .acrobits import AcrobitsProvider
from .apns import ApnsProvider, ApnsSandboxProvider
from .base import PushProvider, PushResult, Recipient, Wakeup
from .fcm import FcmProvider
from .http import HttpProvider
from .webpush import WebPushProvider

__all__ = ["REGISTRY", "PushProvider", "PushResult", "Recipient", "Wakeup", "configured"]

log = logging.getLogger(__name__)

KINDS = (AcrobitsProvider, ApnsProvider, ApnsSandboxProvider, FcmProvider, HttpProvider, WebPushProvider)
REGISTRY: dict[str, type[PushProvider]] = {kind.name: kind for kind in KINDS}


def configured(client: httpx2.AsyncClient) -> dict[str, PushProvider]:
    """Those providers that the settings have credentials for, by name."""
    built: dict[str, PushProvider] = {}
    for name, kind in REGISTRY.items():
        try:
            provider = kind.from_settings(client)
        except WrongCredentials as error:  # the checks have said so; the other providers work all the same
            log.error("push through %s is off: %s", name, error)
            continue
        if provider is not None:
            built[name] = provider
    return built
