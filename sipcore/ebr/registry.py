"""The live subscriptions of a worker: how one begins to live, and everything that ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from ..contract.events import E_SUB_CANCELLED, E_SUB_CREATED, E_SUB_EXPIRED
from ..contract.subscriptions import SubscriptionRecord
from ..ports import EventBus
from .deadlines import Deadlines
from .filters import Filter
from .index import SubscriptionIndex
from .lanes import Lanes
from .reports import Reports
from .subscription import CANCELLED, EXPIRED, Handler, Options, Owner, Subscription, WaitResult

__all__ = ["DURABLE", "MAX_SUBSCRIPTIONS", "STANDING", "Registry"]

MAX_SUBSCRIPTIONS = 100_000  # of one worker; the design target is half of it

STANDING = "standing"
"The `kind` of a subscription that a script declares: it lives with the script, whatever happens."
DURABLE = "none"
"The `bind` of a subscription that is bound to nothing, and kept for all workers."


class Registry:
    """What EventRouting knows about subscriptions; it makes them, and raises the events that fire them."""

    def __init__(self, bus: EventBus, monotonic: Callable[[], float], timers: Callable[..., Any]) -> None:
        self._bus = bus
        self._monotonic = monotonic
        self._index = SubscriptionIndex()
        self._live: dict[str, Subscription] = {}
        self._owners: dict[int, Owner] = {}
        self._deadlines = Deadlines(self._live, self._expire, monotonic, timers)
        self._made = 0
        self._lanes: Lanes
        self._reports: Reports

    @property
    def count(self) -> int:
        """How many subscriptions are live."""
        return len(self._live)

    def live(self) -> Iterable[Subscription]:
        """The live subscriptions, oldest first; to look again for each after the store was away."""
        return tuple(self._live.values())

    def find(self, subscription_id: str) -> Subscription | None:
        """The live subscription of that id."""
        return self._live.get(subscription_id)

    def release(self, bound_to: object, why: str, bind: str = "") -> int:
        """Cancel all subscriptions bound to an object (that very one, not an equal one); return how many there were.

        With `bind` only those that were bound by that name. Whoever waits is told `cancelled` when `why` speaks of
        cancelling, else `gone`.
        """
        owner = self._owners.get(id(bound_to))
        if owner is None:
            return 0
        if owner.pending and not bind:
            owner.pending.clear()
        elif owner.pending:
            kept = [each for each in owner.pending if each[0].record.bind != bind]
            owner.pending.clear()
            owner.pending.extend(kept)
        released = [each for each in owner.subscriptions.values() if not bind or each.record.bind == bind]
        for subscription in released:
            self._cancel(subscription, why)
        return len(released)

    def cancel(self, subscription_id: str, why: str) -> bool:
        """End one subscription, as its owner or an administrator asks; False when it is not live."""
        subscription = self._live.get(subscription_id)
        if subscription is None:
            return False
        self._cancel(subscription, why)
        return True

    def _add(
        self,
        compiled: Filter,
        record: SubscriptionRecord,
        seconds: float,
        owner: Owner,
        route: Handler | None,
        waiter: asyncio.Future[WaitResult] | None,
        max_fires: int,
        options: Options | None,
    ) -> Subscription:
        if len(self._live) >= MAX_SUBSCRIPTIONS:
            raise self._reports.limit_hit("subscriptions", MAX_SUBSCRIPTIONS)
        self._made += 1
        subscription = Subscription(
            self,
            record,
            compiled,
            owner,
            order=self._made,
            deadline=self._monotonic() + seconds,
            route=route,
            waiter=waiter,
            max_fires=max_fires,
            options=options,
        )
        self._live[record.id] = subscription
        owner.subscriptions[record.id] = subscription
        if owner.bound_to is not None:
            self._owners[id(owner.bound_to)] = owner
        if options is None or not options.reads_log:
            self._index.add(subscription)
        if record.kind != STANDING:
            self._deadlines.add(subscription)
        self._reports.tell(E_SUB_CREATED, subscription)
        return subscription

    def _cancel(self, subscription: Subscription, why: str) -> None:
        result = None if subscription.waiter is None else WaitResult("cancelled" if "cancel" in why else "gone")
        if self._end(subscription, CANCELLED, result, why):
            self._reports.tell(E_SUB_CANCELLED, subscription, why=why)

    def _expire(self, subscription: Subscription) -> None:
        options = subscription.options
        last = options is not None and options.on_expire is not None
        if last:
            self._lanes.put(subscription, None, self._monotonic())
        if self._end(subscription, EXPIRED, WaitResult("timeout")):
            self._reports.tell(E_SUB_EXPIRED, subscription)
            if last:
                self._lanes.start(subscription.owner)

    def _end(self, subscription: Subscription, state: str, result: WaitResult | None = None, why: str = "") -> bool:
        """The one way out of being live. What was matched before still runs, unless cancelled or failed."""
        if self._live.pop(subscription.id, None) is None:
            return False
        subscription.state = state
        options = subscription.options
        if options is None or not options.reads_log:
            self._index.remove(subscription)
        owner = subscription.owner
        owner.subscriptions.pop(subscription.id, None)
        self.lane_is_idle(owner)
        waiter = subscription.waiter
        if waiter is not None and result is not None and not waiter.done():
            waiter.set_result(result)
        if options is not None and options.reads_log:
            if options.stop_reading is not None:
                options.stop_reading()
        elif subscription.record.bind != DURABLE:
            self._bus.unsubscribe(subscription.record)
        if options is not None and options.ended is not None:
            options.ended(subscription, why or state)
        return True

    def lane_is_idle(self, owner: Owner) -> None:
        """Forget an owner of which nothing is left."""
        if owner.bound_to is not None and not (owner.subscriptions or owner.running or owner.pending):
            self._owners.pop(id(owner.bound_to), None)
