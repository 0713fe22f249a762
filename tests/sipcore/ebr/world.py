"""An EventRouting whose clock is moved by hand and whose bus writes down what it is given."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

from sipcore.contract.events import E_SUB_CANCELLED, E_UL_CONTACT_INSERT
from sipcore.ebr import EventRouting

__all__ = ["RecordingBus", "Timer", "World", "contact"]


def contact(aor="bob@t1", **attributes):
    return {"domain": "location", "aor": aor, "uri": f"sip:{aor}", "transport": "udp", "expires_in": 60, **attributes}


class Timer:
    def __init__(self, when, callback, arguments):
        self.when, self.callback, self.arguments, self.cancelled = when, callback, arguments, False

    def cancel(self):
        self.cancelled = True


class RecordingBus:
    has_peers = True  # so that everything is published, whether or not anybody here waits for it

    def __init__(self):
        self.records, self.published, self.offered = {}, [], []
        self.wanted = {E_SUB_CANCELLED}

    def wants(self, name):
        return name in self.wanted

    def when_awaited(self, name, attributes, then):
        if name in self.wanted:
            then()

    def subscribe(self, record):
        assert record.id not in self.records
        self.records[record.id] = record

    async def subscribed(self):
        pass

    def unsubscribe(self, record):
        del self.records[record.id]

    def offer(self, event):
        self.offered.append(event)

    def publish(self, event):
        self.published.append(event)


class World:
    """One worker at loop time 100.0."""

    def __init__(self, bus=None):
        self.now = 100.0
        self.timers = []
        self._order = count()
        self._ids = count(1)
        self.tasks = set()
        self.bus = bus or RecordingBus()
        self.events = EventRouting(
            self.bus,
            "w1",
            new_id=lambda: f"id{next(self._ids)}",
            monotonic=lambda: self.now,
            epoch=lambda: 1_700_000_000.0 + self.now,
            run=self.run,
            timers=self.call_at,
        )

    def run(self, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def call_at(self, when, callback, *arguments):
        timer = Timer(when, callback, arguments)
        heapq.heappush(self.timers, (when, next(self._order), timer))
        return timer

    def advance(self, seconds):
        """Move time on, stopping at each timer on the way."""
        until = self.now + seconds
        while self.timers and self.timers[0][0] <= until:
            when, _, timer = heapq.heappop(self.timers)
            if not timer.cancelled:
                self.now = max(self.now, when)
                timer.callback(*timer.arguments)
        self.now = until

    async def settle(self):
        """Let every handler that has been started run as far as it can."""
        for _ in range(20):
            await asyncio.sleep(0)

    def register(self, aor="bob@t1", name=E_UL_CONTACT_INSERT, **attributes):
        return self.events.raise_event(name, contact(aor, **attributes))

    def published(self, name):
        return [event for event in self.bus.published if event.name == name]
