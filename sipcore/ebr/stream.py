"""Events as they come, for `async for`: the same subscription as `notify_on_event`, read in the route that made it.

async with request.events((E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE), aor=callee.aor, timeout=20) as arrivals:
    async for event in arrivals:
        ...
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..errors import InvalidWord
from .lanes import MAX_PENDING, within
from .subscription import CANCELLED, EXPIRED, FAILED

if TYPE_CHECKING:
    from ..contract.events import Event
    from .subscription import Subscription

__all__ = ["EventStream"]


class EventStream:
    """What `request.events(…)` gives: subscribed on entering, ended on leaving, and by time or the end of the request."""

    def __init__(
        self, subscribe: Callable[[EventStream], Subscription], subscribed: Callable[[], Awaitable[None]]
    ) -> None:
        self._subscribe = subscribe
        self._subscribed = subscribed
        self._subscription: Subscription | None = None
        self._waiting: deque[Event] = deque()
        self._news = asyncio.Event()
        self.outcome = ""
        "Once it has ended: timeout, cancelled (the caller gave up) or gone; empty before."

    @property
    def subscription(self) -> Subscription:
        """The subscription behind it."""
        if self._subscription is None:
            raise InvalidWord("events() is entered first: `async with request.events(…) as arrivals`")
        return self._subscription

    def put(self, event: Event) -> bool:
        """Take a match; False when nobody has fetched so many."""
        if len(self._waiting) >= MAX_PENDING:
            return False
        self._waiting.append(event)
        self._news.set()
        return True

    def ended(self, subscription: Subscription, why: str) -> None:
        """The subscription is over; what was matched before can still be fetched."""
        if subscription.state == EXPIRED:
            self.outcome = "timeout"
        elif subscription.state in (CANCELLED, FAILED):
            self.outcome = "cancelled" if "cancel" in why else "gone"
            self._waiting.clear()
        self._news.set()

    async def __aenter__(self) -> EventStream:
        self._subscription = self._subscribe(self)
        await self._subscribed()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.subscription.cancel()

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if not self.subscription.is_live:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        event = self._waiting.popleft()
        within.set((event.depth, event.id))  # what is raised from here on was caused by it
        return event
