"""One branch of a forked request (RFC 3261 §16.6, §16.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from ..syntax import Response
    from ..transaction import ClientTransaction
    from .response_context import ResponseContext
    from .target import Target

__all__ = ["BRANCH_STATES", "Branch"]

BRANCH_STATES = ("trying", "proceeding", "ringing", "answered", "cancelled", "failed")


class Branch(Struct, eq=False):
    """One client transaction of a request, as the script and the dashboard see it. Read only, for them.

    The `user` of its client transaction; what happens there goes on to the response context.
    """

    id: str
    "Unique within its request: 1, 2, …"
    target: Target
    context: ResponseContext
    state: str = "trying"
    """One of BRANCH_STATES: proceeding is 100 only, ringing any other provisional. A cancelled branch stays so
    whatever its phone still says; `transaction` is None once that was final."""
    last_code: int = 0
    "The last status received, 0 before the first; 408 and 503 are also set by us."
    excluded: bool = False
    "Whether its final response is no candidate for the caller: we cancelled it, or it is a picker's."
    cancel_cause: int = 0
    "Why we gave it up, as in BranchCancelled; 0: we did not."
    transaction: ClientTransaction | None = None
    "None before it was sent and once it is over."
    response: Response | None = None
    "Its final response other than 2xx; None when there was none: 408 and 503 are then ours."
    ring_deadline: float = 0.0
    "When it has rung long enough; 0 for never."
    timer_c: float = 0.0
    "When it has been silent for too long (§16.6 step 11)."
    answer_tag: str | None = None
    "The To tag of its 2xx that went to the caller; another one would be another phone, behind a forking proxy."
    absorbed: dict[str, bytes] | None = None
    "By their To, the ACKs to those that did not."

    @property
    def source(self) -> str:
        """Why it exists: lookup, event, msg, script or pickup."""
        return self.target.source

    @property
    def is_live(self) -> bool:
        """Whether it may still answer, and nobody asked it not to."""
        return self.state in _LIVE

    # as the user of its client transaction

    def response_received(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """A response has come."""
        self.context.response_received(self, transaction, response, now)

    def timed_out(self, transaction: ClientTransaction, now: float) -> None:
        """None has."""
        self.context.branch_failed(self, 408, now)

    def transport_failed(self, transaction: ClientTransaction, now: float) -> None:
        """None will."""
        self.context.branch_unsent(self, now)

    def abort(self, now: float) -> None:
        """A fault of ours: the request it belongs to is given up."""
        self.context.abort(now)

    def __repr__(self) -> str:
        return f"<Branch {self.id} {self.state} {self.last_code}>"


_LIVE = frozenset({"trying", "proceeding", "ringing"})
