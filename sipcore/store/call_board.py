"""The call board on Redis: the live calls of all workers, numbered changes for whoever watches, and claims.

What changes within `GATHER` leaves together, each call as it is then: a call that rings and is answered in between is
shown once, and one that came and went not at all. Each change has the next number of `pbx:calls:rev`, so that a watcher
sees a hole. While Redis is away changes wait, and after it everything that lives is put again. Records of finished calls
are facts: they wait in memory, in order, until Redis has said that it has them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any

from ..contract.calls import CallRecord, CallState
from ..contract.keys import (
    CALL_RECORDS,
    CALL_RECORDS_DROPPED,
    CALLS,
    CALLS_FEED,
    CALLS_REVISION,
    pickup_claim,
)
from ..contract.records import encode_json, from_json, to_json
from ..errors import StoreUnavailable
from .lua import Script
from .ordering import PICKABLE, pickable
from .pipe import Pipe

__all__ = ["MAX_RECORDS", "RECORD", "SHOW", "RedisCallBoard"]

log = logging.getLogger("sipcore.store")

GATHER = 0.04  # seconds; state change -> browser has 150 ms
MAX_RECORDS = 100_000  # kept in Redis for Celery to drain
MAX_BUFFERED = 20_000  # records kept here while Redis is away
MAX_GONE = 50_000  # removals kept here while Redis is away
RECORDS_PER_WRITE = 100
CALLS_PER_WRITE = 100

SHOW = Script("""
for i = 2, #ARGV, 2 do
  local uid, call, change = ARGV[i], ARGV[i + 1], nil
  if call ~= '' then
    redis.call('HSET', KEYS[1], uid, call)
    change = '"call":' .. call
  elseif redis.call('HDEL', KEYS[1], uid) == 1 then
    change = '"gone":' .. cjson.encode(uid)
  end
  if change then
    redis.call('PUBLISH', ARGV[1], '{"rev":' .. redis.call('INCR', KEYS[2]) .. ',' .. change .. '}')
  end
end
return 1
""")
"Keys: calls, revision. Arguments: feed, then uid and JSON of each call, no JSON for one that is gone."

RECORD = Script("""
local room = ARGV[1] - redis.call('LLEN', KEYS[1])
local dropped = 0
for i = 2, #ARGV do
  if room > 0 then
    redis.call('RPUSH', KEYS[1], ARGV[i])
    room = room - 1
  else
    dropped = dropped + 1
  end
end
if dropped > 0 then redis.call('INCRBY', KEYS[2], dropped) end
return dropped
""")
"Keys: records, dropped. Arguments: how many may be kept, then the JSON of each record."

_RELEASE = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
""")


class RedisCallBoard:
    """CallBoard on Redis, for one worker."""

    def __init__(
        self, pipe: Pipe, *, has_peers: Callable[[], bool], gather: float = GATHER, max_buffered: int = MAX_BUFFERED
    ) -> None:
        self._pipe = pipe
        self._has_peers = has_peers
        self._gather = gather
        self._max_buffered = max_buffered
        self._live: dict[str, CallState] = {}
        self._shown: set[str] = set()
        self._changed: dict[str, None] = {}
        self._show_due: asyncio.Handle | None = None
        self._waiting: dict[str, list[Callable[[], object]]] = {}
        self._records: deque[CallRecord] = deque()
        self._recording = 0
        self._claims: dict[str, tuple[str, float]] = {}
        self.dropped = 0
        "Records that were lost here or to the bound of the list in Redis."
        pipe.on_connect.append(self.put_again)

    # -- calls

    def put(self, call: CallState) -> None:
        self._live[call.uid] = call
        self._change(call.uid)
        if call.uid in self._waiting:
            self._show_soon()

    def when_shown(self, uid: str, then: Callable[[], object]) -> None:
        self._waiting.setdefault(uid, []).append(then)

    def remove(self, uid: str) -> None:
        self._waiting.pop(uid, None)
        if self._live.pop(uid, None) is None and uid not in self._shown:
            return
        if uid in self._shown:
            self._change(uid)
        else:
            self._changed.pop(uid, None)

    def _change(self, uid: str) -> None:
        self._changed[uid] = None
        if self._show_due is None:
            self._show_due = asyncio.get_running_loop().call_later(self._gather, self._show)

    def _show_soon(self) -> None:
        """Show at the end of this turn what has changed."""
        if self._show_due is not None:
            self._show_due.cancel()
        self._show_due = asyncio.get_running_loop().call_soon(self._show)

    def _show(self) -> None:
        self._show_due = None
        if not self._pipe.connected:
            self._forget_some_gone()
            return
        changed, self._changed = list(self._changed), {}
        for first in range(0, len(changed), CALLS_PER_WRITE):
            batch = changed[first : first + CALLS_PER_WRITE]
            arguments: list[str | bytes] = []
            for uid in batch:
                call = self._live.get(uid)
                arguments += (uid, b"" if call is None else to_json(call))
                if call is None:
                    self._shown.discard(uid)
                else:
                    self._shown.add(uid)
            then = partial(self._has_shown, batch)
            try:
                self._pipe.send_script(then, SHOW, (CALLS, CALLS_REVISION), CALLS_FEED, *arguments, patient=True)
            except StoreUnavailable as error:
                self._has_shown(batch, error)

    def _has_shown(self, batch: list[str], reply: Any) -> None:
        if not isinstance(reply, Exception):
            if self._waiting:
                for uid in batch:
                    if uid in self._live:
                        for then in self._waiting.pop(uid, ()):
                            then()
            return
        for uid in batch:  # it may have been carried out; to say it again does no harm
            self._shown.add(uid)
            self._changed[uid] = None
        if self._pipe.connected and self._show_due is None:
            log.warning("redis: the call board was not written: %s", reply)
            self._show_due = asyncio.get_running_loop().call_later(1.0, self._show)

    def put_again(self) -> None:
        """Put every live call: the server may have lost what it had, or others took us for dead."""
        self._changed.update(dict.fromkeys(self._live))
        self._show()
        self._write_records()

    def _forget_some_gone(self) -> None:
        """Bound what waits while Redis is away; a forgotten removal is found by the sweep at the next start."""
        gone = [uid for uid in self._changed if uid not in self._live]
        for uid in gone[: max(0, len(gone) - MAX_GONE)]:
            del self._changed[uid]
            self._shown.discard(uid)

    async def flush(self) -> None:
        """Write what waits; for the end, when there is no next batch."""
        if self._show_due is not None:
            self._show_due.cancel()
            self._show()
        for _ in range(len(self._records) // RECORDS_PER_WRITE + 2):  # one batch at a time is on its way
            if not self._records:
                break
            with suppress(StoreUnavailable):
                await self._pipe.execute("PING")

    # -- records

    def record(self, call: CallRecord) -> None:
        if len(self._records) >= self._max_buffered:
            if not self.dropped:
                log.warning("more than %d call records wait; the oldest are dropped", self._max_buffered)
            if self._recording:  # the oldest are on their way, and will be taken off when they have arrived
                self.dropped += 1
                return
            self._records.popleft()
            self.dropped += 1
        self._records.append(call)
        self._write_records()

    def _write_records(self) -> None:
        """Write the oldest, one batch at a time, so that their order and what has arrived are certain."""
        if self._recording or not self._records or not self._pipe.connected:
            return
        batch = [to_json(call) for call in islice(self._records, RECORDS_PER_WRITE)]
        try:
            self._pipe.send_script(
                self._has_recorded, RECORD, (CALL_RECORDS, CALL_RECORDS_DROPPED), MAX_RECORDS, *batch, patient=True
            )
        except StoreUnavailable:
            return
        self._recording = len(batch)

    def _has_recorded(self, reply: Any) -> None:
        written, self._recording = self._recording, 0
        if isinstance(reply, StoreUnavailable):
            return  # kept, and written again with the next connection; the reader knows a record by its uid
        if isinstance(reply, Exception):
            log.warning("redis: call records were not written: %s", reply)
            asyncio.get_running_loop().call_later(1.0, self._write_records)
            return
        if reply:
            self.dropped += reply
            log.warning("redis: %d call records dropped, %s is full", reply, CALL_RECORDS)
        for _ in range(written):
            self._records.popleft()
        self._write_records()

    @property
    def unwritten_records(self) -> int:
        """How many records Redis has not confirmed yet."""
        return len(self._records)

    # -- pickup

    async def ringing(self, groups: Sequence[str], aor: str = "") -> list[CallState]:
        calls = list(self._live.values())
        if self._has_peers():
            try:
                calls += self._of_others(await self._pipe.execute("HVALS", CALLS), groups, aor)
            except StoreUnavailable:
                log.warning("redis: a pickup sees the calls of this worker only")
        return pickable(calls, groups, aor)

    def _of_others(self, texts: list[bytes], groups: Sequence[str], aor: str) -> list[CallState]:
        """Read those that come into question. A board of thousands is searched as bytes first: JSON is slow."""
        states = [f'"state":"{state}"'.encode() for state in PICKABLE]
        wanted = [encode_json(group) for group in groups]
        found = []
        for text in texts:
            if any(state in text for state in states) and (not wanted or any(group in text for group in wanted)):
                call = from_json(CallState, text)
                if call.uid not in self._live and call.uid not in self._changed:  # ours are known better here
                    found.append(call)
        return found

    async def claim(self, call_uid: str, token: str, seconds: float) -> bool:
        if self._claimed_here(call_uid):
            return False
        try:
            reply = await self._pipe.execute("SET", pickup_claim(call_uid), token, "NX", "PX", round(seconds * 1000))
        except StoreUnavailable:
            # Without the store nobody else can reach a call of this worker: claiming among ourselves is enough.
            if call_uid not in self._live:
                raise
            if self._claimed_here(call_uid):
                return False
            self._claims[call_uid] = (token, asyncio.get_running_loop().time() + seconds)
            return True
        return reply is not None

    async def release(self, call_uid: str, token: str) -> None:
        if self._claims.get(call_uid, ("", 0.0))[0] == token:
            del self._claims[call_uid]
        try:
            await self._pipe.call(_RELEASE, (pickup_claim(call_uid),), token)
        except StoreUnavailable:
            log.debug("a claim is left to its expiry: the store is away")

    def _claimed_here(self, call_uid: str) -> bool:
        now = asyncio.get_running_loop().time()
        for uid in [uid for uid, (_, until) in self._claims.items() if until <= now]:
            del self._claims[uid]
        return call_uid in self._claims
