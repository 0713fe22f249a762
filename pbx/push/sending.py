"""Carrying pushes to their providers: all devices of a call at once, over connections that stay open.

Celery's threads hand their pushes to one asyncio loop in a thread of its own, so that a process has one HTTP client,
one TLS session for each provider, and one circuit breaker that has seen everything.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from functools import cache, partial

import httpx2
from django.conf import settings

from . import outages
from .breaker import Breaker
from .providers import PushProvider, PushResult, Recipient, Wakeup, configured

__all__ = ["Outcome", "Parcel", "Sender", "deliver", "sender", "trust"]

log = logging.getLogger(__name__)

TRIES = 3
TRY_SECONDS = 3.0  # a push that has not been taken by then helps no call; no try is begun later
BACKOFF = 0.4  # seconds before the second try, give or take half; twice that before the third
TIMEOUT = httpx2.Timeout(3.0, connect=2.0)
LONGEST = 8.0  # seconds for one device, waiting for its turn included
AT_ONCE = 50  # pushes under way per process and provider


@dataclass(frozen=True, slots=True)
class Parcel:
    """One push to one device."""

    recipient: Recipient
    wakeup: Wakeup
    obstacle: Callable[[], str] = lambda: ""
    "Asked right before each try, in a thread, since it looks at the call board: why not to send, empty to send."


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a push ended: the provider's last answer, or why there was none."""

    result: PushResult
    tries: int = 0
    suppressed: str = ""
    "deadline, provider-down or what the parcel's obstacle said when nothing was sent; else empty."


async def deliver(
    provider: PushProvider,
    breaker: Breaker,
    parcel: Parcel,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    epoch: Callable[[], float] = time.time,
    sleep: Callable = asyncio.sleep,
) -> Outcome:
    """Push one device, again after a temporary failure, and never when nobody waits for it any more."""
    started = monotonic()
    outcome = Outcome(PushResult())
    for tries in range(1, TRIES + 1):
        obstacle = await _obstacle(parcel, breaker, now=monotonic(), epoch=epoch())
        if obstacle:
            return outcome if outcome.tries else Outcome(outcome.result, suppressed=obstacle)
        result = await provider.send(parcel.recipient, parcel.wakeup)
        breaker.record(down=result.blames_provider, now=monotonic())
        outcome = Outcome(result, tries)
        pause = max(result.retry_after, BACKOFF * tries * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
        if not result.is_temporary or monotonic() + pause > started + TRY_SECONDS:
            break
        await sleep(pause)
    return outcome


async def _obstacle(parcel: Parcel, breaker: Breaker, *, now: float, epoch: float) -> str:
    if epoch >= parcel.wakeup.deadline:
        return "deadline"
    if obstacle := await asyncio.to_thread(parcel.obstacle):
        return obstacle
    return "" if breaker.allows(now) else "provider-down"


class Sender:
    """The sending loop of one process."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._client: httpx2.AsyncClient | None = None
        self._providers: dict[str, PushProvider] = {}
        self._breakers: dict[str, Breaker] = {}
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        threading.Thread(target=self._loop.run_forever, name="push", daemon=True).start()
        self._start(self._open()).result(5.0)

    def knows(self, provider: str) -> bool:
        """Whether that provider is configured."""
        return provider in self._providers

    def send(self, parcels: Sequence[Parcel]) -> Iterator[tuple[int, Outcome]]:
        """Push all of them at once; yield the number of each and how it ended, in the order in which they end.

        A phone that was pushed need not wait to be told of until a slow provider has answered for another. Every provider
        must be known.
        """
        numbers = {self._start(self._send_one(parcel)): number for number, parcel in enumerate(parcels)}
        for done in as_completed(numbers, timeout=LONGEST + 2):
            yield numbers[done], done.result()

    def close(self) -> None:
        """Close the connections and end the loop."""
        self._start(self._client.aclose()).result(5.0)
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _start(self, work: Coroutine) -> Future:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _open(self) -> None:
        limits = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=None)
        self._client = httpx2.AsyncClient(http2=True, timeout=TIMEOUT, limits=limits, verify=trust())
        self._providers = configured(self._client)
        self._breakers = {name: Breaker(partial(self._turned, name)) for name in self._providers}
        await asyncio.to_thread(outages.forget)
        self._warming = asyncio.gather(*(each.warm_up() for each in self._providers.values()), return_exceptions=True)

    def _turned(self, provider: str, is_down: bool) -> None:
        """A breaker has opened or closed; what is told of it goes to Redis, so it is told from a thread."""
        self._loop.run_in_executor(None, outages.began if is_down else outages.ended, provider)

    async def _send_one(self, parcel: Parcel) -> Outcome:
        name = parcel.recipient.provider
        try:
            async with asyncio.timeout(LONGEST), self._turns[name]:
                provider, breaker = self._providers[name], self._breakers[name]
                return await deliver(provider, breaker, parcel)
        except TimeoutError:
            return Outcome(PushResult(reason="timeout"), tries=1)
        except Exception as error:  # a mistake in one provider must not cost the other phones their push
            log.exception("[%s] push through %s", parcel.wakeup.call_uid, name)
            return Outcome(PushResult(reason=f"internal-error: {type(error).__name__}"), tries=1)


def trust() -> ssl.SSLContext | bool:
    """Whose certificates are believed: those that this host believes, and those of PBX_PUSH_CA."""
    if not settings.PUSH_CA:
        return True
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=settings.PUSH_CA)
    return context


@cache
def sender() -> Sender:
    """The sender of this process, started when first used."""
    return Sender()
