"""Faults of our own that have shown: logged once for each place, for a peer that can provoke one can do so for ever."""

from __future__ import annotations

import logging
import sys

__all__ = ["BugLog"]

logger = logging.getLogger(__name__)

_MAX_PLACES = 100


class BugLog:
    """The faults of one core."""

    __slots__ = ("places",)

    def __init__(self) -> None:
        self.places: set[str] = set()
        "Where: the kind of exception, file and line."

    def report(self) -> None:
        """Log the exception being handled, the first time it comes from this place."""
        kind, error, trace = sys.exc_info()
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{kind} {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else str(kind)
        if place not in self.places and len(self.places) < _MAX_PLACES:
            self.places.add(place)
            logger.error("a bug; its next occurrences will not be logged", exc_info=error)
