"""The ports in memory: the same behaviour as on Redis, without a server.

A MemoryStore stands for the server. Several workers of one test share it, each with ports of its own, and
`store.available = False` takes it away from all of them. What is said between workers arrives at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ..contract.calls import CallRecord, CallState
from ..contract.directory import PickupGroupRecord, SubscriberRecord
from ..contract.event_log import FROM_NOW_ON, KEEP_ENTRIES, cursor_order
from ..contract.events import CATALOGUE, Event
from ..contract.location import Binding, BindingChanges
from ..contract.records import replace
from ..contract.subscriptions import ConditionRecord, SubscriptionRecord
from ..errors import DirectoryNotReady, StoreUnavailable
from ..ports import MAX_DURABLE
from .event_log import MAX_KEPT
from .held import HeldBindings
from .log_follower import AGAIN
from .ordering import by_preference, pickable, unexpired

__all__ = ["MemoryCallBoard", "MemoryDirectory", "MemoryDurables", "MemoryEventBus", "MemoryLocation", "MemoryStore"]

T = TypeVar("T")

Compile = Callable[[Iterable[ConditionRecord]], Callable[[Event], bool]]


class MemoryStore:
    """What the Redis server would hold."""

    def __init__(self, epoch: Callable[[], float]) -> None:
        self.epoch = epoch
        self._available = True
        self.ready = True
        "Whether a complete directory has been published."
        self.bindings: dict[str, tuple[Binding, ...]] = {}
        self.subscribers: dict[str, SubscriberRecord] = {}
        self.groups: dict[str, PickupGroupRecord] = {}
        self.subscriptions: dict[str, SubscriptionRecord] = {}
        self.durables: dict[str, SubscriptionRecord] = {}
        self.durable_fires: dict[str, list[str]] = {}
        self.durables_held: list[MemoryDurables] = []
        self.buses: dict[str, MemoryEventBus] = {}
        self.events: deque[Event] = deque(maxlen=KEEP_ENTRIES)
        self._logged = 0
        self.followers: set[_Follower] = set()
        self.calls: dict[str, CallState] = {}
        self.records: list[CallRecord] = []
        self.claims: dict[str, tuple[str, float]] = {}

    @property
    def available(self) -> bool:
        """Whether the server can be reached; a test sets it."""
        return self._available

    @available.setter
    def available(self, available: bool) -> None:
        self._available = available
        if available:
            for bus in self.buses.values():
                bus.write_kept()
            for follower in tuple(self.followers):
                follower.pump()

    def log(self, event: Event) -> None:
        """Add an event to the log."""
        self._logged += 1
        self.events.append(replace(event, cursor=f"{self._logged}-0"))
        for follower in tuple(self.followers):
            follower.pump()

    def cursor(self) -> str:
        """The end of the log."""
        return f"{self._logged}-0"

    def check(self) -> None:
        """Raise StoreUnavailable when the store is away."""
        if not self.available:
            raise StoreUnavailable("the memory store is away")


class _Follower:
    """One reader of the log: tells what follows its cursor, soon again when there is no room."""

    def __init__(self, store: MemoryStore, cursor: str, hear: Callable[[Event], bool]) -> None:
        self._store = store
        self._reached = cursor_order(cursor)
        self._hear = hear
        self._is_telling = False

    def pump(self) -> None:
        if self._is_telling:
            return  # whoever hears has raised an event: it is told afterwards
        self._is_telling = True
        try:
            while (event := self._next()) is not None:
                if not self._hear(event):
                    asyncio.get_running_loop().call_later(AGAIN, self.pump)
                    return
                self._reached = cursor_order(event.cursor)
        finally:
            self._is_telling = False

    def _next(self) -> Event | None:
        if self not in self._store.followers or not self._store.available:
            return None
        return next((event for event in self._store.events if cursor_order(event.cursor) > self._reached), None)


class MemoryLocation:
    """LocationService in memory."""

    def __init__(self, store: MemoryStore, worker: str) -> None:
        self._store = store
        self._known: dict[str, tuple[Binding, ...]] = {}
        self._held = HeldBindings(worker)

    async def lookup(self, aor: str, *, fresh: bool = False) -> tuple[Binding, ...]:
        return unexpired(self._read(aor), self._store.epoch())

    async def update(self, aor: str, change: Callable[[tuple[Binding, ...]], BindingChanges]) -> BindingChanges:
        changes = change(self._read(aor))
        if changes.is_empty:
            return changes
        self._store.check()
        bindings = self._known[aor] = by_preference(changes.bindings)
        if bindings:
            self._store.bindings[aor] = bindings
        else:
            self._store.bindings.pop(aor, None)
        self._held.set(aor, bindings)
        return changes

    def expired(self, epoch: float) -> Iterable[str]:
        return self._held.expired(epoch)

    def held_over(self, connection: str) -> Iterable[str]:
        return self._held.over(connection)

    def _read(self, aor: str) -> tuple[Binding, ...]:
        if self._store.available:
            self._known[aor] = self._store.bindings.get(aor, ())
        elif aor not in self._known:
            self._store.check()
        return self._known[aor]


class MemoryDirectory:
    """Directory in memory. Tests fill `store.subscribers` and `store.groups`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._known: dict[tuple[str, str], Any] = {}

    async def subscriber(self, aor: str) -> SubscriberRecord | None:
        return self._read("sub", aor, self._store.subscribers)

    async def group(self, group_id: str) -> PickupGroupRecord | None:
        return self._read("group", group_id, self._store.groups)

    def _read(self, kind: str, name: str, records: Mapping[str, T]) -> T | None:
        record: T | None
        if not self._store.available:
            if (kind, name) not in self._known:
                self._store.check()
            record = self._known[kind, name]
            return record
        record = records.get(name)
        if record is None and not self._store.ready:
            raise DirectoryNotReady("no complete directory has been published")
        self._known[kind, name] = record
        return record


class MemoryEventBus:
    """EventBus in memory. `deliver` takes a subscription id and an event, as EventRouting.deliver does."""

    def __init__(
        self, store: MemoryStore, worker: str, compile_conditions: Compile, deliver: Callable[[str, Event], object]
    ) -> None:
        self._store = store
        self._worker = worker
        self._compile = compile_conditions
        self.deliver = deliver
        self.dropped = 0
        self._kept: deque[Event] = deque(maxlen=MAX_KEPT)
        store.buses[worker] = self

    @property
    def has_peers(self) -> bool:
        return self._store.available and len(self._store.buses) > 1

    def wants(self, name: str) -> bool:
        records = self._store.subscriptions.values() if self.has_peers else ()
        return any(name in record.events and record.owner != self._worker for record in records)

    def when_awaited(self, name: str, attributes: Mapping[str, Any], then: Callable[[], None]) -> None:
        for record in self._store.subscriptions.values() if self.has_peers else ():
            wanted = {each.key: each.value for each in record.conditions if each.operator == "eq"}
            is_near = all(attributes.get(key) == wanted.get(key, attributes.get(key)) for key in CATALOGUE[name].index)
            if record.owner != self._worker and name in record.events and is_near:
                then()
                return

    def subscribe(self, record: SubscriptionRecord) -> None:
        if self._store.available:
            self._store.subscriptions[record.id] = record

    async def subscribed(self) -> None:
        return None

    def unsubscribe(self, record: SubscriptionRecord) -> None:
        self._store.subscriptions.pop(record.id, None)

    def publish(self, event: Event) -> None:
        if not self._store.available:
            self._kept.append(event)
            return
        if CATALOGUE[event.name].shown:
            self._store.log(event)
        self.offer(event)

    def offer(self, event: Event) -> None:
        for record in list(self._store.subscriptions.values()):
            if record.owner == self._worker or event.name not in record.events or event.name not in CATALOGUE:
                continue
            if record.expires_at > self._store.epoch() and self._compile(record.conditions)(event):
                owner = self._store.buses.get(record.owner)
                if owner is None:
                    del self._store.subscriptions[record.id]
                else:
                    owner.deliver(record.id, event)

    def follow(self, cursor: str, hear: Callable[[Event], bool], lost: Callable[[], None]) -> Callable[[], None]:
        follower = _Follower(self._store, self._store.cursor() if cursor == FROM_NOW_ON else cursor, hear)
        self._store.followers.add(follower)
        asyncio.get_running_loop().call_soon(follower.pump)
        return lambda: self._store.followers.discard(follower)

    def write_kept(self) -> None:
        """Add to the log what happened while the store was away. It is offered to nobody."""
        while self._kept:
            self._store.log(self._kept.popleft())


class MemoryDurables:
    """DurableSubscriptions in memory."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.changed: Callable[[str], None] = lambda id: None
        store.durables_held.append(self)

    async def add(self, record: SubscriptionRecord) -> bool:
        if len(await self.all()) >= MAX_DURABLE:
            return False
        self._store.durables[record.id] = record
        self._tell(record.id)
        return True

    async def remove(self, subscription_id: str) -> bool:
        self._store.check()
        removed = self._store.durables.pop(subscription_id, None) is not None
        self._store.durable_fires.pop(subscription_id, None)
        self._tell(subscription_id)
        return removed

    async def all(self) -> list[SubscriptionRecord]:
        self._store.check()
        epoch = self._store.epoch()
        return [record for record in self._store.durables.values() if record.expires_at > epoch]

    async def some(self, ids: Collection[str]) -> list[SubscriptionRecord]:
        return [record for record in await self.all() if record.id in ids]

    async def claim(self, record: SubscriptionRecord, value: str) -> bool:
        self._store.check()
        if record.id not in self._store.durables:
            return False
        fired = self._store.durable_fires.setdefault(record.id, [])
        if value and value in fired:
            return False
        if record.max_fires and len(fired) >= record.max_fires:
            return False
        fired.append(value)
        if len(fired) == record.max_fires:
            await self.remove(record.id)
        return True

    def _tell(self, subscription_id: str) -> None:
        for each in self._store.durables_held:
            each.changed(subscription_id)


class MemoryCallBoard:
    """CallBoard in memory."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._waiting: dict[str, list[Callable[[], object]]] = {}

    def put(self, call: CallState) -> None:
        self._store.calls[call.uid] = call
        for then in self._waiting.pop(call.uid, ()):
            then()

    def when_shown(self, uid: str, then: Callable[[], object]) -> None:
        self._waiting.setdefault(uid, []).append(then)

    def remove(self, uid: str) -> None:
        self._store.calls.pop(uid, None)
        self._waiting.pop(uid, None)

    def record(self, call: CallRecord) -> None:
        self._store.records.append(call)

    async def ringing(self, groups: Sequence[str], aor: str = "") -> list[CallState]:
        return pickable(self._store.calls.values(), groups, aor)

    async def claim(self, call_uid: str, token: str, seconds: float) -> bool:
        epoch = self._store.epoch()
        _, until = self._store.claims.get(call_uid, ("", 0.0))
        if until > epoch:
            return False
        self._store.claims[call_uid] = (token, epoch + seconds)
        return True

    async def release(self, call_uid: str, token: str) -> None:
        if self._store.claims.get(call_uid, ("", 0.0))[0] == token:
            del self._store.claims[call_uid]
