"""The latest events, as one web process knows them: what browsers get to begin with, and after a short drop.

Pure; `feed.py` follows the log and hands the entries over. Events stand in the order of the log, and their cursor says how
far a browser has come: whoever comes back with one gets what follows it, each event once.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from pbx.event_log import EventQuery, shown_entry
from sipcore.contract.event_log import NOTHING_READ, cursor_order

from .frames import frame

__all__ = ["FIRST_EVENTS", "KEPT_EVENTS", "RecentEvents", "View"]

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

    def add(self, entries: Iterable[Entry]) -> list[tuple[dict[str, Any], str]]:
        """Go on by what follows `cursor` in the log; return each event, and the frame that tells it to most."""
        frames = []
        for cursor, event in _readable(entries):
            self.cursor = cursor
            if event is None:
                continue
            if len(self._events) == KEPT_EVENTS:
                self._after = self._events.popleft()["cursor"]
            self._events.append(event)
            self._seq += 1
            frames.append((event, event_frame(event, self._seq)))
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

    def snapshot(self, view: View, *, gap: bool = False) -> str:
        """The latest events in one frame, oldest first. `gap`: between these and what the browser has there were more."""
        events = view.of(self._events)[-FIRST_EVENTS:]
        return self._frame("snapshot", view, events, **({"gap": True} if gap else {}))

    def resumed(self, view: View, missed: list[dict[str, Any]]) -> str:
        """What a browser has missed, in one frame."""
        return self._frame("resumed", view, view.of(missed))

    def _frame(self, op: str, view: View, events: list[dict[str, Any]], **more: Any) -> str:
        seq = self._seq if view.query is None else view.seq
        return frame(op, topic="events", seq=seq, cursor=self.cursor, now=time.time(), events=events, **more)


class View:
    """Which events one browser wants. One that does not want all of them has numbers of its own."""

    __slots__ = ("query", "seq")

    def __init__(self, query: EventQuery | None = None) -> None:
        self.query = query
        self.seq = 0

    def of(self, events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those of the events that are wanted."""
        return [event for event in events if self.query is None or self.query.matches(event)]

    def frame(self, event: dict[str, Any], usual: str) -> str | None:
        """The frame that tells an event, `usual` for who wants all; None when it is not wanted."""
        if self.query is None:
            return usual
        if not self.query.matches(event):
            return None
        self.seq += 1
        return event_frame(event, self.seq)


def event_frame(event: Mapping[str, Any], seq: int) -> str:
    """One event, numbered."""
    about = {"seq": seq, "cursor": event["cursor"], "type": event["name"], "ts": event["ts"]}
    return frame("event", topic="events", **about, now=time.time(), data=event)


def _readable(entries: Iterable[Entry]) -> Iterable[tuple[str, dict[str, Any] | None]]:
    for cursor, fields in entries:
        try:
            yield cursor, shown_entry(cursor, fields)
        except (ValueError, KeyError, TypeError, AttributeError):
            yield cursor, None
