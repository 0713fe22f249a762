"""How often somebody has failed lately: what tells a typo from an attack."""

from __future__ import annotations

from collections import OrderedDict, deque

__all__ = ["RecentFailures"]

WINDOW = 60.0  # seconds
MAX_KEPT = 1000  # failures of one source; beyond, "a thousand" says enough
MAX_SOURCES = 4096  # the one that was silent longest is forgotten for one more


class RecentFailures:
    """Counts failures by source over the last minute."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, source: str, now: float) -> int:
        """Note one more failure at loop time `now`; return how many there have been within a minute, this one included."""
        times = self._times.get(source)
        if times is None:
            times = self._times[source] = deque(maxlen=MAX_KEPT)
            if len(self._times) > MAX_SOURCES:
                self._times.popitem(last=False)
        else:
            self._times.move_to_end(source)
        times.append(now)
        while times[0] <= now - WINDOW:
            times.popleft()
        return len(times)
