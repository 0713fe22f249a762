"""One branch of a forked request (RFC 3261 §16.6, §16.7): a phone that is called, and how far that has come.

    trying ---100---> proceeding ---18x---> ringing          live: it may answer, and nobody asked it not to
       |                  |                    |
       +------------------+--------------------+--- 2xx, the caller's --------------> answered
                                               +--- 3xx-6xx, silence, not sent -----> failed
                                               +--- given up: CANCEL, or forgotten -> cancelled

What its phone still says after that changes no state. What a response means for the caller is `response_context.py`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ..transaction import NEVER
from .events import BranchAdded, BranchCancelled, BranchFinal, BranchProvisional, InjectRejected

if TYPE_CHECKING:
    from ..syntax import Request, Response
    from ..transaction import ClientTransaction
    from .cause import Cause
    from .response_context import ResponseContext
    from .target import Target

__all__ = ["BRANCH_STATES", "Branch"]

BRANCH_STATES = ("trying", "proceeding", "ringing", "answered", "cancelled", "failed")
_LIVE = frozenset({"trying", "proceeding", "ringing"})


class Branch(Struct, eq=False):
    """One client transaction of a request, and its `user`. Read only, for the script and the dashboard."""

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
    ring_deadline: float = NEVER
    "When it has rung long enough."
    timer_c: float = NEVER
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

    # what its context does with it

    def start(self, request: Request, ring_seconds: float | None, now: float) -> None:
        """Send it the request, as it was made for its target."""
        context, flow = self.context, self.target.flow
        core = context.core
        if context.is_invite:
            self.timer_c = now + core.policy.timer_c
            if ring_seconds is not None:
                self.ring_deadline = now + ring_seconds
        core.emit(BranchAdded(context.request, self))
        self.transaction = core.layer.start_client(request, flow, now, self)
        if flow.connection:
            core.connections.watch(flow.connection, self)

    def give_up(self, cause: Cause, now: float) -> None:
        """Cancel it, unless it is not live; its phone is told why."""
        if not self.is_live:
            return
        context = self.context
        self.state = "cancelled"
        self.excluded = True
        self.cancel_cause = cause.code
        context.core.emit(BranchCancelled(context.request, self, cause.code))
        if self.transaction is not None:
            context.core.layer.cancel(self.transaction, now, cause.headers)

    def abandon(self) -> None:
        """Forget it without a word: its phone is called anew elsewhere, and this is where it no longer is."""
        context, transaction, connection = self.context, self.transaction, self.target.flow.connection
        self.state = "cancelled"
        self.excluded = True
        context.core.emit(BranchCancelled(context.request, self, 0))
        if connection:
            context.core.connections.unwatch(connection, self)
        if transaction is not None:
            self.transaction = None
            context.core.layer.abandon(transaction)

    def over(self, status: int) -> None:
        """Note the end of its transaction."""
        context, connection = self.context, self.target.flow.connection
        self.last_code = status
        if connection:
            context.core.connections.unwatch(connection, self)
        if self.transaction is not None:
            self.transaction = None  # also ends the reference cycle of the two
            if context.request.transaction is not None:
                context.core.emit(BranchFinal(context.request, self, status))

    # as the user of its client transaction

    def response_received(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """A response has come (§16.7)."""
        context = self.context
        request, status = context.request, response.status
        is_dropped = False
        if request.on_reply is not None and status > 100:
            shown = request.on_reply(self, response)
            is_dropped = shown is None
            response = shown or response
        if status >= 300:
            self.response = response
            self._fail(status, now)
        elif status >= 200:
            context.branch_answers(self, transaction, response, now)
        elif not self.is_live:
            if self.transaction is None:  # abandoned, and there it is: now it can be told
                context.core.layer.cancel(transaction, now)
        elif status == 100:
            if self.state == "trying" and self.target.behind is None:  # an edge says nothing of the phone behind it
                self.state = "proceeding"
        else:
            self.timer_c = now + context.core.policy.timer_c  # §16.7 step 2
            self.state = "ringing"
            if status != self.last_code:
                self.last_code = status
                context.core.emit(BranchProvisional(request, self, status))
            context.branch_rings(self, None if is_dropped else response, now)

    def timed_out(self, transaction: ClientTransaction, now: float) -> None:
        """None has."""
        self._fail(408, now)

    def transport_failed(self, transaction: ClientTransaction, now: float) -> None:
        """None will: it could not be sent, or the connection it went over is gone."""
        if self.state == "trying" and self.source != "lookup":
            why = "no-flow" if self.target.flow.connection else "send-failed"
            self.context.core.emit(InjectRejected(self.context.request, self.target, why))
        self._fail(503, now)

    def abort(self, now: float) -> None:
        """A fault of ours: the request it belongs to is given up."""
        self.context.abort(now)

    def _fail(self, status: int, now: float) -> None:
        if self.is_live:
            self.state = "failed"
        self.over(status)
        self.context.branch_failed(self, status, now)

    def __repr__(self) -> str:
        return f"<Branch {self.id} {self.state} {self.last_code}>"
