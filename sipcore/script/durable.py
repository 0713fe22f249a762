"""Durable subscriptions: bound to nothing, the same on every worker, there again after a restart.

A record in the store names a notification route, and is taken up by every worker that runs; the route is looked up by name
each time it fires, so a script that is loaded again takes over. An event is matched by the worker that raises it and by no
other, so exactly one worker runs the route, and it makes no difference which of them lives. One that may fire so often, or
once for each value, asks the store first. While no worker runs nothing fires, and what expires then expires silently.

What a script declares with `@on_event` is the same without the store: it is in force as long as the script is.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..contract.events import E_SCRIPT_ERROR, E_SUB_EXPIRED, Event
from ..contract.subscriptions import SubscriptionRecord
from ..ebr.filters import check_attribute, compile_filter
from ..ebr.routing import DURABLE, MAX_TIMEOUT
from ..ebr.subscription import CANCELLED, EXPIRED, FAILED, Subscription
from ..errors import InvalidWord, LocalError, NoSuchRoute, StoreUnavailable
from ..ports import MAX_DURABLE
from .route_table import RouteTable, Standing
from .server_ref import ServerRef

if TYPE_CHECKING:
    from ..ports import DurableSubscriptions
    from .environment import Environment

__all__ = ["Durables"]

MAX_CONTEXT = 4096  # bytes of JSON that one of them may carry
FOR_EVER = 10 * 365 * 86_400.0  # seconds; what a script declares ends with the script

log = logging.getLogger("sipcore.script")


class Durables:
    """The durable subscriptions of this worker, which are those of all, and those that its script declares."""

    def __init__(
        self, environment: Environment, store: DurableSubscriptions | None, routes: Callable[[], RouteTable]
    ) -> None:
        self._environment = environment
        self._store = store
        self._routes = routes
        self._standing: list[Subscription] = []
        self._here: dict[str, Subscription] = {}
        self._changed: set[str] = set()
        self._looking = False
        if store is not None:
            store.changed = self.look

    # For the script.

    async def subscribe(
        self,
        events: Any,
        filter: Any,
        route: Callable[..., Any],
        timeout: float,
        *,
        call_uid: str = "",
        once: bool = False,
        max_fires: int | None = None,
        dedup: Any = None,
        on_expire: Callable[..., Any] | None = None,
        context: Any = None,
        match_all: bool = False,
    ) -> Subscription:
        """Keep a subscription for all workers, and return it once it is kept. Raises StoreUnavailable when it cannot be,
        and InvalidWord for what cannot be kept: a route without a name in this script, a `dedup` that is a function."""
        env, store = self._environment, self._store
        if store is None:
            raise InvalidWord("there is nowhere to keep a durable subscription")
        compiled = compile_filter(events, filter, match_all=match_all)
        if not 0 < timeout <= MAX_TIMEOUT:
            raise InvalidWord(f"a timeout is more than 0 and at most {MAX_TIMEOUT:.0f} seconds, not {timeout}")
        if max_fires is not None and max_fires < 1:
            raise InvalidWord(f"max_fires is at least 1, not {max_fires}")
        if dedup is not None:
            if not isinstance(dedup, str):
                raise InvalidWord("dedup of a durable subscription is the name of an attribute")
            check_attribute(compiled.events, dedup)
        if len(_as_json(context)) > MAX_CONTEXT:
            raise InvalidWord(f"the context of a durable subscription is at most {MAX_CONTEXT} bytes of JSON")
        epoch = env.epoch()
        record = SubscriptionRecord(
            env.new_id(),
            compiled.events,
            compiled.conditions,
            env.worker,
            epoch + timeout,
            epoch,
            call_uid,
            self._name_of(route),
            "durable",
            DURABLE,
            1 if once else max_fires or 0,
            dedup or "",
            self._name_of(on_expire) if on_expire else "",
            context,
        )
        if not await store.add(record):
            raise env.routing.limit_hit("durable subscriptions", MAX_DURABLE, call_uid)
        return self._here.get(record.id) or self._take_up(record)

    # For the worker.

    async def load(self) -> None:
        """Take up what there is and this worker has not, and let go of what there is no more."""
        await self._look_at({""})

    def look(self, subscription_id: str = "") -> None:
        """That one has come or gone, or any of them; look, soon, and once for all that is said meanwhile."""
        self._changed.add(subscription_id)
        if not self._looking:
            self._looking = True
            self._environment.run(self._look_until_quiet(), "durable subscriptions")

    async def _look_until_quiet(self) -> None:
        try:
            while self._changed:
                changed, self._changed = self._changed, set()
                await self._look_at(changed)
        finally:
            self._looking = False

    async def _look_at(self, changed: set[str]) -> None:
        if self._store is None:
            return
        try:
            records = await (self._store.all() if "" in changed else self._store.some(changed))
        except StoreUnavailable:
            return  # what is here goes on; the next connection looks at all
        there = {record.id for record in records}
        for gone in [id for id in (self._here if "" in changed else changed) if id not in there]:
            self._let_go(gone, "removed")
        for record in records:
            if record.id not in self._here:
                try:
                    self._take_up(record)
                except LocalError as error:
                    log.warning("the durable subscription %s is not in force here: %s", record.id, error)

    def declare(self, routes: RouteTable) -> None:
        """Put in force what a script declares, in place of what the one before did."""
        for subscription in self._standing:
            subscription.cancel("script")
        env, epoch = self._environment, self._environment.epoch()
        self._standing = [
            env.routing.adopt(self._standing_record(each, epoch), each.route, bound_to=ServerRef(env))
            for each in routes.standing
        ]
        self.look()

    def _standing_record(self, standing: Standing, epoch: float) -> SubscriptionRecord:
        env, filter = self._environment, standing.filter
        return SubscriptionRecord(
            env.new_id(),
            filter.events,
            filter.conditions,
            env.worker,
            epoch + FOR_EVER,
            epoch,
            route=standing.route.__name__,
            kind="standing",
            bind=DURABLE,
        )

    # What happens to one of them.

    def _take_up(self, record: SubscriptionRecord) -> Subscription:
        subscription = self._here[record.id] = self._environment.routing.adopt(
            record,
            partial(self._fire, record),
            bound_to=ServerRef(self._environment),
            ended=self._ended,
        )
        return subscription

    async def _fire(self, record: SubscriptionRecord, event: Event, server: ServerRef, *context: Any) -> None:
        try:
            route = self._route(record.route)
        except NoSuchRoute as error:  # it may be back with the next script
            about = {"script": self._routes().name, "line": 0, "error": str(error)}
            self._environment.routing.raise_event(E_SCRIPT_ERROR, about, cause_id=event.id)
            return
        if (record.max_fires or record.dedup) and not await self._may_fire(record, event):
            return
        await route(event, server, *context)

    async def _may_fire(self, record: SubscriptionRecord, event: Event) -> bool:
        value = f"={event.attributes.get(record.dedup, getattr(event, record.dedup, ''))}" if record.dedup else ""
        try:
            return self._store is not None and await self._store.claim(record, value)
        except StoreUnavailable:
            log.warning("%s did not run for %s: the store is away, so another worker may", record.route, event.name)
            return False

    def _ended(self, subscription: Subscription, why: str) -> None:
        record = subscription.record
        if self._here.pop(record.id, None) is None or self._store is None:
            return
        if subscription.state in (CANCELLED, FAILED):
            self._environment.run(self._remove(record), "durable subscription")
        elif subscription.state == EXPIRED:
            self._environment.run(self._expire(record, subscription), "durable subscription")

    async def _remove(self, record: SubscriptionRecord) -> bool:
        try:
            return self._store is not None and await self._store.remove(record.id)
        except StoreUnavailable:
            return False  # it goes by its TTL, and fires on other workers until then

    async def _expire(self, record: SubscriptionRecord, subscription: Subscription) -> None:
        """Its time is over on every worker at once; the one that takes the record away says so."""
        if not await self._remove(record):
            return
        about = {"sub": record.id, "event": record.event, "filter": record.filter, "owner": record.owner}
        if self._environment.routing.wants(E_SUB_EXPIRED):
            self._environment.routing.tell(E_SUB_EXPIRED, {**about, "fires": subscription.fires})
        if record.on_expire:
            await self._route(record.on_expire)(subscription, ServerRef(self._environment))

    def _let_go(self, subscription_id: str, why: str) -> None:
        subscription = self._here.pop(subscription_id, None)
        if subscription is not None:
            subscription.cancel(why)

    def _route(self, name: str) -> Callable[..., Any]:
        route = self._routes().events.get(name)
        if route is None:
            raise NoSuchRoute(f"{self._routes().name} has no @event_route {name}, which a durable subscription names")
        return route

    def _name_of(self, route: Callable[..., Any]) -> str:
        name = getattr(route, "__name__", "")
        if name not in self._routes().events:
            raise InvalidWord(
                f"{name or route!r}: a durable subscription names an @event_route at the top of the script"
            )
        return name


def _as_json(context: Any) -> str:
    try:
        return json.dumps(context)
    except (TypeError, ValueError) as error:
        raise InvalidWord(f"the context of a durable subscription is kept as JSON: {error}") from None
