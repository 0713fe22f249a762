"""Reading the event log from a cursor, on and on: for subscriptions that begin in the past.

One loop for all of a worker's followers. Whoever is behind is brought on step by step, by XRANGE on the worker's own
connection; all who have come to the end wait together in one XREAD, on a connection that is only there while somebody
follows. A follower that has no room is asked again from where it stopped. Nothing is passed over and nothing is told twice:
a follower's cursor is the last entry that it took.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from ..contract.event_log import FROM_NOW_ON, NOTHING_READ, cursor_order, read_entry
from ..contract.events import Event
from ..contract.keys import EVENTS_LOG
from ..errors import StoreUnavailable
from .pipe import Pipe

__all__ = ["LogFollower"]

log = logging.getLogger("sipcore.store")

STEP = 200  # entries at once; one who catches up a whole day must not hold the others up
WAIT = 1000  # milliseconds in XREAD
PATIENCE = 5.0  # seconds without an answer: WAIT, and what a busy server may take
AGAIN = 0.02  # seconds until a follower without room is asked again
AWAY = 0.2  # seconds between attempts while the store is away

Hear = Callable[[Event], bool]
"Takes an event; False when there is no room for it now."


class _Follower:
    __slots__ = ("at_end", "checked", "cursor", "hear", "lost")

    def __init__(self, cursor: str, hear: Hear, lost: Callable[[], None]) -> None:
        self.cursor = cursor
        self.hear = hear
        self.lost = lost
        self.at_end = False
        self.checked = False

    def take(self, entries: Sequence[tuple[str, dict[str, str]]]) -> bool:
        """Hear those entries that follow the cursor; False when there was no room for all of them."""
        reached = cursor_order(self.cursor)
        for cursor, fields in entries:
            if cursor_order(cursor) <= reached:
                continue
            try:
                event = read_entry(cursor, fields)
            except ValueError:
                log.warning("entry %s of the event log cannot be read", cursor)
            else:
                if not self.hear(event):
                    return False
            self.cursor = cursor
        return True


class LogFollower:
    """Tells followers what is in the log after their cursors, and what comes."""

    def __init__(self, pipe: Pipe, url: str, worker: str) -> None:
        self._pipe = pipe
        self._url = url
        self._worker = worker
        self._followers: set[_Follower] = set()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def follow(self, cursor: str, hear: Hear, lost: Callable[[], None] = lambda: None) -> Callable[[], None]:
        """Give every event after `cursor` to `hear`, in order, until what is returned is called.

        `lost` is called once when the log no longer reaches back to the cursor. While the store is away, it waits.
        """
        follower = _Follower(cursor, hear, lost)
        self._followers.add(follower)
        self._news.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="log follower")
        return lambda: self._followers.discard(follower)

    async def close(self) -> None:
        """Stop."""
        self._followers.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self) -> None:
        waiting = Pipe(self._url, name=f"{self._worker}-log", reply_timeout=PATIENCE)
        await waiting.start(0.0)
        reading: asyncio.Future[Any] | None = None
        try:
            while self._followers:
                try:
                    self._news.clear()
                    await self._catch_up()
                    if reading is None:
                        reading = self._read_on(waiting)
                    if reading is not None and all(follower.at_end for follower in self._followers):
                        await self._until_news(reading)
                    if reading is not None and reading.done():
                        reply, reading = reading, None
                        self._heard(reply.result())
                except StoreUnavailable:
                    reading = None
                    await asyncio.sleep(AWAY)
        finally:
            if reading is not None:
                reading.cancel()
            await waiting.close()

    async def _catch_up(self) -> None:
        """One step for each that is behind."""
        for follower in [each for each in self._followers if not each.at_end]:
            if follower.cursor == FROM_NOW_ON:
                last = await self._pipe.execute("XREVRANGE", EVENTS_LOG, "+", "-", "COUNT", 1)
                follower.cursor = last[0][0].decode() if last else NOTHING_READ
            if not follower.checked:
                await self._check(follower)
            reply = await self._pipe.execute("XRANGE", EVENTS_LOG, f"({follower.cursor}", "+", "COUNT", STEP)
            if not follower.take(_entries(reply)):
                await asyncio.sleep(AGAIN)
            else:
                follower.at_end = len(reply) < STEP

    async def _check(self, follower: _Follower) -> None:
        """Whether the log still reaches back to the cursor: if entries have gone, its own is among those that are left."""
        first = await self._pipe.execute("XRANGE", EVENTS_LOG, "-", "+", "COUNT", 1)
        follower.checked = True
        if first and cursor_order(first[0][0].decode()) > cursor_order(follower.cursor):
            about = await self._pipe.execute("XINFO", "STREAM", EVENTS_LOG)
            facts = dict(zip(about[::2], about[1::2], strict=True))
            if facts.get(b"entries-added", 0) > facts[b"length"]:
                follower.lost()

    def _read_on(self, waiting: Pipe) -> asyncio.Future[Any] | None:
        """Ask for what comes after the cursor that is furthest behind of those at the end."""
        cursors = [follower.cursor for follower in self._followers if follower.at_end]
        if not cursors:
            return None
        cursor = min(cursors, key=cursor_order)
        return waiting.execute("XREAD", "COUNT", STEP, "BLOCK", WAIT, "STREAMS", EVENTS_LOG, cursor)

    async def _until_news(self, reading: asyncio.Future[Any]) -> None:
        """Wait for something to read, or for another follower."""
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait({reading, news}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()

    def _heard(self, reply: Any) -> None:
        for _, entries in reply or ():
            read = _entries(entries)
            for follower in [each for each in self._followers if each.at_end]:
                follower.at_end = follower.take(read)


def _entries(reply: Any) -> list[tuple[str, dict[str, str]]]:
    return [
        (cursor.decode(), {key.decode(): value.decode() for key, value in zip(fields[::2], fields[1::2], strict=True)})
        for cursor, fields in reply
    ]
