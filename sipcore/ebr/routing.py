"""Event-based routing for one worker: who waits for what, until when, and what runs then.

An event concerns local subscriptions first, in the order in which they were made, and is then handed to the bus, for
other workers and the feed. Matching happens at once, in `raise_event`; handlers run afterwards, in `lanes.py`. A handler
gets the event and what its subscription is bound to, and nothing else of the place that subscribed, as in OpenSIPS;
`context`, when given, is a third argument.

Two departures from OpenSIPS. A subscription is bound to its transaction and dies with it. And a deadline is exact: the
interval is [t0, t0 + timeout) of the monotonic clock, and memory is freed when it ends, not when the event next comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Hashable, Iterable, Mapping
from functools import partial
from operator import attrgetter
from pathlib import PurePath
from typing import Any

from ..contract.event_log import FROM_NOW_ON, is_cursor
from ..contract.events import (
    CATALOGUE,
    E_LIMIT_HIT,
    E_SUB_FAILED,
    E_SUB_FIRED,
    Event,
)
from ..contract.subscriptions import SubscriptionRecord
from ..errors import InvalidWord, NoSuchRoute, TooLate, TransactionCancelled, TransactionFinal, line_of
from ..ports import EventBus
from .attributes import checked_attributes
from .filters import Filter, check_attribute, compile_filter, event_type, filter_of
from .lanes import MAX_PENDING, Lanes, within
from .registry import DURABLE, MAX_SUBSCRIPTIONS, STANDING, Registry
from .reports import Reports
from .stream import EventStream
from .subscription import CANCELLED, FAILED, LIVE, MATCHED, Handler, Options, Owner, Subscription, WaitResult

__all__ = ["DURABLE", "MAX_NESTING", "MAX_PENDING", "MAX_SUBSCRIPTIONS", "MAX_TIMEOUT", "EventRouting"]

MAX_TIMEOUT = 86_400.0  # seconds; what waits longer belongs into the database
MAX_PER_OWNER = 128  # of one transaction
MAX_NESTING = 8  # events raised by handlers of events raised by handlers …

log = logging.getLogger("sipcore.ebr")

Dedup = str | Callable[[Event], Hashable]


class EventRouting(Registry):
    """The event-based routing of one worker, with its subscriptions.

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
        super().__init__(bus, monotonic, timers)
        self._worker = worker
        self._new_id = new_id
        self._epoch = epoch
        self._lanes = Lanes(run, self)
        self._reports = Reports(self._report, self.wants, monotonic, worker)
        self.evaluations = 0
        "How many filters have been evaluated."
        self.fired = 0
        "How many subscriptions events have fired."
        self.dropped = 0
        "How many events or fires were given up to a limit."

    def notify_on_event(
        self,
        events: str | Iterable[str],
        filter: Any,
        route: Handler,
        timeout: float,
        *,
        bound_to: object = None,
        bind: str = "transaction",
        call_uid: str = "",
        once: bool = False,
        max_fires: int | None = None,
        dedup: Dedup | None = None,
        on_expire: Handler | None = None,
        context: object = None,
        match_all: bool = False,
        ended: Callable[[Subscription, str], None] | None = None,
        from_cursor: str | None = None,
    ) -> Subscription:
        """Run `route(event, bound_to)` for each matching event until `timeout` seconds have passed.

        In force on this worker at once; `bus.subscribed()` tells when it is everywhere. `once` or `max_fires` end it after
        so many. `dedup` names an attribute, or is a function of the event: what has the same value fires once.
        `on_expire(subscription, bound_to)` runs when the time is over, after whatever has fired. `bind` is the name of
        what `bound_to` is, and `ended(subscription, why)` is told of every end. `from_cursor` begins in the past: the events
        come from the event log, those after that cursor and then those that are raised anywhere, in the log's order, none
        missing and none twice, each with its `cursor`; `$` begins now. The log has them a few hundredths of a second late, and
        without attributes that are records themselves. Raises UnknownEvent, BadFilter, NoSuchRoute or InvalidWord, and then
        nothing is subscribed.
        """
        for each in (route, on_expire or route):
            if not callable(each):
                raise NoSuchRoute(f"a notification route is a function, not {each!r}")
        if max_fires is not None and max_fires < 1:
            raise InvalidWord(f"max_fires is at least 1, not {max_fires}")
        options = None
        reads_log = from_cursor is not None
        if reads_log or not (context is None and dedup is None and on_expire is None and ended is None):
            key = _dedup_key(events, dedup)
            options = Options(context=context, dedup=key, on_expire=on_expire, ended=ended, reads_log=reads_log)
        return self._subscribe(
            events,
            filter,
            timeout,
            bound_to=bound_to,
            bind=bind,
            call_uid=call_uid,
            max_fires=1 if once else max_fires or 0,
            dedup=dedup if isinstance(dedup, str) else "()" if dedup else "",
            options=options,
            match_all=match_all,
            route=route,
            from_cursor=from_cursor,
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
            result = await waiter
            if result.event is not None:
                within.set((result.event.depth, result.event.id))  # what its route does now was caused by it
            return result
        finally:
            self._end(subscription, CANCELLED)  # this task was cancelled; else it has ended already

    def stream(
        self,
        events: str | Iterable[str],
        filter: Any,
        timeout: float,
        *,
        bound_to: object,
        call_uid: str = "",
        match_all: bool = False,
    ) -> EventStream:
        """All matching events of `timeout` seconds, for `async with` and `async for`."""

        def subscribe(stream: EventStream) -> Subscription:
            options = Options(sink=stream.put, ended=stream.ended)
            return self._subscribe(
                events,
                filter,
                timeout,
                bound_to=bound_to,
                call_uid=call_uid,
                match_all=match_all,
                options=options,
            )

        return EventStream(subscribe, self._bus.subscribed)

    def adopt(
        self,
        record: SubscriptionRecord,
        route: Handler,
        *,
        bound_to: object,
        on_expire: Handler | None = None,
        ended: Callable[[Subscription, str], None] | None = None,
    ) -> Subscription:
        """Take up a durable subscription, which is kept elsewhere: it is not given to the bus.

        Its deadline is that of the record, by the wall clock as it is now.
        """
        compiled = filter_of(record.events, record.conditions)
        options = Options(context=record.context, on_expire=on_expire, ended=ended)
        return self._add(compiled, record, record.expires_at - self._epoch(), Owner(bound_to), route, None, 0, options)

    def raise_event(self, name: str, attributes: Mapping[str, Any], *, call_uid: str = "", cause_id: str = "") -> Event:
        """Tell everybody who waits for it that something has happened; return the event.

        What a handler raises was caused by the event that it handles; else `cause_id` says what. Raises UnknownEvent, or
        ScriptError for an attribute that is not declared or of another type; attributes may be missing. Past MAX_NESTING
        the event goes nowhere, and E_LIMIT_HIT says so.
        """
        depth, handled = within.get()
        checked = checked_attributes(event_type(name), attributes)
        event = self._event(name, checked, call_uid, handled or cause_id, depth + 1)
        self._announce(event)
        return event

    def tell(self, name: str, attributes: Mapping[str, Any], *, call_uid: str = "", cause_id: str = "") -> None:
        """Like `raise_event`, for rooms that declare what they raise: the attributes are neither checked nor copied, and
        what caused it is for them to say."""
        self._announce(self._event(name, attributes, call_uid, cause_id, within.get()[0] + 1))

    def tell_all(self, told: Iterable[tuple[str, Mapping[str, Any], str, str]]) -> None:
        """`tell`, for what one turn has to say: name, attributes, call uid and cause of each."""
        depth, epoch = within.get()[0] + 1, self._epoch()
        for name, attributes, call_uid, cause_id in told:
            event = Event(self._new_id(), name, epoch, self._worker, attributes, call_uid, cause_id, depth)
            if depth > MAX_NESTING or self._index.has_any(name):
                self._announce(event)
            else:
                self._bus.publish(event)  # nearly always: nobody waits for what happens to a branch

    def tell_here(self, name: str, attributes: Mapping[str, Any], *, cause_id: str = "") -> int:
        """Like `tell`, for the subscriptions of this worker alone, and not for the log; return how many it concerned.

        For what this worker knows and cannot make known: nobody else may take it for a fact.
        """
        return self.receive(self._event(name, attributes, "", cause_id, within.get()[0] + 1))

    def waits_here(self, name: str, attributes: Mapping[str, Any]) -> bool:
        """Whether a subscription of this worker may wait for such an event. The indexed attributes are enough to tell."""
        return bool(self._index.candidates(name, attributes))

    def when_awaited(self, name: str, attributes: Mapping[str, Any], then: Callable[[], None]) -> None:
        """Call `then` if anybody may wait for such an event: at once if it is here, in a moment if it is elsewhere.

        The indexed attributes are enough to tell.
        """
        if self.waits_here(name, attributes):
            then()
        else:
            self._bus.when_awaited(name, attributes, then)

    def wants(self, name: str) -> bool:
        """Whether anybody may wait for an event that is not shown. Two look-ups: ask before it is made."""
        return self._index.has_any(name) or self._bus.wants(name)

    def deliver(self, subscription_id: str, event: Event) -> bool:
        """Take an event that another worker has matched with a subscription of this one.

        The filter is evaluated again: what another process says is no reason to let an event through.
        """
        subscription = self._live.get(subscription_id)
        if subscription is None or event.name not in CATALOGUE or event.name not in subscription.filter.events:
            return False
        offered = self._offer(subscription, event, self._monotonic())
        self._lanes.start(subscription.owner)
        return offered

    def receive(self, event: Event) -> int:
        """Take an event that the web side raised and has told the feed itself, and offer it to other workers; return how many
        local matches it had."""
        if event.name not in CATALOGUE:
            return 0
        now = self._monotonic()
        candidates = self._index.candidates(event.name, event.attributes)
        matches = sum(self._offer(subscription, event, now) for subscription in candidates)
        self._bus.offer(event)
        for subscription in candidates:
            self._lanes.start(subscription.owner)
        return matches

    def _subscribe(
        self,
        events: str | Iterable[str],
        filter: Any,
        timeout: float,
        *,
        bound_to: object,
        call_uid: str,
        match_all: bool,
        bind: str = "transaction",
        max_fires: int = 0,
        dedup: str = "",
        options: Options | None = None,
        route: Handler | None = None,
        waiter: asyncio.Future[WaitResult] | None = None,
        from_cursor: str | None = None,
    ) -> Subscription:
        compiled = compile_filter(events, filter, match_all=match_all)
        if from_cursor is not None:
            _check_cursor(from_cursor, compiled)
        if not 0 < timeout <= MAX_TIMEOUT:
            raise InvalidWord(f"a timeout is more than 0 and at most {MAX_TIMEOUT:.0f} seconds, not {timeout}")
        owner = Owner(None) if bound_to is None else self._owners.get(id(bound_to)) or Owner(bound_to)
        if len(owner.subscriptions) >= MAX_PER_OWNER:
            raise self._reports.limit_hit("subscriptions of one call", MAX_PER_OWNER)
        epoch = self._epoch()
        record = SubscriptionRecord(
            self._new_id(),
            compiled.events,
            compiled.conditions,
            self._worker,
            epoch + timeout,
            epoch,
            call_uid,
            "" if route is None else getattr(route, "__name__", ""),
            "wait" if route is None else "notify",
            bind,
            max_fires,
            dedup,
            "" if options is None else getattr(options.on_expire, "__name__", ""),
        )
        max_fires = 1 if waiter is not None else max_fires
        subscription = self._add(compiled, record, timeout, owner, route, waiter, max_fires, options)
        if from_cursor is None:
            self._bus.subscribe(record)
        else:
            options.stop_reading = self._bus.follow(  # type: ignore[union-attr]  # who has a cursor has options
                from_cursor, partial(self._read, subscription), partial(self._log_is_shorter, call_uid)
            )
        return subscription

    # -- events

    def _event(
        self, name: str, attributes: Mapping[str, Any], call_uid: str, cause_id: str = "", depth: int = 1
    ) -> Event:
        return Event(self._new_id(), name, self._epoch(), self._worker, attributes, call_uid, cause_id, depth)

    def _report(self, name: str, attributes: Mapping[str, Any], call_uid: str, cause_id: str, depth: int) -> None:
        self._announce(self._event(name, attributes, call_uid, cause_id, depth))

    def _announce(self, event: Event) -> None:
        if event.depth > MAX_NESTING:
            self.dropped += 1
            if event.name != E_LIMIT_HIT:
                log.warning("%s refused: raised by a handler of an event, %d times over", event.name, MAX_NESTING)
                self._reports.limit_hit("nesting", MAX_NESTING, event.call_uid, event.cause_id)
            return
        candidates = self._index.candidates(event.name, event.attributes)
        if not candidates:
            self._bus.publish(event)
            return
        now = self._monotonic()
        for subscription in candidates:
            self._offer(subscription, event, now)
        self._bus.publish(event)
        for subscription in candidates:  # last: a handler may run in here, and what it raises stands behind its cause
            self._lanes.start(subscription.owner)

    def _offer(self, subscription: Subscription, event: Event, now: float) -> bool:
        self.evaluations += 1
        if now >= subscription.deadline or subscription.state != LIVE:
            return False
        if not subscription.filter.matches(event):
            return False
        options = subscription.options
        if options is not None and options.dedup is not None:
            try:
                if options.is_duplicate(event):
                    return False
            except Exception as error:  # the script's function, or a key that cannot be one
                self.handler_failed(subscription, event, error)
                return False
        if subscription.route is not None:
            if not self._lanes.put(subscription, event, now):
                return False
        elif options is not None and options.sink is not None and not options.sink(event):
            self.lane_is_full(subscription)
            return False
        self.fired += 1
        subscription.fires += 1
        if subscription.max_fires and subscription.fires >= subscription.max_fires:
            self._end(subscription, MATCHED, WaitResult("match", event))
        return True

    # -- events of the log

    def _read(self, subscription: Subscription, event: Event) -> bool:
        """Take an event of the log for a subscription that reads it; False when too much waits for its handler."""
        if subscription.state != LIVE or event.name not in subscription.filter.events:
            return True
        if len(subscription.owner.pending or ()) >= MAX_PENDING:
            return False
        self._offer(subscription, event, self._monotonic())
        self._lanes.start(subscription.owner)
        return True

    def _log_is_shorter(self, call_uid: str) -> None:
        self._reports.limit_hit("age of a cursor of the event log", 0, call_uid)

    def limit_hit(self, limit: str, value: int, call_uid: str = "") -> InvalidWord:
        """Say, not too often, that a limit was reached; return the error for whoever asked for more."""
        return self._reports.limit_hit(limit, value, call_uid)

    # -- what the lanes say

    def handler_starts(self, subscription: Subscription, event: Event, since: float) -> None:
        """A handler is about to run for an event that was matched at loop time `since`."""
        if self.wants(E_SUB_FIRED):
            latency = round((self._monotonic() - since) * 1000, 3)
            self._reports.tell(E_SUB_FIRED, subscription, event.id, event.depth + 1, latency_ms=latency)

    def handler_failed(self, subscription: Subscription, event: Event | None, error: Exception) -> None:
        """A handler has raised: its subscription fails, which is said once."""
        record = subscription.record
        route = record.on_expire if event is None else record.route
        log.error("%s failed on %s", route, event.name if event else "its end", exc_info=error)
        if record.kind != STANDING:
            self._end(subscription, FAILED)
            subscription.state = FAILED  # also when that was its last fire
        text = f"{route}: {type(error).__name__}: {error}"[:500]
        handler = subscription.options.on_expire if event is None and subscription.options else subscription.route
        file = getattr(getattr(handler, "__code__", None), "co_filename", "")
        place = {"script": PurePath(file).name, "line": line_of(error, file)}
        self._reports.tell(
            E_SUB_FAILED, subscription, event.id if event else "", event.depth + 1 if event else 1, error=text, **place
        )

    def handler_too_late(self, subscription: Subscription, error: TooLate) -> None:
        """The world has moved on while the handler ran, and its subscription with it."""
        self._cancel(subscription, _why(error))

    def lane_is_full(self, subscription: Subscription) -> None:
        """Too much waits for one owner already."""
        self.dropped += 1
        owner = subscription.owner
        if not owner.overflowed:
            owner.overflowed = True  # said once, until it has caught up
            self._reports.limit_hit("pending events of one call", MAX_PENDING, subscription.record.call_uid)


def _dedup_key(events: str | Iterable[str], dedup: Dedup | None) -> Callable[[Event], Hashable] | None:
    if dedup is None or callable(dedup):
        return dedup
    check_attribute((events,) if isinstance(events, str) else tuple(events), dedup)
    if dedup in ("call_uid", "cause_id", "node"):
        return attrgetter(dedup)
    return lambda event: event.attributes.get(dedup)


def _check_cursor(cursor: str, filter: Filter) -> None:
    if cursor != FROM_NOW_ON and not (isinstance(cursor, str) and is_cursor(cursor)):
        raise InvalidWord(f"from_cursor is the cursor of an event, or {FROM_NOW_ON}; not {cursor!r}")
    unseen = [name for name in filter.events if not CATALOGUE[name].shown]
    if unseen:
        raise InvalidWord(f"{', '.join(unseen)}: for handlers only, and not in the event log")


def _why(error: TooLate) -> str:
    if isinstance(error, TransactionCancelled):
        return "tx-cancelled"
    return "tx-final" if isinstance(error, TransactionFinal) else "tx-gone"
