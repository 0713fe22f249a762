"""The live calls and the latest events, as one web process knows them.

A copy of the board in Redis at revision `rev`, moved on by the numbered changes of the feed. Pure: `feed.py` brings the
snapshots and the changes. Because the copy and the list of listeners change in the same step of one event loop, a browser
that joins can fall into no gap between its snapshot and its first change.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["Board", "Gap", "frame", "public_event"]

RECENT_CHANGES = 512  # changes kept for browsers that come back after a short drop
RECENT_EVENTS = 200  # events that a browser gets to begin with

# An event says what happened; these say how to send a push or claim a call, and the whole binding is nobody's business
# on a screen.
_PRIVATE = frozenset({"token", "binding", "pn_prid", "pn_prid_hash", "attr", "path"})


class Gap(Exception):
    """A change is missing: the copy cannot be trusted any longer and must be loaded anew."""


def frame(op: str, **fields: Any) -> str:
    """One message to a browser."""
    return json.dumps({"op": op, **fields}, ensure_ascii=False, separators=(",", ":"))


def public_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event without what does not belong on a screen."""
    attributes = {name: value for name, value in event.get("attributes", {}).items() if name not in _PRIVATE}
    return {**event, "attributes": attributes}


class Board:
    """A copy of the live calls, and what it takes to tell others about it."""

    def __init__(self) -> None:
        self.rev: int | None = None
        "Revision of the copy; None until the first load."
        self._heard = 0
        self._calls: dict[str, dict[str, Any]] = {}
        self._changes: deque[tuple[int, str]] = deque(maxlen=RECENT_CHANGES)
        self._events: deque[dict[str, Any]] = deque(maxlen=RECENT_EVENTS)
        self._event_seq = 0

    # -- calls

    def listen_from(self, rev: int) -> None:
        """The feed will be subscribed to now, with the board at `rev`: what is heard must be later than that."""
        self._heard = rev

    def load(self, rev: int, calls: Iterable[Mapping[str, Any]]) -> None:
        """Replace the copy by a snapshot that was read after the feed had been subscribed to."""
        self.rev = rev
        self._calls = {call["uid"]: dict(call) for call in calls}
        self._changes.clear()

    def apply(self, change: Mapping[str, Any]) -> str | None:
        """Move the copy on by one change; return the frame that tells it, or None when the snapshot had it already.

        Raises Gap when a revision is missing, or when the numbers start again (the store has lost its data).
        """
        rev = change["rev"]
        began_again = rev <= self._heard
        self._heard = rev
        if self.rev is None or began_again:
            raise Gap
        if rev <= self.rev:
            return None
        if rev != self.rev + 1:
            raise Gap
        self.rev = rev
        if (call := change.get("call")) is not None:
            self._calls[call["uid"]] = call
            kind, data = "call.changed", call
        else:
            self._calls.pop(change["gone"], None)
            kind, data = "call.gone", {"uid": change["gone"]}
        text = frame("event", topic="calls", seq=rev, type=kind, now=time.time(), data=data)
        self._changes.append((rev, text))
        return text

    def calls_snapshot(self) -> str:
        """All live calls in one frame."""
        return frame("snapshot", topic="calls", seq=self.rev, now=time.time(), calls=list(self._calls.values()))

    def calls_since(self, rev: int) -> list[str] | None:
        """The frames that bring a browser on from `rev`; None when they are no longer all there."""
        if self.rev is None or rev > self.rev:
            return None
        missing = self.rev - rev
        if missing > len(self._changes):
            return None
        return [text for _, text in list(self._changes)[len(self._changes) - missing :]]

    # -- events

    def load_events(self, events: Iterable[Mapping[str, Any]]) -> list[str]:
        """Add those events of the log, oldest first, that were not heard on the feed; return their frames."""
        known = {event["id"] for event in self._events}
        return [self._add(event) for event in events if event["id"] not in known]

    def add_event(self, event: Mapping[str, Any]) -> str | None:
        """Add an event heard on the feed; None when the log had it already."""
        if any(known["id"] == event["id"] for known in reversed(self._events)):
            return None
        return self._add(event)

    def _add(self, event: Mapping[str, Any]) -> str:
        shown = public_event(event)
        self._events.append(shown)
        self._event_seq += 1
        return frame("event", topic="events", seq=self._event_seq, type=shown["name"], now=time.time(), data=shown)

    def events_snapshot(self, after: str = "") -> str:
        """The latest events, oldest first; only those after the event with id `after` when it is among them."""
        events = list(self._events)
        for index, event in enumerate(events):
            if event["id"] == after:
                events = events[index + 1 :]
                break
        return frame("snapshot", topic="events", seq=self._event_seq, now=time.time(), events=events)
