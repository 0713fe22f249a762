"""The way of this worker's events into the event log.

Nobody who looks can tell a few hundredths of a second, so the events of that time leave in one command, and are encoded
when they leave. A call is half a dozen events: one by one they would cost Redis more than all else about the call.

While Redis is away they are kept, and written in order when it is back: first what had been sent and not been answered,
which may or may not have arrived, then the rest. Batches are numbered, and the server refuses a number that it has had,
so that none is in the log twice.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from functools import partial
from itertools import islice
from typing import Any

from ..contract.event_log import ENTRY_FIELD, USUAL_RETENTION, Retention
from ..contract.events import Event
from ..contract.keys import EVENTS_LOG, events_written
from ..errors import StoreUnavailable
from .encoding import encode_event
from .lua import Script
from .pipe import Pipe

__all__ = ["MAX_KEPT", "EventLog"]

log = logging.getLogger("sipcore.store")

GATHER = 0.02  # seconds; state change -> browser has 150 ms
MAX_GATHERED = 200  # events in one command, so that none holds Redis up
MAX_KEPT = 20_000  # events that wait for Redis; then the oldest go. About 20 MB
NUMBER_LIFE = 3_600_000  # milliseconds that the server remembers the number of a writer's last batch
AGAIN = 0.5  # seconds until what a busy store has refused is tried again

_APPEND = Script("""
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
if last >= tonumber(ARGV[1]) then return 0 end
local id
for i = 6, #ARGV do id = redis.call('XADD', KEYS[1], '*', ARGV[5], ARGV[i]) end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[3])
redis.call('XTRIM', KEYS[1], 'MINID', '~', string.format('%.0f', math.max(0, tonumber(id:match('^%d+')) - tonumber(ARGV[4]))))
return 1
""")
"Add a batch, unless it has been added, and let go of what is past its time. Ids, and so ages, are the server's."


class EventLog:
    """Writes events to the log, in the order in which they are told."""

    def __init__(self, pipe: Pipe, worker: str, retention: Retention = USUAL_RETENTION) -> None:
        self._pipe = pipe
        self._retention = retention
        self._written_key = events_written(f"{worker}:{secrets.token_hex(4)}")
        self._gathered: deque[Event] = deque()
        self._unanswered: dict[int, list[bytes]] = {}
        self._number = 0
        self._due: asyncio.TimerHandle | None = None
        self.dropped = 0
        "Events that were given up: Redis was away for too long, or would not take them."
        pipe.on_connect.append(self._connected)

    @property
    def waiting(self) -> int:
        """How many events are not known to be in the log yet."""
        return len(self._gathered) + sum(map(len, self._unanswered.values()))

    def tell(self, event: Event) -> None:
        """Write an event, soon."""
        gathered = self._gathered
        gathered.append(event)
        if len(gathered) >= MAX_GATHERED:
            if len(gathered) > MAX_KEPT:
                gathered.popleft()
                self.dropped += 1
            if self._pipe.connected:
                self.flush()
        elif self._due is None:
            self._due = asyncio.get_running_loop().call_later(GATHER, self.flush)

    def flush(self) -> None:
        """Write what has been gathered; what cannot be written now is kept."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        gathered = self._gathered
        while gathered and self._pipe.connected:
            events = list(islice(gathered, MAX_GATHERED))
            batch = [encode_event(event) for event in events]
            self._number += 1
            self._unanswered[self._number] = batch
            if not self._send(self._number, batch):
                del self._unanswered[self._number]
                self._number -= 1
                self._due = asyncio.get_running_loop().call_later(AGAIN, self.flush)
                return
            for _ in events:
                gathered.popleft()

    def _send(self, number: int, batch: list[bytes]) -> bool:
        keep = self._retention
        arguments = (number, NUMBER_LIFE, keep.entries, keep.milliseconds, ENTRY_FIELD)
        try:
            keys = (EVENTS_LOG, self._written_key)
            self._pipe.send_script(partial(self._answered, number), _APPEND, keys, *arguments, *batch, patient=True)
        except StoreUnavailable:
            return False
        return True

    def _answered(self, number: int, reply: Any) -> None:
        if isinstance(reply, StoreUnavailable):
            return  # the connection is lost: it is sent again on the next one
        batch = self._unanswered.pop(number, ())
        if isinstance(reply, Exception):
            if not self.dropped:
                log.warning("redis took no events: %s", reply)
            self.dropped += len(batch)

    def _connected(self) -> None:
        for number, batch in self._unanswered.items():
            if not self._send(number, batch):
                return  # lost again; the next connection goes on
        self.flush()
