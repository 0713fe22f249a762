"""From what the core does to what people see: calls on the board, their records, their events.

A call appears when the script says `call_known`: a request that was challenged, refused or strayed in never does. It
leaves the board once, with one record: with a final response that is no 2xx, with the BYE after a 2xx, or, as `lost`, when
no BYE has passed for half a day. A re-INVITE is no call, nor is any request other than INVITE.

Core events that come one after the other in one turn of the driver become one change: nothing is frozen before `drain`.
The events of a turn read like a story: what a call's phones did comes before E_CALL_MISSED and E_CALL_ENDED.

Pickup: the board shows who picks while his phone is being called; E_CALL_PICKUP_* are raised by the script, which holds the
claims.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from sipcore.contract.events import (
    E_BRANCH_ADDED,
    E_BRANCH_CANCELLED,
    E_BRANCH_FINAL,
    E_BRANCH_PROVISIONAL,
    E_CALL_RINGING,
    E_CALL_STARTED,
    E_INJECT_REJECTED,
    E_WAIT_ARMED,
    E_WAIT_CLOSED,
)
from sipcore.proxy.events import (
    BranchAdded,
    BranchCancelled,
    BranchFinal,
    BranchProvisional,
    CoreEvent,
    DialogEnded,
    FinalSent,
    HoldClosed,
    HoldOpened,
    InjectRejected,
    RequestTerminated,
    TakeoverEnded,
)
from sipcore.syntax import Request

from .ledger import MAX_CALL_SECONDS, MAX_CALLS, Changes, Ledger
from .live_call import LiveBranch, LiveCall

__all__ = ["CallTracker", "ReceivedRequest"]


class ReceivedRequest(Protocol):
    """What this room looks at in the core's ServerRequest."""

    id: str
    call_uid: str
    request: Request
    is_cancelled: bool

    @property
    def method(self) -> str: ...

    @property
    def is_final(self) -> bool: ...

    @property
    def is_gone(self) -> bool: ...


class CallTracker:
    """All calls that this worker has the INVITE transaction of, or recorded the route of."""

    def __init__(
        self,
        worker: str,
        *,
        max_call_seconds: float = MAX_CALL_SECONDS,
        max_calls: int = MAX_CALLS,
        wants: Callable[[str], bool] = lambda name: False,
    ) -> None:
        """`wants` tells whether anybody waits for an event that is not shown."""
        self._ledger = Ledger(worker, max_call_seconds=max_call_seconds, max_calls=max_calls, wants=wants)
        self._calls = self._ledger.by_request

    @property
    def count(self) -> int:
        """Calls on the board."""
        return len(self._ledger)

    def drain(self) -> Changes | None:
        """Return what has happened since the last time, None when nothing has."""
        return self._ledger.drain()

    # what the script says

    def call_known(
        self,
        request: ReceivedRequest,
        *,
        caller: str,
        caller_name: str,
        callee: str,
        dialled: str,
        groups: Iterable[str] = (),
        epoch: float,
    ) -> None:
        """Put a call on the board. Said again, it corrects who calls whom.

        Anything but an INVITE outside of a dialog is ignored. A call whose caller has given up meanwhile leaves its
        record all the same: somebody called.
        """
        invite = request.request
        if request.method != "INVITE" or invite.to_tag:
            return
        call = self._calls.get(request.id)
        is_new = call is None
        if call is None:
            call = self._ledger.open(
                request.id, request.call_uid, invite.call_id, invite.from_tag, epoch, is_gone=request.is_gone
            )
        call.caller, call.caller_name, call.callee, call.dialled = caller, caller_name, callee, dialled
        call.groups = tuple(groups)
        self._ledger.touch(call)
        if is_new:
            self._ledger.tell(E_CALL_STARTED, call, **call.parties, dialled=dialled)
            if request.is_final:
                # Its FinalSent has come already, when this was no call yet, or is about to come and finds it ended.
                status, origin = (487, "cancel") if request.is_cancelled else (0, "local")
                self._ledger.fail(call, status, origin, epoch)

    def waking(self, request: ReceivedRequest, count: int, epoch: float) -> bool:
        """Note that so many sleeping phones have been asked to wake up for this call; False when it is none, or over."""
        call = self._calls.get(request.id)
        if call is None or call.is_over:
            return False
        call.waking = count
        if call.state == "setup":
            call.state = "waking"
        self._ledger.touch(call)
        return True

    def shut_down(self, epoch: float) -> None:
        """End all calls, since nobody will be here to see their BYE."""
        self._ledger.end_all("lost", epoch)

    # what the core says

    def core_event(self, event: CoreEvent, epoch: float) -> None:
        """Take in one event of the core. One about a request that is no call costs two look-ups."""
        if epoch >= self._ledger.oldest_ends_at:
            self._ledger.lose_the_silent(epoch)
        handler = _OF_CALLS.get(type(event))
        if handler is not None:
            call = self._calls.get(event.request.id)  # type: ignore[union-attr]  # those of calls have one
            if call is not None:
                handler(self, call, event, epoch)
        elif type(event) is InjectRejected:
            self._inject_rejected(event)
        elif type(event) is DialogEnded:
            self._dialog_ended(event, epoch)

    def _branch_added(self, call: LiveCall, event: BranchAdded, epoch: float) -> None:
        branch, target = event.branch, event.branch.target
        aor = target.aor or target.uri
        live = call.branches[branch.id] = LiveBranch(
            branch.id,
            aor,
            target.uri,
            target.device,
            target.source,
            epoch,
            target.key,
            tx=call.tx,
            flow_id=target.flow.id,
        )
        if target.source == "pickup":
            call.picked_by = aor
        self._ledger.touch(call)
        self._ledger.tell_why(E_BRANCH_ADDED, live.about, call.uid, target.cause or call.tx)

    def _branch_provisional(self, call: LiveCall, event: BranchProvisional, epoch: float) -> None:
        branch = call.branches.get(event.branch.id)
        if branch is None:
            return
        branch.change("ringing" if branch.state == "trying" else branch.state, event.status, branch.ended_at)
        self._ledger.touch(call)
        self._ledger.tell(E_BRANCH_PROVISIONAL, call, **branch.about, code=event.status)
        if not (call.ringing_at or call.answered_at or call.is_over):
            call.ringing_at = epoch
            call.state = "ringing"
            self._ledger.tell(E_CALL_RINGING, call, **call.parties, groups=list(call.groups), since=epoch)
            self._ledger.dialog(call, "early")

    def _branch_cancelled(self, call: LiveCall, event: BranchCancelled, epoch: float) -> None:
        branch = call.branches.get(event.branch.id)
        if branch is None:
            return
        branch.change("cancelled", branch.code, epoch)
        self._ledger.touch(call)
        self._ledger.tell(E_BRANCH_CANCELLED, call, **branch.about, code=branch.code, cancel_cause=event.cause)

    def _branch_final(self, call: LiveCall, event: BranchFinal, epoch: float) -> None:
        branch = call.branches.get(event.branch.id)
        if branch is None:
            return
        if branch.state == "cancelled":
            # The phone confirms, or its answer crossed the CANCEL: the call it was cancelled in is not its own.
            branch.change("cancelled", event.status, branch.ended_at)
        else:
            branch.change("answered" if event.status < 300 else "failed", event.status, epoch)
        self._ledger.touch(call)
        self._ledger.tell(E_BRANCH_FINAL, call, **branch.about, code=event.status)

    def _final_sent(self, call: LiveCall, event: FinalSent, epoch: float) -> None:
        if call.is_over or call.answered_at:
            return
        if event.status >= 300:
            self._ledger.fail(call, event.status, event.origin, epoch)
            return
        call.code = event.status
        answering = event.branch
        branch = None if answering is None else call.branches.get(answering.id)
        if answering is None or branch is None:
            self._ledger.answer(call, call.callee, epoch)
            return
        call.to_tag = answering.answer_tag or ""
        call.picked_by = branch.aor if branch.source == "pickup" else ""
        self._ledger.answer(call, branch.aor, epoch)

    def _request_terminated(self, call: LiveCall, event: RequestTerminated, epoch: float) -> None:
        del self._calls[event.request.id]
        if not call.answered_at:
            self._ledger.end(call, "failed", epoch)

    def _hold_opened(self, call: LiveCall, event: HoldOpened, epoch: float) -> None:
        self._ledger.tell(
            E_WAIT_ARMED,
            call,
            tx=call.tx,
            seconds=float(event.seconds),
            branches=event.branches or 0,
            deadline=epoch + event.seconds,
        )

    def _hold_closed(self, call: LiveCall, event: HoldClosed, epoch: float) -> None:
        self._ledger.tell(E_WAIT_CLOSED, call, tx=call.tx, why=event.why)

    def _inject_rejected(self, event: InjectRejected) -> None:
        """Said of any request, also of one whose transaction is gone: somebody will ask why that phone did not ring."""
        request, target = event.request, event.target
        about = {"tx": request.id, "uri": target.uri, "aor": target.aor, "source": target.source, "why": event.why}
        self._ledger.tell_why(E_INJECT_REJECTED, about, request.call_uid, target.cause or request.id)

    def _takeover_ended(self, call: LiveCall, event: TakeoverEnded, epoch: float) -> None:
        if event.outcome != "done" and call.picked_by:
            call.picked_by = ""
            self._ledger.touch(call)

    def _dialog_ended(self, event: DialogEnded, epoch: float) -> None:
        for call in self._ledger.in_dialog(event.call_id, event.from_tag):
            call.hangup_by = "caller" if event.by_tag == call.from_tag else "callee"
            # RFC 3261 §15: before the answer a BYE ends an early dialog only, and the final response is still to come.
            if call.answered_at:
                self._ledger.end(call, "answered", epoch)


_OF_CALLS: Mapping[type, Callable[[CallTracker, LiveCall, Any, float], None]] = {
    BranchAdded: CallTracker._branch_added,
    BranchProvisional: CallTracker._branch_provisional,
    BranchCancelled: CallTracker._branch_cancelled,
    BranchFinal: CallTracker._branch_final,
    FinalSent: CallTracker._final_sent,
    RequestTerminated: CallTracker._request_terminated,
    HoldOpened: CallTracker._hold_opened,
    HoldClosed: CallTracker._hold_closed,
    TakeoverEnded: CallTracker._takeover_ended,
}
