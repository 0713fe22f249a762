"""What the tests of all providers send, and over what."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable

import httpx2
import pytest

from pbx.push.providers import PushProvider, PushResult, Recipient, Wakeup


@pytest.fixture
def call() -> Wakeup:
    """A call whose caller has chosen a nasty name (H79)."""
    now = time.time()
    about = ("101@pbx.test", "u1", "c1@host", "100@pbx.test", '"},{"x":"')
    return Wakeup("6f9619ff-8b86-4011-b42d-00c04fc964ff", "call", *about, now, now + 20)


@pytest.fixture
def use():
    """Run `work(provider)` over one client that trusts the server: `use(server, make, work)`."""

    def use(server, make: Callable, work: Callable, *, timeout: float = 2.0):
        async def run():
            trust = ssl.create_default_context(cafile=str(server.ca_file))
            async with httpx2.AsyncClient(http2=True, timeout=timeout, verify=trust) as client:
                return await work(make(client))

        return asyncio.run(run())

    return use


def pushing(recipient: Recipient, wakeup: Wakeup, times: int = 1) -> Callable:
    """The work of pushing so often; gives the last result."""

    async def push(provider: PushProvider) -> PushResult:
        return [await provider.send(recipient, wakeup) for _ in range(times)][-1]

    return push
