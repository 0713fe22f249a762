"""What people see of events: the feed while it happens, and the log behind it.

Nobody who looks can tell a few hundredths of a second, so the events of that time leave in one command, and are encoded
when they leave. A call is half a dozen events: one by one they would cost Redis more than all else about the call.
"""

from __future__ import annotations

import asyncio

from ..contract.events import Event
from ..contract.keys import EVENTS_FEED, EVENTS_LOG
from ..errors import StoreUnavailable
from .encoding import encode_event
from .lua import Script
from .pipe import Pipe

__all__ = ["EventFeed"]

GATHER = 0.02  # seconds; state change -> browser has 150 ms
MAX_GATHERED = 200  # events in one command, so that none holds Redis up
LOG_LENGTH = 10_000  # events kept, about

_TELL = Script("""
for i = 3, #ARGV do
  redis.call('PUBLISH', ARGV[1], ARGV[i])
  redis.call('XADD', KEYS[1], '*', 'event', ARGV[i])
end
redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[2])
return 1
""")


class EventFeed:
    """The way of this worker's events to the feed and the log, in order."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._gathered: list[Event] = []
        self._due: asyncio.TimerHandle | None = None
        self.dropped = 0
        "Events that were given up because the store was away, or had too much to do."

    def tell(self, event: Event) -> None:
        """Show an event, soon. When the store is away it is dropped, and counted."""
        if not self._pipe.connected:
            self.dropped += 1
            return
        self._gathered.append(event)
        if len(self._gathered) >= MAX_GATHERED:
            self.flush()
        elif self._due is None:
            self._due = asyncio.get_running_loop().call_later(GATHER, self.flush)

    def flush(self) -> None:
        """Write what has been gathered."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if not self._gathered:
            return
        events, self._gathered = self._gathered, []
        encoded = [encode_event(event, structured=False) for event in events]
        try:
            self._pipe.send_script(None, _TELL, (EVENTS_LOG,), EVENTS_FEED, LOG_LENGTH, *encoded, patient=True)
        except StoreUnavailable:
            self.dropped += len(events)
