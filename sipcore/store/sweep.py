"""What a dead worker leaves in Redis: its calls, which end as lost, and its subscriptions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import inf

from ..contract.calls import CallState
from ..contract.keys import (
    CALL_RECORDS,
    CALL_RECORDS_DROPPED,
    CALLS,
    CALLS_FEED,
    CALLS_REVISION,
    subscription,
    subscriptions_of,
)
from ..contract.records import from_json, replace, to_json
from ..contract.subscriptions import SubscriptionRecord
from .call_board import MAX_RECORDS
from .event_bus import forget_subscription
from .lua import Script
from .pipe import Pipe

__all__ = ["sweep_calls", "sweep_subscriptions"]

log = logging.getLogger("sipcore.store")

_TAKE = Script("""
if redis.call('HDEL', KEYS[1], ARGV[2]) == 0 then return 0 end
local rev = redis.call('INCR', KEYS[2])
redis.call('PUBLISH', ARGV[1], '{"rev":' .. rev .. ',"gone":' .. cjson.encode(ARGV[2]) .. '}')
if redis.call('LLEN', KEYS[3]) < tonumber(ARGV[4]) then
  redis.call('RPUSH', KEYS[3], ARGV[3])
else
  redis.call('INCR', KEYS[4])
end
return 1
""")
"Take a call off the board and record it: both or, when somebody else was first, neither."


async def sweep_calls(pipe: Pipe, epoch: float, is_dead: Callable[[CallState], bool]) -> int:
    """End the calls of dead workers as lost; return how many. Each is recorded exactly once, whoever sweeps."""
    fields = await pipe.execute("HGETALL", CALLS)
    taken = 0
    for uid, text in zip(fields[::2], fields[1::2], strict=True):
        try:
            call = from_json(CallState, text)
        except (ValueError, TypeError):
            log.warning("a call on the board cannot be read and is removed")
            await pipe.execute("HDEL", CALLS, uid)
            continue
        if not is_dead(call):
            continue
        lost = replace(call, state="ended", reason="lost", ended_at=epoch)
        keys = (CALLS, CALLS_REVISION, CALL_RECORDS, CALL_RECORDS_DROPPED)
        taken += await pipe.call(_TAKE, keys, CALLS_FEED, call.uid, to_json(lost), MAX_RECORDS)
    return taken


async def sweep_subscriptions(pipe: Pipe, owner: str, *, before: float = inf) -> None:
    """Remove the subscriptions of a dead worker, or those that it made `before` it died."""
    own = subscriptions_of(owner)
    for member in await pipe.execute("SMEMBERS", own):
        text = await pipe.execute("GET", subscription(member.decode()))
        if text is None:
            pipe.post("SREM", own, member)
            continue
        record = from_json(SubscriptionRecord, text)
        if record.created_at < before:
            forget_subscription(pipe, record)
