"""Lanes: what has fired for one owner runs one after the other, and in the order in which it fired.

Two events for one transaction never meet in the middle of a handler. Different owners do not wait for each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import TooLate
from .subscription import CANCELLED, FAILED

if TYPE_CHECKING:
    from ..contract.events import Event
    from .subscription import Owner, Subscription

__all__ = ["MAX_PENDING", "Lanes", "within"]

MAX_PENDING = 256  # fires of one owner that wait for a handler to finish

within: ContextVar[tuple[int, str]] = ContextVar("ebr_within", default=(0, ""))
"The depth and the id of the event whose handler is running; (0, ) outside of one."


class LaneUser(Protocol):
    """Whom the lanes tell what becomes of what they run."""

    def handler_starts(self, subscription: Subscription, event: Event, since: float) -> None: ...
    def handler_failed(self, subscription: Subscription, event: Event | None, error: Exception) -> None: ...
    def handler_too_late(self, subscription: Subscription, error: TooLate) -> None: ...
    def lane_is_full(self, subscription: Subscription) -> None: ...
    def lane_is_idle(self, owner: Owner) -> None: ...


class Lanes:
    """Runs handlers; `run` starts a coroutine and owns it from then on."""

    def __init__(self, run: Callable[[Coroutine[Any, Any, None]], object], user: LaneUser) -> None:
        self._run = run
        self._user = user

    def put(self, subscription: Subscription, event: Event | None, now: float) -> bool:
        """Have the handler run for an event, or `on_expire` for None; False when too much waits already."""
        owner = subscription.owner
        pending = owner.pending
        if pending is None:
            pending = owner.pending = deque()
        if len(pending) >= MAX_PENDING:
            self._user.lane_is_full(subscription)
            return False
        pending.append((subscription, event, now))
        return True

    def start(self, owner: Owner) -> None:
        """Work off what is pending, unless that is being done."""
        if owner.pending and not owner.running:
            owner.running = True
            self._run(self._work_off(owner, owner.pending))

    async def _work_off(self, owner: Owner, pending: deque[tuple[Subscription, Event | None, float]]) -> None:
        try:
            while pending:
                subscription, event, since = pending.popleft()
                if subscription.state in (CANCELLED, FAILED):
                    continue
                token = within.set((0, "") if event is None else (event.depth, event.id))
                try:
                    await self._handle(subscription, event, since)
                finally:
                    within.reset(token)
        finally:
            owner.running = owner.overflowed = False
            self._user.lane_is_idle(owner)

    async def _handle(self, subscription: Subscription, event: Event | None, since: float) -> None:
        # What has no event waits for its `on_expire`, and what has one for its route: nothing else is put here.
        options, user = subscription.options, self._user
        try:
            bound_to = subscription.owner.bound_to
            if event is None:
                result = options.on_expire(subscription, bound_to)  # type: ignore[misc,union-attr]
            else:
                user.handler_starts(subscription, event, since)
                if options is None or options.context is None:
                    result = subscription.route(event, bound_to)  # type: ignore[misc]
                else:
                    result = subscription.route(event, bound_to, options.context)  # type: ignore[misc]
            if isawaitable(result):
                await result
        except TooLate as error:
            user.handler_too_late(subscription, error)
        except Exception as error:
            user.handler_failed(subscription, event, error)
