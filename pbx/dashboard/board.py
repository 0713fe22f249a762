"""The live calls, as one web process knows them.

A copy of the board in Redis at revision `rev`, moved on by the numbered changes of the feed. Pure: `feed.py` brings the
snapshots and the changes. Because the copy and the list of listeners change in the same step of one event loop, a browser
that joins can fall into no gap between its snapshot and its first change.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from sipcore.contract.calls import BranchState, CallState
from sipcore.contract.records import defaults

from .frames import frame

__all__ = ["Board", "Gap"]

RECENT_CHANGES = 512  # changes kept for browsers that come back after a short drop


_CALL, _BRANCH = defaults(CallState), defaults(BranchState)


class Gap(Exception):
    """A change is missing: the copy cannot be trusted any longer and must be loaded anew."""


def _whole(call: Mapping[str, Any]) -> dict[str, Any]:
    """A call with all its fields: a worker leaves out what is at its default, which a browser does not know."""
    return {**_CALL, **call, "branches": [{**_BRANCH, **branch} for branch in call.get("branches", ())]}


class Board:
    """A copy of the live calls, and what it takes to tell others about it."""

    def __init__(self) -> None:
        self.rev: int | None = None
        "Revision of the copy; None until the first load."
        self._heard = 0
        self._calls: dict[str, dict[str, Any]] = {}
        self._changes: deque[tuple[int, str]] = deque(maxlen=RECENT_CHANGES)

    def listen_from(self, rev: int) -> None:
        """The feed will be subscribed to now, with the board at `rev`: what is heard must be later than that."""
        self._heard = rev

    def load(self, rev: int, calls: Iterable[Mapping[str, Any]]) -> None:
        """Replace the copy by a snapshot that was read after the feed had been subscribed to."""
        self.rev = rev
        self._calls = {call["uid"]: _whole(call) for call in calls}
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
            self._calls[call["uid"]] = data = _whole(call)
            kind = "call.changed"
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
