"""One branch of a forked request (RFC 3261 §16.6, §16.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..syntax import Response
    from ..transaction import ClientTransaction
    from .response_context import ResponseContext
    from .target import Target

__all__ = ["BRANCH_STATES", "Branch"]

BRANCH_STATES = ("trying", "proceeding", "ringing", "answered", "cancelled", "failed")


class Branch:
    """One client transaction of a request, as the script and the dashboard see it. Read only, for them.

    The `user` of its client transaction; what happens there goes on to the response context.
    """

    __slots__ = (
        "absorbed",
        "answer_tag",
        "cancel_cause",
        "context",
        "excluded",
        "id",
        "last_code",
        "response",
        "ring_deadline",
        "state",
        "target",
        "timer_c",
        "transaction",
    )

    def __init__(self, id: str, target: Target, context: ResponseContext) -> None:
        self.id = id
        "Unique within its request: 1, 2, …"
        self.target = target
        self.state = "trying"
        """One of BRANCH_STATES: proceeding is 100 only, ringing any other provisional. A cancelled branch stays so
        whatever its phone still says; `transaction` is None once that was final."""
        self.last_code = 0
        "The last status received, 0 before the first; 408 and 503 are also set by us."
        self.excluded = False
        "Whether its final response is no candidate for the caller: we cancelled it, or it is a picker's."
        self.cancel_cause = 0
        "Why we gave it up, as in BranchCancelled; 0: we did not."
        self.context = context
        self.transaction: ClientTransaction | None = None
        "None before it was sent and once it is over."
        self.response: Response | None = None
        "Its final response other than 2xx; None when there was none: 408 and 503 are then ours."
        self.ring_deadline = 0.0
        "When it has rung long enough; 0 for never."
        self.timer_c = 0.0
        "When it has been silent for too long (§16.6 step 11)."
        self.answer_tag: str | None = None
        "The To tag of its 2xx that went to the caller; another one would be another phone, behind a forking proxy."
        self.absorbed: dict[str, bytes] | None = None
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
