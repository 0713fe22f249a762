"""Durable subscriptions on Redis: records that belong to no worker, and who may run what for them.

Every worker holds a copy of each and matches its own events with it, so exactly one worker has the match; those that may fire
only so often, or once for each value, ask here before they run. A record goes by its TTL, whoever lives then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from ..contract.keys import DURABLE, durable_fires, durable_seen, subscription
from ..contract.records import from_json, to_json
from ..contract.subscriptions import SubscriptionRecord
from ..ports import MAX_DURABLE
from .inbox import Inbox
from .lua import Script
from .pipe import Pipe

__all__ = ["RedisDurables"]

log = logging.getLogger("sipcore.store")

MAX_SEEN = 10_000  # values by which one of them knows duplicates; beyond, any one is forgotten for one more

_ADD = Script("""
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[5])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[6]) then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
redis.call('ZADD', KEYS[1], ARGV[4], ARGV[3])
redis.call('PUBLISH', KEYS[1], ARGV[3])
return 1
""")

_CLAIM = Script("""
local life = redis.call('PTTL', KEYS[2])
if life <= 0 then return 0 end
if ARGV[2] ~= '' then
  if redis.call('SADD', KEYS[4], ARGV[2]) == 0 then return 0 end
  if redis.call('SCARD', KEYS[4]) > tonumber(ARGV[4]) then redis.call('SPOP', KEYS[4]) end
  redis.call('PEXPIRE', KEYS[4], life)
end
local most = tonumber(ARGV[3])
if most > 0 then
  local fires = redis.call('INCR', KEYS[3])
  redis.call('PEXPIRE', KEYS[3], life)
  if fires > most then return 0 end
  if fires == most then
    redis.call('DEL', KEYS[2])
    redis.call('ZREM', KEYS[1], ARGV[1])
    redis.call('PUBLISH', KEYS[1], ARGV[1])
  end
end
return 1
""")


class RedisDurables:
    """DurableSubscriptions on Redis, for one worker."""

    def __init__(self, pipe: Pipe, inbox: Inbox, epoch: Callable[[], float]) -> None:
        self._pipe = pipe
        self._epoch = epoch
        self.changed: Callable[[str], None] = lambda id: None
        inbox.listen(DURABLE, lambda message: self.changed(message.decode()), lambda: self.changed(""))

    async def add(self, record: SubscriptionRecord) -> bool:
        epoch = self._epoch()
        life = max(round((record.expires_at - epoch) * 1000), 1)
        keys = (DURABLE, subscription(record.id))
        added = await self._pipe.call(
            _ADD, keys, to_json(record), life, record.id, record.expires_at, epoch, MAX_DURABLE
        )
        return bool(added)

    async def remove(self, subscription_id: str) -> bool:
        removed = self._pipe.execute("ZREM", DURABLE, subscription_id)
        self._pipe.post(
            "UNLINK", subscription(subscription_id), durable_fires(subscription_id), durable_seen(subscription_id)
        )
        self._pipe.post("PUBLISH", DURABLE, subscription_id)
        return bool(await removed)

    async def all(self) -> list[SubscriptionRecord]:
        ids = await self._pipe.execute("ZRANGEBYSCORE", DURABLE, f"({self._epoch()!r}", "+inf")
        return await self.some([each.decode() for each in ids])

    async def some(self, ids: Collection[str]) -> list[SubscriptionRecord]:
        records = []
        for text in await self._pipe.execute("MGET", *map(subscription, ids)) if ids else ():
            if text is not None:
                try:
                    records.append(from_json(SubscriptionRecord, text))
                except ValueError as error:
                    log.warning("a durable subscription cannot be read and is left alone: %s", error)
        return records

    async def claim(self, record: SubscriptionRecord, value: str) -> bool:
        name = record.id
        keys = (DURABLE, subscription(name), durable_fires(name), durable_seen(name))
        return bool(await self._pipe.call(_CLAIM, keys, name, value, record.max_fires, MAX_SEEN))
