"""The latest events, as one web process knows them: what browsers get to begin with, and after a short drop.

Pure; `feed.py` follows the log and hands the entries over. Events stand in the order of the log, and their cursor says how
far a browser has come: whoever comes back with one gets what follows it, each event once.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from pbx.event_log import shown_entry
from sipcore.contract.event_log import NOTHING_READ, cursor_order

from .frames import frame

__all__ = ["FIRST_EVENTS", "KEPT_EVENTS", "RecentEvents"]

FIRST_EVENTS = 200  # events that a browser gets to begin with
KEPT_EVENTS = 2_000  # events kept for browsers that come back; who has missed more reads the log

Entry = tuple[str, Mapping[str, str]]


class RecentEvents:
    """The end of the log, and what it takes to tell others about it."""

    def __init__(self) -> None:
        self.cursor: str | None = None
        "How far the log has been read; None until `load`."
        self._after = NOTHING_READ
        self._events: deque[dict[str, Any]] = deque()
        self._seq = 0

    def load(self, entries: list[Entry], limit: int) -> None:
        """Begin with the newest entries of the log, oldest first, `limit` of them unless there were fewer."""
        self.cursor = entries[-1][0] if entries else NOTHING_READ
        if len(entries) == limit:
            self._after = entries[0][0]
        self._events.extend(event for _, event in _readable(entries) if event is not None)

    def add(self, entries: Iterable[Entry]) -> list[tuple[str, str]]:
        """Go on by what follows `cursor` in the log; return a cursor and a frame for each event."""
        frames = []
        for cursor, event in _readable(entries):
            self.cursor = cursor
            if event is None:
                continue
            if len(self._events) == KEPT_EVENTS:
                self._after = self._events.popleft()["cursor"]
            self._events.append(event)
            self._seq += 1
            about = {"seq": self._seq, "cursor": cursor, "type": event["name"], "ts": event["ts"]}
            frames.append((cursor, frame("event", topic="events", **about, now=time.time(), data=event)))
        return frames

    @property
    def kept_after(self) -> str:
        """The cursor after which everything is still here."""
        return self._after

    def since(self, cursor: str) -> list[dict[str, Any]] | None:
        """The events after a cursor; None when they are not all here, or when it lies ahead of all that is known."""
        if self.cursor is None or not cursor_order(self._after) <= cursor_order(cursor) <= cursor_order(self.cursor):
            return None
        asked = cursor_order(cursor)
        missed = []
        for event in reversed(self._events):
            if cursor_order(event["cursor"]) <= asked:
                break
            missed.append(event)
        return missed[::-1]

    def snapshot(self, *, gap: bool = False) -> str:
        """The latest events in one frame, oldest first. `gap`: between these and what the browser has there were more."""
        events = list(self._events)[-FIRST_EVENTS:]
        return self._frame("snapshot", events, **({"gap": True} if gap else {}))

    def resumed(self, missed: list[dict[str, Any]]) -> str:
        """What a browser has missed, in one frame."""
        return self._frame("resumed", missed)

    def _frame(self, op: str, events: list[dict[str, Any]], **more: Any) -> str:
        return frame(op, topic="events", seq=self._seq, cursor=self.cursor, now=time.time(), events=events, **more)


def _readable(entries: Iterable[Entry]) -> Iterable[tuple[str, dict[str, Any] | None]]:
    for cursor, fields in entries:
        try:
            yield cursor, shown_entry(cursor, fields)
        except (ValueError, KeyError, TypeError, AttributeError):
            yield cursor, None
