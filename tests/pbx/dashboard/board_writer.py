"""Writes calls and events the way SIP workers do."""

from __future__ import annotations

import json
import time
from typing import Any

import redis

from sipcore.contract import keys
from sipcore.contract.calls import CallState
from sipcore.contract.events import Event
from sipcore.contract.records import to_dict, to_json


def call(uid: str, **fields: Any) -> CallState:
    """A call between two subscribers."""
    values = {
        "call_id": f"{uid}@phone",
        "caller": "101@pbx.test",
        "caller_name": "",
        "dialled": "102",
        "state": "setup",
    }
    values |= {"callee": "102@pbx.test", "started_at": time.time(), "worker": "w1"}
    return CallState(uid=uid, **(values | fields))


CHANGE = """
local rev = redis.call('INCR', KEYS[1])
if ARGV[2] == '' then redis.call('HDEL', KEYS[2], ARGV[1]) else redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end
redis.call('PUBLISH', KEYS[3], '{"rev":' .. rev .. ',"' .. ARGV[3] .. '":' .. ARGV[4] .. '}')
return rev
"""


class BoardWriter:
    """The SIP side of the board."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.redis = redis.Redis.from_url(url, decode_responses=True)
        self._script = self.redis.register_script(CHANGE)

    def put(self, state: CallState) -> int:
        return self._change(state.uid, to_json(state), "call", json.dumps(to_dict(state)))

    def remove(self, uid: str) -> int:
        return self._change(uid, "", "gone", json.dumps(uid))

    def _change(self, uid: str, stored: str, kind: str, told: str) -> int:
        """Number, store and tell in one step, as the workers' own script does."""
        return self._script(keys=[keys.CALLS_REVISION, keys.CALLS, keys.CALLS_FEED], args=[uid, stored, kind, told])

    def lose_a_change(self, state: CallState) -> int:
        """A change that is stored but never heard of: a message that pub/sub lost."""
        rev = self.redis.incr(keys.CALLS_REVISION)
        self.redis.hset(keys.CALLS, state.uid, to_json(state))
        return rev

    def raise_event(self, name: str, *, ago: float = 0.0, call_uid: str = "", **attributes: Any) -> str:
        """An event in the log, that happened so many seconds ago; return its cursor."""
        event = Event(f"w1-{time.time_ns()}", name, time.time() - ago, "w1", attributes, call_uid)
        return self.redis.xadd(keys.EVENTS_LOG, {"event": to_json(event)})

    def drop_subscribers(self) -> None:
        """Cut every connection that listens, as a failing network would."""
        self.redis.client_kill_filter(_type="pubsub", skipme=True)
        for client in self.redis.client_list(_type="normal"):
            if "xread" in client["cmd"]:
                self.redis.client_kill_filter(_id=client["id"])
