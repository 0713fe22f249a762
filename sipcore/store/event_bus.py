"""Events between workers, and into the log, on Redis.

A subscription is a record with a TTL, a member of an index zset for each of its events, and of its owner's set. The
raiser of an event asks the index which records may match, evaluates their conditions, and tells each owner on its
channel; the owner's EventRouting does the rest. A channel without a listener means that the owner is dead, and its
subscription is removed.

Nothing of this is done for other workers when there are none: then records are only written once they are a second old,
for people to see, so that a call answered at once leaves no trace here.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from ..contract.event_log import USUAL_RETENTION, Retention
from ..contract.events import CATALOGUE, Event
from ..contract.keys import (
    subscription,
    subscription_index,
    subscriptions_of,
    worker_channel,
)
from ..contract.records import from_dict, from_json, to_json
from ..contract.subscriptions import ConditionRecord, SubscriptionRecord
from ..errors import StoreUnavailable
from .event_log import EventLog
from .frequent import FrequentEvents
from .inbox import Inbox
from .log_follower import LogFollower
from .lua import Script
from .pipe import Pipe

__all__ = ["RedisEventBus", "forget_subscription"]

log = logging.getLogger("sipcore.store")

MAX_CANDIDATES = 500  # subscriptions of other workers that one event is compared with
MAX_LOOKUPS = 2_000  # events that wait for the index to answer; more are not offered to other workers
UNSEEN = 1.0  # seconds a subscription may live without being written while there is nobody but people to read it

_SUBSCRIBE = Script("""
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SADD', KEYS[2], ARGV[3])
for i = 2, #KEYS do
  if i > 2 then redis.call('ZADD', KEYS[i], ARGV[4], ARGV[3]) end
  if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[i], ARGV[2] + 1000) end
end
return 1
""")

_CANDIDATES = Script("""
local found = {}
for i = 1, #KEYS do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i], '(' .. ARGV[1], '+inf', 'LIMIT', 0, ARGV[2])) do
    local record = redis.call('GET', ARGV[3] .. id)
    if record then found[#found + 1] = record else redis.call('ZREM', KEYS[i], id) end
  end
end
return found
""")

Compile = Callable[[Iterable[ConditionRecord]], Callable[[Event], bool]]


class RedisEventBus:
    """EventBus on Redis, for one worker.

    `deliver` takes a subscription id and an event that another worker matched with it, as EventRouting.deliver does;
    `compile_conditions` is that of `sipcore.ebr`.
    """

    def __init__(
        self,
        pipe: Pipe,
        inbox: Inbox,
        worker: str,
        epoch: Callable[[], float],
        *,
        compile_conditions: Compile,
        deliver: Callable[[str, Event], object],
        has_peers: Callable[[], bool],
        followers: LogFollower,
        retention: Retention = USUAL_RETENTION,
    ) -> None:
        self._pipe = pipe
        self._worker = worker
        self._epoch = epoch
        self._compile = compile_conditions
        self.deliver = deliver
        self._ask_for_peers = has_peers
        self.has_peers = has_peers()
        self._own: dict[str, SubscriptionRecord] = {}
        self._written: set[str] = set()
        self._unwritten: dict[str, SubscriptionRecord] = {}
        self._write_due: asyncio.Handle | None = None
        self._last_written: asyncio.Future[Any] | None = None
        self._lookups = 0
        self.log = EventLog(pipe, worker, retention)
        self.follow = followers.follow
        self._frequent = FrequentEvents(pipe, inbox, epoch)
        self.unoffered = 0
        "Events that were not offered to other workers: the store was away, or there were too many at once."
        inbox.on("event", self._told)
        pipe.on_connect.append(self.write_again)

    @property
    def dropped(self) -> int:
        """Events that somebody should have heard of and did not."""
        return self.log.dropped + self.unoffered

    def peers_changed(self) -> None:
        """Write what waits, for there may be somebody to read it now. Call it when peers come or go."""
        self.has_peers = self._ask_for_peers()
        if self.has_peers:
            self._write()

    # -- subscriptions

    def wants(self, name: str) -> bool:
        return self.has_peers and self._frequent.are_awaited(name)

    def subscribe(self, record: SubscriptionRecord) -> None:
        self._own[record.id] = self._unwritten[record.id] = record
        if self._write_due is None:
            loop = asyncio.get_running_loop()
            self._write_due = loop.call_soon(self._write) if self.has_peers else loop.call_later(UNSEEN, self._write)

    async def subscribed(self) -> None:
        if not self.has_peers or not self._pipe.connected:
            return
        self._write()
        if self._last_written is not None:
            try:
                await asyncio.shield(self._last_written)
            except StoreUnavailable:
                log.debug("a subscription stays local: the store went away")

    def unsubscribe(self, record: SubscriptionRecord) -> None:
        self._own.pop(record.id, None)
        self._unwritten.pop(record.id, None)
        if record.id in self._written:
            self._written.discard(record.id)
            forget_subscription(self._pipe, record)

    def _write(self) -> None:
        if self._write_due is not None:
            self._write_due.cancel()
            self._write_due = None
        if not self._unwritten or not self._pipe.connected:
            return  # the next connection writes everything anew
        unwritten, self._unwritten = self._unwritten, {}
        epoch = self._epoch()
        for record in unwritten.values():
            life = round((record.expires_at - epoch) * 1000)
            if life <= 0:
                continue
            try:
                keys = (subscription(record.id), subscriptions_of(self._worker), *_index_keys(record))
                written = self._pipe.call(_SUBSCRIBE, keys, to_json(record), life, record.id, record.expires_at)
            except StoreUnavailable:
                self._unwritten.setdefault(record.id, record)
                continue
            written.add_done_callback(_note_failure)
            self._last_written = written
            self._written.add(record.id)
            self._frequent.await_until(record)

    def write_again(self) -> None:
        """Write every live subscription: the server may have lost what it had, or others took us for dead."""
        self._unwritten.update(self._own)
        self._written.clear()
        self._last_written = None
        self._frequent.say_again()
        self._write()

    # -- events

    def publish(self, event: Event) -> None:
        if CATALOGUE[event.name].shown:
            self.log.tell(event)
        self.offer(event)

    def offer(self, event: Event) -> None:
        kind = CATALOGUE[event.name]
        if self.has_peers and (not kind.frequent or self._frequent.are_awaited(event.name)):
            self._look_up(event.name, event.attributes, partial(self._offer, event))

    def when_awaited(self, name: str, attributes: Mapping[str, Any], then: Callable[[], None]) -> None:
        if self.has_peers:
            self._look_up(name, attributes, lambda records: then() if records else None)

    def _look_up(
        self, name: str, attributes: Mapping[str, Any], then: Callable[[list[SubscriptionRecord]], None]
    ) -> None:
        """Ask the index which subscriptions of other workers may match."""
        if not self._pipe.connected:
            return
        if self._lookups >= MAX_LOOKUPS:
            self.unoffered += 1
            return
        indexed = ((key, attributes.get(key)) for key in CATALOGUE[name].index)
        keys = [subscription_index(name, key, str(value)) for key, value in indexed if value]
        keys.append(subscription_index(name, "*", "*"))
        found = partial(self._found, then)
        try:
            self._pipe.send_script(found, _CANDIDATES, keys, self._epoch(), MAX_CANDIDATES, subscription(""))
        except StoreUnavailable:
            self.unoffered += 1
        else:
            self._lookups += 1

    def _found(self, then: Callable[[list[SubscriptionRecord]], None], reply: Any) -> None:
        self._lookups -= 1
        if isinstance(reply, Exception):
            self.unoffered += 1
            return
        records = [from_json(SubscriptionRecord, text) for text in reply]
        then([record for record in records if record.owner != self._worker])

    def _offer(self, event: Event, records: list[SubscriptionRecord]) -> None:
        """Tell the owners of those that match."""
        encoded = b""
        for record in records:
            if self._compile(record.conditions)(event):
                encoded = encoded or to_json(event)
                self._tell(record, encoded)

    def _tell(self, record: SubscriptionRecord, encoded: bytes) -> None:
        message = b'{"op":"event","sub":' + json.dumps(record.id).encode() + b',"event":' + encoded + b"}"
        then = partial(self._heard_by, record)
        try:
            self._pipe.send(then, "PUBLISH", worker_channel(record.owner), message)
        except StoreUnavailable:
            self.unoffered += 1

    def _heard_by(self, record: SubscriptionRecord, listeners: Any) -> None:
        if listeners == 0:
            log.info("worker %s does not listen; its subscription is removed", record.owner)
            forget_subscription(self._pipe, record)
        elif isinstance(listeners, Exception):
            self.unoffered += 1

    def _told(self, message: dict[str, Any]) -> None:
        self.deliver(message["sub"], from_dict(Event, message["event"]))


def forget_subscription(pipe: Pipe, record: SubscriptionRecord) -> None:
    """Remove a record, ours or a dead worker's, with the next batch. If that is lost, it goes by its TTL."""
    pipe.post("UNLINK", subscription(record.id))
    pipe.post("SREM", subscriptions_of(record.owner), record.id)
    for key in _index_keys(record):
        pipe.post("ZREM", key, record.id)


def _index_keys(record: SubscriptionRecord) -> list[str]:
    """The zset that a subscription is in, for each of its events: as `ebr` indexes it, most selective first."""
    equal = {condition.key: condition.value for condition in record.conditions if condition.operator == "eq"}
    keys = []
    for name in record.events:
        indexed = next((key for key in CATALOGUE[name].index if key in equal), None) if name in CATALOGUE else None
        keys.append(subscription_index(name, indexed or "*", str(equal[indexed]) if indexed else "*"))
    return keys


def _note_failure(written: asyncio.Future[Any]) -> None:
    if not written.cancelled() and written.exception() is not None:
        log.debug("a subscription was not written: %s", written.exception())
