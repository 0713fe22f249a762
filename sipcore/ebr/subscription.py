"""One subscription, and the owner it shares a lane with.

A subscription is live until exactly one of these ends it: a match (waiting, or the last fire allowed), its time, being
cancelled, or its handler failing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from ..contract.events import Event
from ..contract.subscriptions import SubscriptionRecord
from .filters import Filter

if TYPE_CHECKING:
    from .registry import Registry

__all__ = ["CANCELLED", "EXPIRED", "FAILED", "LIVE", "MATCHED", "Options", "Owner", "Subscription", "WaitResult"]

LIVE = "live"
MATCHED = "matched"
EXPIRED = "expired"
CANCELLED = "cancelled"
FAILED = "failed"

MAX_REMEMBERED = 1024  # keys by which one subscription knows duplicates; the oldest is forgotten for one more

Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class WaitResult:
    """How waiting ended; true for a match."""

    outcome: str
    "match, timeout, cancelled (the caller gave up) or gone (what it was bound to has ended otherwise)."
    event: Event | None = None

    def __bool__(self) -> bool:
        return self.outcome == "match"


class Owner:
    """What subscriptions are bound to, and their lane: handlers of one owner run one after the other.

    An owner is a transaction, as a rule. A subscription bound to nothing has an owner of its own.
    """

    __slots__ = ("bound_to", "overflowed", "pending", "running", "subscriptions")

    def __init__(self, bound_to: object) -> None:
        self.bound_to = bound_to
        self.subscriptions: dict[str, Subscription] = {}
        self.pending: deque[tuple[Subscription, Event | None, float]] | None = None
        "What has fired and not run yet, and since when; made when it first fires. See `lanes.py`."
        self.running = False
        self.overflowed = False


class Options:
    """What few subscriptions ask for, beside the rest so that the many stay small."""

    __slots__ = ("context", "dedup", "ended", "on_expire", "reads_log", "seen", "sink", "stop_reading")

    def __init__(
        self,
        *,
        context: object = None,
        dedup: Callable[[Event], Hashable] | None = None,
        on_expire: Handler | None = None,
        ended: Callable[[Subscription, str], None] | None = None,
        sink: Callable[[Event], bool] | None = None,
        reads_log: bool = False,
    ) -> None:
        self.context = context
        "A third argument for the route."
        self.dedup = dedup
        "Tells what makes two events the same."
        self.seen: dict[Hashable, None] = {}
        self.on_expire = on_expire
        "Runs as `on_expire(subscription, bound_to)` when its time is over."
        self.ended = ended
        "Told when it has ended, and why."
        self.sink = sink
        "Takes matches instead of a route; False when it is full."
        self.reads_log = reads_log
        "Whether its events come from the event log, the past ones and those to come, and not as they are raised."
        self.stop_reading: Callable[[], None] | None = None

    def is_duplicate(self, event: Event) -> bool:
        """Whether such an event has been here before; from now on it has."""
        if self.dedup is None:
            return False
        key = self.dedup(event)
        if key in self.seen:
            return True
        if len(self.seen) >= MAX_REMEMBERED:
            del self.seen[next(iter(self.seen))]
        self.seen[key] = None
        return False


@final
class Subscription:
    """A handle on who waits for what, until when. Made by EventRouting only."""

    __slots__ = (
        "_registry",
        "deadline",
        "filter",
        "fires",
        "max_fires",
        "options",
        "order",
        "owner",
        "record",
        "route",
        "state",
        "waiter",
    )

    def __init__(
        self,
        registry: Registry,
        record: SubscriptionRecord,
        filter: Filter,
        owner: Owner,
        *,
        order: int,
        deadline: float,
        route: Handler | None,
        waiter: asyncio.Future[WaitResult] | None,
        max_fires: int,
        options: Options | None,
    ) -> None:
        self._registry = registry
        self.record = record
        self.filter = filter
        self.owner = owner
        self.order = order
        self.deadline = deadline
        "Loop time; an event at this instant is too late."
        self.route = route
        self.waiter = waiter
        self.max_fires = max_fires
        "0: any number."
        self.options = options
        self.fires = 0
        self.state = LIVE

    @property
    def id(self) -> str:
        """Its id, the same on every worker and in the API."""
        return self.record.id

    @property
    def is_live(self) -> bool:
        """Whether a matching event would still fire it."""
        return self.state == LIVE

    def cancel(self, why: str = "script") -> bool:
        """End it; False when it had ended before. What has been matched and not yet run does not run any more."""
        return self._registry.cancel(self.id, why)

    def __repr__(self) -> str:
        return f"<Subscription {self.id} {'|'.join(self.filter.events)} {self.state} fires={self.fires}>"
