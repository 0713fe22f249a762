"""What happened in a test, as one reads it: each message and event with its time, in order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from ..contract.events import Event

__all__ = ["Ladder"]

MAX_LINES = 400  # the last ones; a test that says more is read from its end
MAX_ATTRIBUTES = 4  # of an event, on its line
WIDTH = 110  # characters of a line


class Ladder:
    """A log of one test: `print` it. `started` and `epoch` are the two clocks as they stood at its beginning."""

    def __init__(self, started: float, epoch: float, events: Sequence[Event]) -> None:
        self._started = started
        self._epoch = epoch
        self._events = events
        self._told = 0
        self._lines: list[str] = []

    def sent(self, now: float, way: str, data: bytes) -> None:
        """A message has been put on the wire; `way` says from whom to whom."""
        self._tell_events()
        first = data.split(b"\r\n", 1)[0].removeprefix(b"SIP/2.0 ").decode(errors="replace")
        self._line(now - self._started, way, first)

    def _tell_events(self) -> None:
        for event in islice(self._events, self._told, None):
            said = [
                f"{key}={value}" for key, value in event.attributes.items() if value and not isinstance(value, dict)
            ]
            self._line(event.ts - self._epoch, "*", f"{event.name} {' '.join(said[:MAX_ATTRIBUTES])}")
        self._told = len(self._events)

    def _line(self, seconds: float, way: str, text: str) -> None:
        self._lines.append(f"{seconds:9.3f}  {way:12} {text}"[:WIDTH])

    def __str__(self) -> str:
        self._tell_events()
        return "\n".join(self._lines[-MAX_LINES:])
