"""What the core reports: one record for each thing that happened, in order. Nobody changes one.

Structs, for some ten are made for a call.

Every event but DialogEnded carries the ServerRequest it is about. Requests inside a dialog that the core forwards on
its own (see `core.py`) give no events, except that a BYE which went through is a DialogEnded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from .target import Target

if TYPE_CHECKING:
    from ..syntax import Response
    from .branch import Branch
    from .dialog_relay import DialogRelay
    from .request import ServerRequest

__all__ = [
    "Acknowledged",
    "BranchAdded",
    "BranchCancelled",
    "BranchFinal",
    "BranchProvisional",
    "CoreEvent",
    "DialogEnded",
    "FinalSent",
    "HoldClosed",
    "HoldOpened",
    "InjectRejected",
    "PhoneAsleep",
    "RequestCancelled",
    "RequestReceived",
    "RequestTerminated",
    "TakeoverEnded",
    "TakeoverStarted",
    "TargetsFailed",
]


class RequestReceived(Struct):
    """A new request for the routing script: valid, not a retransmission, not inside a dialog of ours."""

    request: ServerRequest


class RequestCancelled(Struct):
    """The caller gave up; the 487 is out already."""

    request: ServerRequest
    reason_headers: tuple[str, ...] = ()
    "Reason values of his CANCEL. Empty also when his connection closed and did not come back."


class BranchAdded(Struct):
    """A branch was started."""

    request: ServerRequest
    branch: Branch


class BranchProvisional(Struct):
    """A branch sent a provisional response above 100, other than the one before."""

    request: ServerRequest
    branch: Branch
    status: int


class BranchFinal(Struct):
    """A branch is over: its final response, 408 when it never gave one, 503 when it could not be sent.

    Follows BranchCancelled too, once the phone has confirmed; with 2xx it is then an answer that nobody took.
    """

    request: ServerRequest
    branch: Branch
    status: int


class BranchCancelled(Struct):
    """We gave a branch up; the CANCEL goes out now or with the phone's first provisional response (§9.1)."""

    request: ServerRequest
    branch: Branch
    cause: int
    """200 answered elsewhere or picked up, 603 declined elsewhere, 480 no answer, 487 caller gone or call ended, 0 the same
    phone is called anew elsewhere."""


class InjectRejected(Struct):
    """A target was not tried."""

    request: ServerRequest
    target: Target
    why: str
    "gone, final, cancelled, barred, duplicate, declined, limit, dropped (by a branch route), no-flow or send-failed."


class HoldOpened(Struct):
    """The request now waits for branches to come."""

    request: ServerRequest
    seconds: float
    branches: int | None = None


class HoldClosed(Struct):
    """It no longer does; branches that live go on."""

    request: ServerRequest
    why: str
    "deadline, count, last-flag, no-more (or what the script said instead), final or cancel."


class TakeoverStarted(Struct):
    """A pickup has begun: at least one phone of the picker is being called."""

    request: ServerRequest
    token: str


class TakeoverEnded(Struct):
    """A pickup is over; exactly one for each call of `inject_branches` with `cancel` that did not raise."""

    request: ServerRequest
    token: str
    outcome: str
    "done, failed, lost (an original phone answered), caller-gone or timeout."


class TargetsFailed(Struct):
    """Nothing is left that was tried, and the script said that it decides what now. The caller waits for it."""

    request: ServerRequest
    status: int
    "What he would get."
    reason: str
    response: Response | None = None
    "The phone's response that this is, None when it is our own word."


class PhoneAsleep(Struct):
    """A request within a dialog is for a phone whose connection is gone, and which has said how it can be woken. It waits
    for `relay.go_on`, and for so long only."""

    relay: DialogRelay
    purr: str
    "The reference in its Request-URI (RFC 8599 §6.2)."


class FinalSent(Struct):
    """The final response; exactly one for each request that was received."""

    request: ServerRequest
    status: int
    reason: str
    origin: str
    "branch, local, timeout or cancel."
    branch: Branch | None = None
    "The branch that it came from."


class Acknowledged(Struct):
    """The ACK to a final response other than 2xx has come: the phone's line is free again."""

    request: ServerRequest


class RequestTerminated(Struct):
    """The server transaction is destroyed; words about it raise TransactionGone from now on."""

    request: ServerRequest


class DialogEnded(Struct):
    """A BYE went through, in either direction."""

    call_id: str
    from_tag: str
    "The caller's tag, whoever hung up."
    to_tag: str
    "The callee's."
    method: str = "BYE"
    by_tag: str = ""
    "The tag of the side that hung up."
    status: int = 200
    "What the BYE was answered with; never 401 or 407, which do not end a dialog."


CoreEvent = (
    RequestReceived
    | RequestCancelled
    | BranchAdded
    | BranchProvisional
    | BranchFinal
    | BranchCancelled
    | InjectRejected
    | HoldOpened
    | HoldClosed
    | TakeoverStarted
    | TakeoverEnded
    | TargetsFailed
    | PhoneAsleep
    | FinalSent
    | Acknowledged
    | RequestTerminated
    | DialogEnded
)
