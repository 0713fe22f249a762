"""Whether the loop moves on, seen from a thread of its own: what a route that blocks cannot hide from.

Ten times a second the thread asks the loop for a sign of life. While the loop serves, that is all that it costs; nothing is
counted on the way of a message. When the sign is overdue the loop stands still and with it every call of the worker: what
it is doing is looked up in its stack and said in the log at once, since it may never end, and `told` once it has.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

__all__ = ["BLOCKED_AFTER", "PERIOD", "Standstill", "Watchdog", "place_in"]

PERIOD = 0.1  # seconds between two signs of life
BLOCKED_AFTER = 0.5  # seconds without one; less would blame scripts for a machine that is busy

log = logging.getLogger("sipcore.watchdog")


@dataclass(frozen=True, slots=True)
class Standstill:
    """A time in which the loop did nothing else."""

    seconds: float
    file: str
    "Where it stood; empty when it went on before it could be looked at."
    line: int
    function: str


class Watchdog:
    """Watches one loop. `soon` is its `call_soon_threadsafe`; `told` is called in the loop."""

    def __init__(
        self,
        soon: Callable[[Callable[[], None]], object],
        told: Callable[[Standstill], None],
        *,
        script: Callable[[], str],
        now: Callable[[], float] = time.monotonic,
        frame: Callable[[], FrameType | None] | None = None,
    ) -> None:
        self._soon = soon
        self._told = told
        self._script = script
        self._now = now
        watched = threading.get_ident()
        self._frame = frame or (lambda: sys._current_frames().get(watched))
        self._asked_at: float | None = None
        self._place: tuple[str, int, str] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Watch the loop of the thread that made this."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stop.set()
        self._thread.join(2 * PERIOD)

    def look(self) -> None:
        """Ask for a sign of life, or, when one is overdue, say where the loop stands."""
        now, asked_at = self._now(), self._asked_at
        if asked_at is None:
            self._asked_at = now
            self._soon(self._alive)
        elif now - asked_at >= BLOCKED_AFTER and self._place is None:
            self._place = place_in(self._frame(), self._script())
            log.error("the worker stands still and serves no call: %s, line %d, in %s", *self._place)

    def _watch(self) -> None:
        while not self._stop.wait(PERIOD):
            try:
                self.look()
            except RuntimeError:
                return  # the loop is closed

    def _alive(self) -> None:
        asked_at, place = self._asked_at, self._place
        self._place = self._asked_at = None
        if asked_at is None:
            return
        seconds = self._now() - asked_at
        if place is not None or seconds >= BLOCKED_AFTER:
            self._told(Standstill(seconds, *(place or ("", 0, ""))))


def place_in(frame: FrameType | None, script: str) -> tuple[str, int, str]:
    """File, line and function of the innermost frame of the script; of the innermost of all when it has none there."""
    innermost = frame
    while frame is not None:
        if frame.f_code.co_filename == script:
            break
        frame = frame.f_back
    found = frame or innermost
    return (found.f_code.co_filename, found.f_lineno, found.f_code.co_name) if found else ("", 0, "")
