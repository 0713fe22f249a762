"""The push providers this product knows; a new one is a file beside these and a name in REGISTRY."""

from __future__ import annotations

import httpx2

from .base import PushProvider, PushResult, Recipient, Wakeup
from .http import HttpProvider

__all__ = ["REGISTRY", "PushProvider", "PushResult", "Recipient", "Wakeup", "configured"]

REGISTRY: dict[str, type[PushProvider]] = {kind.name: kind for kind in (HttpProvider,)}


def configured(client: httpx2.AsyncClient) -> dict[str, PushProvider]:
    """Those providers that the settings have credentials for, by name."""
    built = {name: kind.from_settings(client) for name, kind in REGISTRY.items()}
    return {name: provider for name, provider in built.items() if provider is not None}
