"""One browser's share of the feed: what is still to be sent to it, bounded in both directions.

Daphne takes whatever it is given and keeps it for a browser that does not read, so the bound must be ours. At most `WINDOW`
frames are on their way unconfirmed; past that the browser is pinged, and what comes until it answers waits here. More than
`LIMIT` waiting frames are dropped all together: the browser is told how many, and gets a snapshot instead.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable

from .frames import frame

__all__ = ["LIMIT", "TOPICS", "WINDOW", "Listener"]

TOPICS = ("calls", "events")
WINDOW = 256  # frames
LIMIT = 256  # frames


class Listener:
    """The outgoing side of one WebSocket. Filled by the feed, emptied by the consumer, in the same event loop."""

    def __init__(
        self,
        snapshot: Callable[[str], str | None],
        missed: Callable[[str, str], tuple[str, str] | None] = lambda topic, position: None,
    ) -> None:
        """`snapshot` gives the whole of a topic; `missed` what has come after a position, and how far that leads."""
        self.topics: set[str] = set()
        self._snapshot = snapshot
        self._missed = missed
        self._notice: str | None = None
        self._frames: deque[tuple[str, str, str]] = deque()
        self._position: dict[str, str] = {}
        self._dropped: Counter[str] = Counter()
        self._in_flight = 0
        self._changed = asyncio.Event()
        self._window_used = asyncio.Event()

    def put(self, topic: str, text: str, position: str = "") -> None:
        """Queue a change for a topic; ignored when the browser has not asked for it.

        With a `position`, which the change leads to, too many changes are no loss while `missed` can tell them at once.
        """
        if topic not in self.topics:
            return
        if len(self._frames) >= LIMIT:
            self._dropped.update(queued for queued, _, _ in self._frames)
            self._frames.clear()
        if self._dropped[topic]:
            self._dropped[topic] += 1  # what follows the notice will contain it
        else:
            self._frames.append((topic, text, position))
        self._changed.set()

    def put_snapshot(self, topic: str, text: str, position: str = "") -> None:
        """Queue a snapshot; whatever waits for the same topic is contained in it."""
        if topic not in self.topics:
            return
        del self._dropped[topic]
        self._frames = deque(item for item in self._frames if item[0] != topic)
        self._frames.append((topic, text, position))
        self._changed.set()

    def notify(self, text: str) -> None:
        """Queue word about the feed itself, before everything else; only the latest is kept."""
        self._notice = text
        self._changed.set()

    async def next(self) -> str:
        """Return the next frame to send, waiting for one, and for room in the window."""
        while (text := self._take()) is None:
            self._changed.clear()
            await self._changed.wait()
        self._in_flight += 1
        if self._in_flight >= WINDOW:
            self._window_used.set()
        return text

    def confirmed(self) -> None:
        """The browser has read what was sent so far."""
        self._in_flight = 0
        self._window_used.clear()
        self._changed.set()

    async def window_used(self, within: float) -> None:
        """Return when the window is used up, at the latest after so many seconds."""
        try:
            async with asyncio.timeout(within):
                await self._window_used.wait()
        except TimeoutError:
            pass

    def _take(self) -> str | None:
        if self._in_flight >= WINDOW:
            return None
        if self._notice is not None:
            notice, self._notice = self._notice, None
            return notice
        while self._dropped:
            topic, count = self._dropped.popitem()
            if not count:
                continue
            position = self._position.get(topic)
            if position and (missed := self._missed(topic, position)) is not None:
                self._frames.append((topic, *missed))
                continue
            if (text := self._snapshot(topic)) is not None:
                self._frames.appendleft((topic, text, ""))
            return frame("dropped", topic=topic, count=count)
        if not self._frames:
            return None
        topic, text, position = self._frames.popleft()
        if position:
            self._position[topic] = position
        return text
