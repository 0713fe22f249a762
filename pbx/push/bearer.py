"""Tokens that say who we are to a provider: made or fetched once, used for a while, renewed before they end.

A push must not wait for a sign-in, and a burst of pushes must not sign in many times: Apple refuses more than one
token in twenty minutes, and Google is half a second away. Time is monotonic seconds, given by the caller's clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

__all__ = ["FetchedToken", "Grant", "SignedToken"]

RENEW_AHEAD = 600.0  # seconds before its end that a fetched token is fetched anew, while the old one goes on being used
USABLE = 60.0  # seconds that a token must still live to be used at all


@dataclass(frozen=True, slots=True)
class Grant:
    """A token that somebody has given us."""

    token: str
    lifetime: float
    "Seconds."


class FetchedToken:
    """A token that is asked for over the network: by one task at a time, and ahead of its end in the background."""

    def __init__(
        self, fetch: Callable[[], Awaitable[Grant]], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._token = ""
        self._ends = 0.0
        self._lifetime = 0.0
        self._fetching: asyncio.Task[str] | None = None

    async def get(self) -> str:
        """The token; whatever `fetch` raises when there is none and none can be had."""
        left = self._ends - self._monotonic()
        # A provider that gives tokens of minutes is not asked at every push: ahead is then half of their life.
        if left < min(RENEW_AHEAD, self._lifetime / 2) and self._fetching is None:
            self._fetching = asyncio.create_task(self._renew())
            self._fetching.add_done_callback(self._fetched)
        if left >= min(USABLE, self._lifetime / 2) and self._token:
            return self._token
        # Shielded: others wait for the same answer, and one that gives up must not cancel it.
        return await asyncio.shield(self._fetching) if self._fetching else self._token

    def forget(self, token: str) -> None:
        """The provider has refused this token; the next `get` fetches another, unless that has happened already."""
        if token == self._token:
            self._token, self._ends = "", 0.0

    async def _renew(self) -> str:
        grant = await self._fetch()
        self._token, self._lifetime = grant.token, grant.lifetime
        self._ends = self._monotonic() + grant.lifetime
        return grant.token

    def _fetched(self, task: asyncio.Task[str]) -> None:
        self._fetching = None
        if not task.cancelled():
            task.exception()  # seen: whoever waits gets it, and a renewal ahead of time is tried again at the next push


class SignedToken:
    """A token that we sign ourselves, used from one renewal to the next."""

    def __init__(
        self,
        sign: Callable[[], str],
        *,
        renew_after: float,
        not_before: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`renew_after` and `not_before` are seconds of a token's age: when it is replaced, and when it may be at all."""
        self._sign = sign
        self._renew_after = renew_after
        self._not_before = not_before
        self._monotonic = monotonic
        self._token = ""
        self._signed_at = 0.0

    def get(self) -> str:
        """The token."""
        if not self._token or self._monotonic() - self._signed_at >= self._renew_after:
            self._token, self._signed_at = self._sign(), self._monotonic()
        return self._token

    def renew(self, refused: str) -> bool:
        """The provider has refused this token as too old; return whether another try has a newer one."""
        if refused != self._token:
            return True
        if self._monotonic() - self._signed_at < self._not_before:
            return False
        self._token = ""
        return True
