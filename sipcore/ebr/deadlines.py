"""When which subscription ends: one heap, one timer, lazy cancellation.

An ended subscription leaves its entry behind, a number and an id; once these outnumber the live ones the heap is made
anew, so that it stays in proportion to what lives.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from contextvars import copy_context
from functools import partial
from typing import Any

from .subscription import Subscription

__all__ = ["Deadlines"]

_SLACK = 64  # entries of ended subscriptions that are not worth a clean-up


class Deadlines:
    """Calls `expire(subscription)` once for each live subscription whose time has come."""

    def __init__(
        self,
        live: Mapping[str, Subscription],
        expire: Callable[[Subscription], None],
        monotonic: Callable[[], float],
        call_at: Callable[..., Any],
    ) -> None:
        self._live = live
        self._expire = expire
        self._monotonic = monotonic
        self._call_at = call_at
        # Not that of the handler who happens to set the timer: what is over is no consequence of what he handles.
        self._own_context = copy_context()
        self._heap: list[tuple[float, str]] = []
        self._timer: Any = None
        self._armed_for = float("inf")

    def add(self, subscription: Subscription) -> None:
        """Have it expired at its deadline."""
        if len(self._heap) > 2 * len(self._live) + _SLACK:
            self._heap = [(each.deadline, each.id) for each in self._live.values()]
            heapq.heapify(self._heap)
        else:
            heapq.heappush(self._heap, (subscription.deadline, subscription.id))
        self._arm()

    def _fired(self) -> None:
        # asyncio may call within its clock resolution before the moment asked for; what is due then is due now.
        now = max(self._monotonic(), self._armed_for)
        self._timer, self._armed_for = None, float("inf")
        while self._heap and self._heap[0][0] <= now:
            _, subscription_id = heapq.heappop(self._heap)
            subscription = self._live.get(subscription_id)
            if subscription is not None:
                self._expire(subscription)
        self._arm()

    def _arm(self) -> None:
        while self._heap and self._heap[0][1] not in self._live:
            heapq.heappop(self._heap)
        if not self._heap or self._heap[0][0] >= self._armed_for:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = self._heap[0][0]
        self._timer = self._call_at(self._armed_for, partial(self._own_context.run, self._fired))

    def __len__(self) -> int:
        return len(self._heap)
