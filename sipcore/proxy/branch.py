"""One branch of a forked request (RFC 3261 §16.6, §16.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .target import Target

__all__ = ["BRANCH_STATES", "Branch"]

BRANCH_STATES = ("trying", "proceeding", "ringing", "answered", "cancelled", "failed")


class Branch:
    """One client transaction of a request, as the script and the dashboard see it. Read only, for them."""

    __slots__ = ("excluded", "id", "last_code", "state", "target")

    def __init__(self, id: str, target: Target) -> None:
        self.id = id
        "Unique within its request: 1, 2, …"
        self.target = target
        self.state = "trying"
        "One of BRANCH_STATES: proceeding is 100 only, ringing any other provisional."
        self.last_code = 0
        "The last status received, 0 before the first; 408 and 503 are also set by us."
        self.excluded = False
        "Whether its final response is no candidate for the caller: we cancelled it, or it is a picker's."

    @property
    def source(self) -> str:
        """Why it exists: lookup, event, msg, script or pickup."""
        return self.target.source

    @property
    def is_live(self) -> bool:
        """Whether it may still answer, and nobody asked it not to."""
        return self.state in ("trying", "proceeding", "ringing")
