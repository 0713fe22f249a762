"""The same few verbs over both stores: workers with their ports, a directory to publish, a store that goes away."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from dataclasses import dataclass, field

from sipcore.contract.calls import CallState
from sipcore.contract.event_log import read_entry
from sipcore.contract.events import Event
from sipcore.contract.keys import (
    CALL_RECORDS,
    CALLS,
    DIRECTORY_CHANGED,
    DIRECTORY_READY,
    EVENTS_LOG,
    directory_group,
    directory_subscriber,
)
from sipcore.contract.location import Binding, BindingChanges
from sipcore.contract.records import from_json, to_json
from sipcore.contract.subscriptions import SubscriptionRecord
from sipcore.ebr import compile_conditions, compile_filter
from sipcore.ports import CallBoard, Directory, DurableSubscriptions, EventBus, LocationService
from sipcore.store.memory import (
    MemoryCallBoard,
    MemoryDirectory,
    MemoryDurables,
    MemoryEventBus,
    MemoryLocation,
    MemoryStore,
)
from sipcore.store.redis_store import RedisStore

__all__ = ["MemoryWorld", "RedisWorld", "Worker", "until"]


async def until(condition, *, seconds=5.0):
    """Wait for what another process brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this never came about"
        await asyncio.sleep(0.002)


@dataclass
class Worker:
    """One worker's ports, and the events that other workers delivered to it."""

    name: str
    location: LocationService
    directory: Directory
    bus: EventBus
    board: CallBoard
    durables: DurableSubscriptions
    delivered: list = field(default_factory=list)
    store: RedisStore | None = None


class World:
    """What both have in common: time moved by hand from now on, and records made in one line."""

    def __init__(self):
        self.now = time.time()
        self._ids = itertools.count(1)

    def epoch(self):
        return self.now

    def binding(self, aor="bob@t1", key="m1", *, expires_in=3600.0, **fields):
        fields = {"contact": f"sip:{key}@192.0.2.1", "call_id": f"{key}@phone", "cseq": 1, "worker": "w1"} | fields
        return Binding(aor=aor, key=key, expires_at=self.now + expires_in, refreshed_at=self.now, **fields)

    def event(self, name, attributes, **fields):
        return Event(f"e{next(self._ids)}", name, self.now, "w1", attributes, **fields)

    def subscription(self, events, filter, *, owner, seconds=20.0, **fields):
        compiled = compile_filter(events, filter, match_all=True)
        fields = {"id": f"s{next(self._ids)}", "created_at": self.now, "expires_at": self.now + seconds} | fields
        return SubscriptionRecord(events=compiled.events, conditions=compiled.conditions, owner=owner, **fields)

    def call(self, uid="c1", **fields):
        fields = {
            "call_id": f"{uid}@phone",
            "caller": "alice@t1",
            "caller_name": "Alice",
            "dialled": "bob",
            "callee": "bob@t1",
            "state": "ringing",
            "groups": ("sales",),
            "started_at": self.now,
            "ringing_at": self.now,
            "worker": "w1",
        } | fields
        return CallState(uid=uid, **fields)


def bind(*bindings):
    """A change that sets the bindings of an AoR to these."""

    def change(current):
        before = {binding.key: binding for binding in current}
        return BindingChanges(
            aor=bindings[0].aor,
            bindings=bindings,
            inserted=tuple(each for each in bindings if each.key not in before),
            updated=tuple(each for each in bindings if each.key in before),
        )

    return change


def unbind(aor):
    """A change that removes all bindings of an AoR."""
    return lambda current: BindingChanges(aor=aor, bindings=(), removed=current)


class MemoryWorld(World):
    """Workers that share a MemoryStore."""

    kind = "memory"

    def __init__(self):
        super().__init__()
        self.store = MemoryStore(self.epoch)
        self.store.ready = False

    async def worker(self, name="w1"):
        delivered = []
        return Worker(
            name,
            MemoryLocation(self.store, name),
            MemoryDirectory(self.store),
            MemoryEventBus(self.store, name, compile_conditions, lambda sub, event: delivered.append((sub, event))),
            MemoryCallBoard(self.store),
            MemoryDurables(self.store),
            delivered,
        )

    async def end(self, worker):
        del self.store.buses[worker.name]

    async def publish(self, *records, ready=True):
        self.store.ready = ready
        for record in records:
            if hasattr(record, "aor"):
                self.store.subscribers[record.aor] = record
            else:
                self.store.groups[record.id] = record

    async def unpublish(self, aor):
        del self.store.subscribers[aor]

    async def go_away(self):
        self.store.available = False

    async def come_back(self):
        self.store.available = True

    def logged(self):
        return list(self.store.events)

    def subscriptions(self):
        return sorted(self.store.subscriptions)

    def recorded(self):
        return list(self.store.records)

    def shown(self):
        return dict(self.store.calls)

    async def close(self):
        pass


class RedisWorld(World):
    """Workers with a RedisStore each, on one server."""

    kind = "redis"

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.url = server.url
        self.reader = server.client()
        self.workers = []

    async def worker(self, name="w1", **options):
        delivered = []
        store = RedisStore(
            self.url,
            name,
            self.epoch,
            compile_conditions=compile_conditions,
            deliver=lambda sub, event: delivered.append((sub, event)),
            **options,
        )
        assert await store.start()
        worker = Worker(
            name,
            store.location,
            store.directory,
            store.event_bus,
            store.call_board,
            store.durables,
            delivered,
            store,
        )
        for other in self.workers:
            await until(lambda other=other: name in other.store.heartbeat.peers)
        self.workers.append(worker)
        return worker

    async def end(self, worker):
        self.workers.remove(worker)
        await worker.store.close()

    async def crash(self, worker):
        """End a worker without a word."""
        self.workers.remove(worker)
        worker.store.heartbeat._task.cancel()
        await worker.store.inbox.close()
        await worker.store.pipe._link.close()

    async def publish(self, *records, ready=True):
        for record in records:
            if hasattr(record, "aor"):
                key, changed = directory_subscriber(record.aor), f"sub:{record.aor}"
            else:
                key, changed = directory_group(record.id), f"group:{record.id}"
            self.reader.set(key, to_json(record))
            self.reader.publish(DIRECTORY_CHANGED, changed)
        if ready and not self.reader.get(DIRECTORY_READY):
            self.reader.set(DIRECTORY_READY, "1")
            self.reader.publish(DIRECTORY_CHANGED, "all")
        await self._heard()

    async def unpublish(self, aor):
        self.reader.delete(directory_subscriber(aor))
        self.reader.publish(DIRECTORY_CHANGED, f"sub:{aor}")
        await self._heard()

    async def _heard(self):
        """Wait until what has been published so far has arrived at every worker."""
        for worker in self.workers:
            mark = f"mark{next(self._ids)}"
            seen = []
            worker.store.inbox.on("mark", lambda message, seen=seen: seen.append(message["mark"]))
            self.reader.publish(f"pbx:worker:{worker.name}:inbox", json.dumps({"op": "mark", "mark": mark}))
            await until(lambda mark=mark, seen=seen: mark in seen)

    async def go_away(self):
        self.server.kill()
        await until(lambda: not any(w.store.pipe.connected or w.store.inbox.connected for w in self.workers))

    async def come_back(self):
        self.server.start()
        await until(lambda: all(worker.store.is_available for worker in self.workers))

    def logged(self):
        return [read_entry(*entry) for entry in self.reader.xrange(EVENTS_LOG)]

    def subscriptions(self):
        return sorted(key.removeprefix("pbx:ebr:sub:") for key in self.reader.keys("pbx:ebr:sub:*"))

    def recorded(self):
        return [from_json(CallState, text) for text in self.reader.lrange(CALL_RECORDS, 0, -1)]

    def shown(self):
        return {uid: from_json(CallState, text) for uid, text in self.reader.hgetall(CALLS).items()}

    async def close(self):
        if not self.server.is_running:
            self.server.start()
        for worker in list(self.workers):
            await self.end(worker)
        self.reader.close()
