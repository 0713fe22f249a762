"""A circuit breaker: a provider that is down is not asked again by every call, only by a probe now and then."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

__all__ = ["Breaker"]

WINDOW = 20  # results
WINDOW_SECONDS = 10.0
LEAST = 6  # results within the window before anything is concluded from them
PROBE_SECONDS = 5.0


class Breaker:
    """Opens when half of the recent tries say that the provider is down; closes at the first that says otherwise.

    Time is monotonic seconds, given by the caller.
    """

    def __init__(self, changed: Callable[[bool], None] = lambda is_open: None) -> None:
        """`changed` is told of each opening (True) and closing (False)."""
        self._changed = changed
        self._results: deque[tuple[float, bool]] = deque(maxlen=WINDOW)
        self._next_probe: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the provider counts as down."""
        return self._next_probe is not None

    def allows(self, now: float) -> bool:
        """Whether to try. While open, one caller each PROBE_SECONDS is let through."""
        if self._next_probe is None:
            return True
        if now < self._next_probe:
            return False
        self._next_probe = now + PROBE_SECONDS
        return True

    def record(self, *, down: bool, now: float) -> None:
        """Note what a try has said about the provider."""
        if not down and self.is_open:
            self._results.clear()
            self._next_probe = None
            self._changed(False)
        self._results.append((now, down))
        recent = [bad for at, bad in self._results if now - at <= WINDOW_SECONDS]
        if not self.is_open and len(recent) >= LEAST and 2 * sum(recent) >= len(recent):
            self._next_probe = now + PROBE_SECONDS
            self._changed(True)
