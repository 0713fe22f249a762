"""Testing a provider's credentials: asked at once, from the process that shows the page, and remembered.

It asks over a connection of its own. The sending loop belongs to Celery, and a test must tell the truth while Celery is
stopped.
"""

from __future__ import annotations

import asyncio

import httpx2
from django.utils import timezone

from .credentials import WrongCredentials
from .models import CredentialsTest
from .providers import REGISTRY, PushResult
from .sending import trust

__all__ = ["SECONDS", "check_credentials"]

SECONDS = 8.0  # a person waits for the answer
TIMEOUT = httpx2.Timeout(5.0, connect=3.0)


def check_credentials(provider: str) -> CredentialsTest:
    """Ask a provider of the registry whether it believes us; keep what it says and return it."""
    result = asyncio.run(_ask(provider))
    said = {
        "at": timezone.now(),
        "accepted": result.accepted,
        "status": result.status,
        "reason": result.reason[:255],
        "ms": result.ms,
    }
    return CredentialsTest.objects.update_or_create(provider=provider, defaults=said)[0]


async def _ask(name: str) -> PushResult:
    async with httpx2.AsyncClient(http2=True, timeout=TIMEOUT, verify=trust()) as client:
        try:
            provider = REGISTRY[name].from_settings(client)
        except WrongCredentials as error:
            return PushResult(reason=f"wrong-credentials: {error}")
        if provider is None:
            return PushResult(reason=f"not-configured: {name}")
        try:
            async with asyncio.timeout(SECONDS):
                return await provider.check()
        except TimeoutError:
            return PushResult(reason="timeout")
