"""Event-based routing for one worker: who waits for what, until when, and what runs then.

An event concerns local subscriptions first, in the order in which they were made, and is then handed to the bus, for
other workers and the feed. Matching happens at once, in `raise_event`; handlers run afterwards, each owner's one after
the other, so that two events for one transaction never meet in the middle of a handler. A handler gets the event and
what its subscription is bound to, and nothing else of the place that subscribed, as in OpenSIPS; `context`, when
given, is a third argument.

Two departures from OpenSIPS. A subscription is bound to its transaction and dies with it. And a deadline is exact: the
interval is [t0, t0 + timeout) of the monotonic clock, and memory is freed when it ends, not when the event next comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextvars import ContextVar
from inspect import isawaitable
from typing import Any

from ..contract.events import CATALOGUE, E_LIMIT_HIT, E_SUB_CANCELLED, E_SUB_FAILED, Event
from ..contract.subscriptions import SubscriptionRecord
from ..errors import InvalidWord, NoSuchRoute, TooLate, TransactionCancelled, TransactionFinal
from ..ports import EventBus
from .attributes import checked_attributes
from .deadlines import Deadlines
from .filters import compile_filter, event_type
from .index import SubscriptionIndex
from .subscription import CANCELLED, EXPIRED, FAILED, LIVE, MATCHED, Handler, Owner, Subscription, WaitResult

__all__ = ["MAX_NESTING", "MAX_PENDING", "MAX_SUBSCRIPTIONS", "MAX_TIMEOUT", "EventRouting"]

MAX_TIMEOUT = 86_400.0  # seconds; what waits longer belongs into the database
MAX_SUBSCRIPTIONS = 100_000  # of one worker; the design target is half of it
MAX_PER_OWNER = 128  # of one transaction
MAX_PENDING = 256  # fires of one owner that wait for a handler to finish
MAX_NESTING = 8  # events raised by handlers of events raised by handlers …

log = logging.getLogger("sipcore.ebr")

_nesting: ContextVar[int] = ContextVar("ebr_nesting", default=0)


class EventRouting:
    """The subscriptions of one worker.

    `run` starts a coroutine and owns it from then on; `timers` is `loop.call_at` or stands in for it, and works on the
    same clock as `monotonic`.
    """

    def __init__(
        self,
        bus: EventBus,
        worker: str,
        new_id: Callable[[], str],
        monotonic: Callable[[], float],
        epoch: Callable[[], float],
        run: Callable[[Coroutine[Any, Any, None]], object],
        timers: Callable[..., Any],
    ) -> None:
        self._bus = bus
        self._worker = worker
        self._new_id = new_id
        self._monotonic = monotonic
        self._epoch = epoch
        self._run = run
        self._index = SubscriptionIndex()
        self._live: dict[str, Subscription] = {}
        self._owners: dict[int, Owner] = {}
        self._deadlines = Deadlines(self._live, self._expire, monotonic, timers)
        self._made = 0
        self.evaluations = 0
        "How many filters have been evaluated."
        self.fired = 0
        "How many subscriptions events have fired."
        self.dropped = 0
        "How many events or fires were given up to a limit."

    @property
    def count(self) -> int:
        """How many subscriptions are live."""
        return len(self._live)

    def live(self) -> Iterable[Subscription]:
        """The live subscriptions, oldest first; to look again for each after the store was away."""
        return tuple(self._live.values())

    def notify_on_event(
        self,
        events: str | Iterable[str],
        filter: Any,
        route: Handler,
        timeout: float,
        *,
        bound_to: object = None,
        call_uid: str = "",
        once: bool = False,
        max_fires: int | None = None,
        context: object = None,
        match_all: bool = False,
    ) -> Subscription:
        """Run `route(event, bound_to)` for each matching event until `timeout` seconds have passed.

        In force on this worker at once; `bus.subscribed()` tells when it is everywhere. Raises UnknownEvent, BadFilter,
        NoSuchRoute or InvalidWord, and then nothing is subscribed.
        """
        if not callable(route):
            raise NoSuchRoute(f"a notification route is a function, not {route!r}")
        if max_fires is not None and max_fires < 1:
            raise InvalidWord(f"max_fires is at least 1, not {max_fires}")
        return self._subscribe(
            events,
            filter,
            timeout,
            bound_to=bound_to,
            call_uid=call_uid,
            max_fires=1 if once else max_fires or 0,
            context=context,
            match_all=match_all,
            route=route,
        )

    async def wait_for_event(
        self,
        events: str | Iterable[str],
        filter: Any,
        timeout: float,
        *,
        bound_to: object = None,
        call_uid: str = "",
        match_all: bool = False,
    ) -> WaitResult:
        """Wait for the first matching event, the end of `timeout` seconds, or the end of what it is bound to.

        Exactly one of these is the outcome. Time counts from the call.
        """
        waiter: asyncio.Future[WaitResult] = asyncio.get_running_loop().create_future()
        subscription = self._subscribe(
            events, filter, timeout, bound_to=bound_to, call_uid=call_uid, match_all=match_all, waiter=waiter
        )
        try:
            await self._bus.subscribed()
            return await waiter
        finally:
            self._end(subscription, CANCELLED)  # this task was cancelled; else it has ended already

    def raise_event(self, name: str, attributes: Mapping[str, Any], *, call_uid: str = "", cause_id: str = "") -> Event:
        """Tell everybody who waits for it that something has happened; return the event.

        Raises UnknownEvent, or ScriptError for an attribute that is not declared or of another type; attributes may be
        missing. Past MAX_NESTING the event goes nowhere, and E_LIMIT_HIT says so.
        """
        event = self._event(name, checked_attributes(event_type(name), attributes), call_uid, cause_id)
        self._announce(event)
        return event

    def tell(self, name: str, attributes: Mapping[str, Any], *, call_uid: str = "") -> None:
        """Like `raise_event`, for rooms that declare what they raise: the attributes are neither checked nor copied."""
        self._announce(self._event(name, attributes, call_uid, ""))

    def is_awaited(self, name: str, attributes: Mapping[str, Any]) -> bool:
        """Whether anybody may wait for such an event, here or elsewhere. The indexed attributes are enough to tell."""
        return self._bus.has_peers or bool(self._index.candidates(name, attributes))

    def deliver(self, subscription_id: str, event: Event) -> bool:
        """Take an event that another worker has matched with a subscription of this one.

        The filter is evaluated again: what another process says is no reason to let an event through.
        """
        subscription = self._live.get(subscription_id)
        if subscription is None or event.name not in CATALOGUE or event.name not in subscription.filter.events:
            return False
        return self._offer(subscription, event, self._monotonic(), 1)

    def receive(self, event: Event) -> int:
        """Take an event that the web side raised and has told the feed itself; return how many local matches it had."""
        if event.name not in CATALOGUE:
            return 0
        now = self._monotonic()
        return sum(
            self._offer(subscription, event, now, 1)
            for subscription in self._index.candidates(event.name, event.attributes)
        )

    def release(self, bound_to: object, why: str) -> int:
        """Cancel all subscriptions bound to an object (that very one, not an equal one); return how many there were.

        Whoever waits is told `cancelled` when `why` speaks of cancelling, else `gone`.
        """
        owner = self._owners.get(id(bound_to))
        if owner is None:
            return 0
        if owner.pending:
            owner.pending.clear()
        released = list(owner.subscriptions.values())
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

    # -- subscribing and ending

    def _subscribe(
        self,
        events: str | Iterable[str],
        filter: Any,
        timeout: float,
        *,
        bound_to: object,
        call_uid: str,
        match_all: bool,
        max_fires: int = 0,
        context: object = None,
        route: Handler | None = None,
        waiter: asyncio.Future[WaitResult] | None = None,
    ) -> Subscription:
        compiled = compile_filter(events, filter, match_all=match_all)
        if not 0 < timeout <= MAX_TIMEOUT:
            raise InvalidWord(f"a timeout is more than 0 and at most {MAX_TIMEOUT:.0f} seconds, not {timeout}")
        if len(self._live) >= MAX_SUBSCRIPTIONS:
            raise self._limit_hit("subscriptions", MAX_SUBSCRIPTIONS)
        owner = Owner(None) if bound_to is None else self._owners.get(id(bound_to)) or Owner(bound_to)
        if len(owner.subscriptions) >= MAX_PER_OWNER:
            raise self._limit_hit("subscriptions of one call", MAX_PER_OWNER)
        epoch = self._epoch()
        record = SubscriptionRecord(
            id=self._new_id(),
            events=compiled.events,
            conditions=compiled.conditions,
            owner=self._worker,
            expires_at=epoch + timeout,
            created_at=epoch,
            call_uid=call_uid,
            route="" if route is None else getattr(route, "__name__", ""),
            kind="wait" if route is None else "notify",
        )
        self._made += 1
        subscription = Subscription(
            self,
            record,
            compiled,
            owner,
            order=self._made,
            deadline=self._monotonic() + timeout,
            route=route,
            waiter=waiter,
            max_fires=1 if route is None else max_fires,
            context=context,
        )
        self._live[record.id] = subscription
        owner.subscriptions[record.id] = subscription
        if bound_to is not None:
            self._owners[id(bound_to)] = owner
        self._index.add(subscription)
        self._deadlines.add(subscription)
        self._bus.subscribe(record)
        return subscription

    def _cancel(self, subscription: Subscription, why: str) -> None:
        outcome = "cancelled" if "cancel" in why else "gone"
        # The event is awaited nearly never, and every call ends with some of these.
        if self._end(subscription, CANCELLED, WaitResult(outcome)) and self.is_awaited(E_SUB_CANCELLED, {}):
            about = {"sub": subscription.id, "event": "|".join(subscription.filter.events), "why": why}
            self._announce(self._event(E_SUB_CANCELLED, about, subscription.record.call_uid, ""))

    def _expire(self, subscription: Subscription) -> None:
        self._end(subscription, EXPIRED, WaitResult("timeout"))

    def _end(self, subscription: Subscription, state: str, result: WaitResult | None = None) -> bool:
        """The one way out of being live. What was matched before still runs, unless cancelled or failed."""
        if self._live.pop(subscription.id, None) is None:
            return False
        subscription.state = state
        self._index.remove(subscription)
        owner = subscription.owner
        owner.subscriptions.pop(subscription.id, None)
        self._forget_if_idle(owner)
        waiter = subscription.waiter
        if waiter is not None and result is not None and not waiter.done():
            waiter.set_result(result)
        self._bus.unsubscribe(subscription.record)
        return True

    def _forget_if_idle(self, owner: Owner) -> None:
        if owner.bound_to is not None and not owner.subscriptions and not owner.running:
            self._owners.pop(id(owner.bound_to), None)

    # -- events

    def _event(self, name: str, attributes: Mapping[str, Any], call_uid: str, cause_id: str) -> Event:
        return Event(self._new_id(), name, self._epoch(), self._worker, attributes, call_uid, cause_id)

    def _announce(self, event: Event) -> None:
        depth = _nesting.get() + 1
        if depth > MAX_NESTING:
            self.dropped += 1
            if depth == MAX_NESTING + 1 and event.name != E_LIMIT_HIT:
                log.warning("%s refused: raised by a handler of an event, %d times over", event.name, MAX_NESTING)
                self._bus.publish(self._limit_event("nesting", MAX_NESTING, event.call_uid, event.cause_id))
            return
        candidates = self._index.candidates(event.name, event.attributes)
        if candidates:
            now = self._monotonic()
            for subscription in candidates:
                self._offer(subscription, event, now, depth)
        self._bus.publish(event)

    def _offer(self, subscription: Subscription, event: Event, now: float, depth: int) -> bool:
        self.evaluations += 1
        if now >= subscription.deadline or subscription.state != LIVE:
            return False
        if not subscription.filter.matches(event.attributes):
            return False
        owner = subscription.owner
        pending = owner.pending
        if pending is None:
            pending = owner.pending = deque()
        if len(pending) >= MAX_PENDING:
            self._overflow(owner, subscription)
            return False
        self.fired += 1
        subscription.fires += 1
        if subscription.route is not None:
            pending.append((subscription, event, depth))
            if not owner.running:
                owner.running = True
                self._run(self._work_off(owner, pending))
        if subscription.max_fires and subscription.fires >= subscription.max_fires:
            self._end(subscription, MATCHED, WaitResult("match", event))
        return True

    def _overflow(self, owner: Owner, subscription: Subscription) -> None:
        self.dropped += 1
        if not owner.overflowed:
            owner.overflowed = True  # said once, until it has caught up
            self._limit_hit("pending events of one call", MAX_PENDING, subscription.record.call_uid)

    async def _work_off(self, owner: Owner, pending: deque[tuple[Subscription, Event, int]]) -> None:
        """Run what is pending for an owner, in order."""
        try:
            while pending:
                subscription, event, depth = pending.popleft()
                if subscription.state in (CANCELLED, FAILED):
                    continue
                nesting = _nesting.set(depth)
                try:
                    await self._handle(subscription, event)
                finally:
                    _nesting.reset(nesting)
        finally:
            owner.running = owner.overflowed = False
            self._forget_if_idle(owner)

    async def _handle(self, subscription: Subscription, event: Event) -> None:
        arguments = (event, subscription.owner.bound_to)
        if subscription.context is not None:
            arguments = (*arguments, subscription.context)
        try:
            result = subscription.route(*arguments)  # type: ignore[misc]
            if isawaitable(result):
                await result
        except TooLate as error:
            self._cancel(subscription, _why(error))
        except Exception as error:
            log.exception("%s failed on %s", subscription.record.route, event.name)
            self._end(subscription, FAILED)
            subscription.state = FAILED  # also when that was its last fire
            about = {
                "sub": subscription.id,
                "event": event.name,
                "error": f"{subscription.record.route}: {type(error).__name__}: {error}"[:500],
            }
            self._announce(self._event(E_SUB_FAILED, about, subscription.record.call_uid, event.id))

    def _limit_hit(self, limit: str, value: int, call_uid: str = "") -> InvalidWord:
        """Tell the feed, and return the error for whoever asked for more. Never matched: it must not add to the load."""
        self._bus.publish(self._limit_event(limit, value, call_uid, ""))
        return InvalidWord(f"more than {value} {limit}")

    def _limit_event(self, limit: str, value: int, call_uid: str, cause_id: str) -> Event:
        return self._event(E_LIMIT_HIT, {"limit": limit, "value": value}, call_uid, cause_id)


def _why(error: TooLate) -> str:
    if isinstance(error, TransactionCancelled):
        return "tx-cancelled"
    return "tx-final" if isinstance(error, TransactionFinal) else "tx-gone"
