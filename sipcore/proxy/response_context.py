"""One forked request, from its first target to the response the caller gets (RFC 3261 §16.7's response context).

It ends when nothing is left that could change the answer:

    a 2xx                                        forwarded at once, all other branches are cancelled
    no live branch, no hold                      the best response, see `best_response`
    the caller cancels, or his connection goes   487 at once; the branches end in the background
    the call deadline, an administrator          480 or what is asked for

"Live" is a branch that may still answer and was not given up. A branch that was given up no longer matters to the
caller, however long its phone takes to confirm. A takeover's branches are live like others, so a call does not end
while a picker may answer. The hold (`hold.py`) keeps the request open while nothing rings.

One timer serves the whole context: it is set for the earliest deadline there is and looks at all of them when it
fires. A deadline that was put off in the meantime, such as timer C by a 180, costs nothing until then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from ..syntax import forward_response, reason_phrase
from ..transaction import NEVER, Timed
from .best_response import SUBSCRIBER_ABSENT, Choice, choose
from .branch import Branch
from .cause import ANSWERED_ELSEWHERE, DECLINED_ELSEWHERE, ENDED, NO_ANSWER, PICKED_UP, TAKEN, Cause
from .dispatch import Verdict, dispatch
from .events import (
    BranchAdded,
    BranchCancelled,
    BranchFinal,
    BranchProvisional,
    HoldClosed,
    HoldOpened,
    InjectRejected,
    TakeoverEnded,
    TakeoverStarted,
    TargetsFailed,
)
from .farewell import absorb
from .hold import Hold
from .takeover import Takeover

if TYPE_CHECKING:
    from ..syntax import Response
    from ..transaction import ClientTransaction
    from .core import ProxyCore
    from .request import ServerRequest
    from .target import Target

__all__ = ["ResponseContext"]


class ResponseContext(Timed, Struct, eq=False):
    """See the module."""

    _core: ProxyCore
    _request: ServerRequest
    _is_invite: bool
    _deadline: float
    branches: list[Branch] = []
    "All there ever were, the oldest first."
    hold: Hold | None = None
    takeover: Takeover | None = None
    reserved: str = ""
    """Whether the script decides what comes when nothing is left: `waits` for that moment, `decides` from then on, and
    empty when it does not."""
    _early_media: Branch | None = None
    "Whose media the caller hears before anybody has answered."
    _rang: bool = False
    _barred: bool = False
    "A 6xx has spoken for all devices: nobody else is tried."
    _count_reached: bool = False
    "The hold has had all the branches that it waited for."
    _absent_cause: int = SUBSCRIBER_ABSENT
    _gone_at: float | None = None
    "When the caller, whose connection has closed, counts as gone."
    due: float = NEVER
    queued_for: float = NEVER

    @property
    def has_rung(self) -> bool:
        """Whether a phone has said more than 100."""
        return self._rang

    # targets

    def add(
        self,
        targets: Iterable[Target],
        now: float,
        *,
        ring_seconds: float | None = None,
        injected: bool = False,
        is_pickup: bool = False,
        keep_routes: bool = False,
    ) -> list[Branch]:
        """Start a branch for each target that is not refused; the best q first, else in their order."""
        started = []
        for target in sorted(targets, key=_by_q):
            why = self._refusal(target, now, injected=injected, is_pickup=is_pickup)
            outgoing: Target | None = target
            if not why and self._request.on_branch is not None:
                outgoing = self._request.on_branch(target, len(self.branches) + 1)
            if why or outgoing is None:
                self._core.emit(InjectRejected(self._request, target, why or "dropped"))
            else:
                started.append(self._start(outgoing, ring_seconds, now, keep_routes=keep_routes))
                if injected and self.hold is not None:
                    self.hold.added += 1
                    if self.hold.is_full:
                        self._count_reached = True
                        self.close_hold("count")
        self._arm()
        return started

    def take_over(
        self, targets: Iterable[Target], now: float, *, mode: str, token: str, ring_seconds: float | None
    ) -> list[Branch]:
        """Call a picker's phones, and give the originals up when `mode` says so; see `takeover.py`."""
        targets = list(targets)
        started: list[Branch] = []
        if self.takeover is not None:
            for target in targets:  # the claim is another's
                self._core.emit(InjectRejected(self._request, target, "barred"))
        else:
            started = self.add(targets, now, ring_seconds=ring_seconds, injected=True, is_pickup=True)
        if not started:
            self._core.emit(TakeoverEnded(self._request, token, "failed"))
            return started
        for branch in started:
            branch.excluded = True
        self.takeover = Takeover(token, mode, started, now, self._core.policy)
        self._core.emit(TakeoverStarted(self._request, token))
        if mode == "at_once":
            self._give_up_originals(now)
        self._arm()
        return started

    def _refusal(self, target: Target, now: float, *, injected: bool, is_pickup: bool) -> str:
        """Why a target is not tried; empty when it is. Looks after an earlier branch of the same phone as well."""
        if self._barred or (not is_pickup and self.takeover is not None and self._originals_are_given_up()):
            return "barred"
        if self._count_reached and injected and not is_pickup:
            return "limit"
        if not self.branches:
            return "" if self._core.connections.is_reachable(target.flow) else "no-flow"
        if len(self.branches) >= self._core.limits.branches:
            return "limit"
        earlier = self._latest_branch(target.device_key)
        verdict = dispatch(earlier, target, is_pickup=is_pickup)
        if verdict is Verdict.DECLINED:
            return "declined"
        if verdict is Verdict.DUPLICATE:
            return "duplicate"
        if earlier is not None and verdict is Verdict.NUDGE:
            if earlier.transaction is not None:
                self._core.layer.nudge(earlier.transaction, now)
            return "duplicate"
        if not self._core.connections.is_reachable(target.flow):
            return "no-flow"
        if earlier is not None and verdict is Verdict.REPLACE:
            self._abandon(earlier)
        return ""

    def _latest_branch(self, device_key: str) -> Branch | None:
        for branch in reversed(self.branches):
            if branch.target.device_key == device_key:
                return branch
        return None

    def _start(self, target: Target, ring_seconds: float | None, now: float, *, keep_routes: bool) -> Branch:
        core, request = self._core, self._request
        message = core.forwarder.to_target(request.request, request.flow, target, keep_routes=keep_routes)
        branch = Branch(str(len(self.branches) + 1), target, self)
        self.branches.append(branch)
        if self._is_invite:
            branch.timer_c = now + core.policy.timer_c
            if ring_seconds is not None:
                branch.ring_deadline = now + ring_seconds
        core.emit(BranchAdded(request, branch))
        branch.transaction = core.layer.start_client(message, target.flow, now, branch)
        if target.flow.connection:
            core.connections.watch(target.flow.connection, branch)
        return branch

    # the hold

    def open_hold(self, seconds: float, now: float, *, branches: int | None, absent_cause: int) -> None:
        """Keep the request open for `seconds`, or until `branches` have been injected."""
        self.hold = Hold(now + seconds, branches)
        self._count_reached = False
        self._absent_cause = absent_cause
        self._core.emit(HoldOpened(self._request, seconds, branches))
        self._arm()

    def close_hold(self, why: str) -> None:
        """Close the hold if there is one; `settle` says whether that was the end."""
        if self.hold is not None:
            self.hold = None
            self._core.emit(HoldClosed(self._request, why))

    # what branches report

    def response_received(self, branch: Branch, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Take a response of a branch (§16.7)."""
        status = response.status
        if self._request.on_reply is not None and status > 100:
            shown = self._request.on_reply(branch, response)
            if shown is None and status < 200:
                self._provisional(branch, transaction, response, now, is_dropped=True)
                return
            response = shown or response
        if status < 200:
            self._provisional(branch, transaction, response, now)
        elif status < 300:
            self._success(branch, transaction, response, now)
        else:
            branch.response = response
            self.branch_failed(branch, status, now)

    def _provisional(
        self,
        branch: Branch,
        transaction: ClientTransaction,
        response: Response,
        now: float,
        *,
        is_dropped: bool = False,
    ) -> None:
        status = response.status
        if not branch.is_live:
            if branch.transaction is None:  # abandoned, and there it is: now it can be told
                self._core.layer.cancel(transaction, now)
            return
        if status == 100:
            if branch.state == "trying" and branch.target.behind is None:  # an edge says nothing of the phone behind it
                branch.state = "proceeding"
            return
        branch.timer_c = now + self._core.policy.timer_c  # §16.7 step 2
        branch.state = "ringing"
        self._rang = True
        if status != branch.last_code:
            branch.last_code = status
            self._core.emit(BranchProvisional(self._request, branch, status))
        takeover = self.takeover
        if takeover is not None and not takeover.has_sign and branch in takeover.branches:
            takeover.has_sign = True
            if takeover.mode == "when_ringing":
                self._give_up_originals(now)
            self._arm()
        server = self._request.transaction
        if not self._is_invite or server is None or server.is_final:
            return  # RFC 4320 §4.1: requests other than INVITE have no provisionals but 100
        if is_dropped:
            return
        if response.has_body and not response.has("rseq") and not self._may_be_heard(branch):
            return
        self._core.layer.respond(server, forward_response(response), now)

    def _may_be_heard(self, branch: Branch) -> bool:
        """Whether early media of this branch may reach the caller: the first branch that has any keeps the floor.

        Two early answers to one offer confuse many phones. The second one's 183 is dropped, and not turned into a
        180, which would make the caller's phone play its own ringing over the first one's media. A reliable
        provisional (RFC 3262) is never dropped, for its sender would wait for PRACK and then give up the call.
        """
        if self._early_media is None or not self._early_media.is_live:
            self._early_media = branch
        return self._early_media is branch

    def _success(self, branch: Branch, transaction: ClientTransaction, response: Response, now: float) -> None:
        request = self._request
        if branch.answer_tag == response.to_tag:
            if self._is_invite and request.transaction is not None:  # retransmitted until the ACK comes (RFC 6026 §7.1)
                self._core.layer.respond(request.transaction, forward_response(response), now)
            return
        if request.is_final or request.transaction is None:
            # Somebody else has the call, or the caller has his 487. The RFC would have him sort it out; many phones
            # do not, and leave a leg behind that hears nothing.
            if self._is_invite:
                absorb(self._core, branch, transaction, response, now)
            self.branch_over(branch, response.status)
            return
        branch.answer_tag = response.to_tag
        takeover = self.takeover
        is_pickup = takeover is not None and branch in takeover.branches
        branch.state = "answered"
        self.branch_over(branch, response.status)
        self._core.answer(request, forward_response(response), "branch", now, branch=branch)
        self._wind_up(TAKEN if is_pickup else ANSWERED_ELSEWHERE, "final", "done" if is_pickup else "lost", now)

    def branch_failed(self, branch: Branch, status: int, now: float) -> None:
        """A branch is over without a 2xx; 408 and 503 may be our own words for that."""
        if branch.is_live:
            branch.state = "failed"
        self.branch_over(branch, status)
        if self._request.is_final:
            return
        if status >= 600 and self._core.policy.global_decline and not branch.excluded:
            self._barred = True
            self.close_hold("final")
            kept = self.takeover.branches if self.takeover is not None else []
            for other in self.branches:
                if other not in kept:  # a picker has taken it upon himself: his answer still counts
                    self._give_up(other, DECLINED_ELSEWHERE, now)
        if self.takeover is not None and not self.takeover.is_live:
            self._end_takeover("failed")
        self.settle(now)

    def branch_over(self, branch: Branch, status: int) -> None:
        """Note the end of a branch's transaction."""
        branch.last_code = status
        if branch.target.flow.connection:
            self._core.connections.unwatch(branch.target.flow.connection, branch)
        if branch.transaction is not None:
            branch.transaction = None  # also ends the reference cycle of the two
            if self._request.transaction is not None:
                self._core.emit(BranchFinal(self._request, branch, status))

    def branch_unsent(self, branch: Branch, now: float) -> None:
        """The INVITE could not be sent, or the connection it went over is gone."""
        if branch.is_live and branch.state == "trying" and branch.source != "lookup":
            why = "no-flow" if branch.target.flow.connection else "send-failed"
            self._core.emit(InjectRejected(self._request, branch.target, why))
        self.branch_failed(branch, 503, now)

    # ending

    def settle(self, now: float) -> None:
        """Answer the caller if nothing is left to wait for."""
        if self._request.is_final or self.hold is not None or self.reserved == "decides":
            return
        for branch in self.branches:
            if branch.is_live:
                return
        if self.reserved:
            self._ask_the_script()
        else:
            self._finish(now)

    def cancel(
        self, cause: Cause, now: float, *, hold_why: str = "cancel", takeover_outcome: str = "caller-gone"
    ) -> None:
        """Give all branches up; the caller has been answered, or is about to be."""
        self._wind_up(cause, hold_why, takeover_outcome, now)

    def abort(self, now: float) -> None:
        """A fault of ours has struck this request: end it."""
        self._core.answer_ourselves(self._request, 500, (), "local", now)
        self._wind_up(ENDED, "final", "failed", now)

    def caller_closed(self, at: float) -> None:
        """The caller's connection is gone; `at` he counts as gone himself."""
        self._gone_at = at
        self._arm()

    def end_by(self, deadline: float) -> None:
        """Bring the call deadline forward."""
        self._deadline = min(self._deadline, deadline)
        self._arm()

    def dissolve(self, now: float) -> None:
        """The server transaction is destroyed; branches that still linger report here, but nobody is told."""
        if any(branch.is_live for branch in self.branches):
            self._wind_up(ENDED, "final", "caller-gone", now)
        self._disarm()
        self.branches = []  # these two hold branches, which hold this
        self._early_media = None

    def _ask_the_script(self) -> None:
        self.reserved = "decides"
        choice = self._choice()
        reason = choice.response.reason if choice.response is not None else reason_phrase(choice.status)
        self._core.emit(TargetsFailed(self._request, choice.status, reason, choice.response))

    def _choice(self) -> Choice:
        return choose(
            self.branches,
            global_decline=self._core.policy.global_decline,
            rang=self._rang,
            absent_cause=self._absent_cause,
        )

    def _finish(self, now: float) -> None:
        choice = self._choice()
        self._wind_up(NO_ANSWER, "final", "timeout", now)
        if choice.response is None:
            origin = "branch" if choice.status == 500 else "timeout"
            self._core.answer_ourselves(self._request, choice.status, choice.headers, origin, now, branch=choice.branch)
        else:
            response = forward_response(choice.response, headers=choice.headers)
            self._core.answer(self._request, response, "branch", now, branch=choice.branch)

    def _wind_up(self, cause: Cause, hold_why: str, takeover_outcome: str, now: float) -> None:
        self._disarm()
        self.close_hold(hold_why)
        if self.takeover is not None:
            self._end_takeover(takeover_outcome)
        for branch in self.branches:
            self._give_up(branch, cause, now)

    def _give_up(self, branch: Branch, cause: Cause, now: float) -> None:
        if not branch.is_live:
            return
        branch.state = "cancelled"
        branch.excluded = True
        branch.cancel_cause = cause.code
        self._core.emit(BranchCancelled(self._request, branch, cause.code))
        if branch.transaction is not None:
            self._core.layer.cancel(branch.transaction, now, cause.headers)

    def _give_up_the_silent(self, now: float) -> None:
        """At the end of a hold nobody is waited for whose phone has said nothing, unless it was only just called.

        Else a stale binding would keep the caller waiting for timer B, when everybody it was worth waiting for has
        had his time.
        """
        if any(branch.state == "ringing" for branch in self.branches):
            return
        for branch in self.branches:
            started = branch.transaction.started_at if branch.transaction is not None else now
            if branch.state == "trying" and now - started >= self._core.policy.silence:
                self._give_up(branch, NO_ANSWER, now)

    def _abandon(self, branch: Branch) -> None:
        transaction = branch.transaction
        branch.state = "cancelled"
        branch.excluded = True
        self._core.emit(BranchCancelled(self._request, branch, 0))
        if branch.target.flow.connection:
            self._core.connections.unwatch(branch.target.flow.connection, branch)
        if transaction is not None:
            branch.transaction = None
            self._core.layer.abandon(transaction)

    # takeover

    def _give_up_originals(self, now: float) -> None:
        picking = self.takeover.branches if self.takeover is not None else []
        for branch in self.branches:
            if branch not in picking:
                self._give_up(branch, PICKED_UP, now)

    def _originals_ring(self) -> bool:
        picking = self.takeover.branches if self.takeover is not None else []
        return any(branch.is_live and branch not in picking for branch in self.branches)

    def _originals_are_given_up(self) -> bool:
        takeover = self.takeover
        if takeover is None or takeover.mode == "after_answer":
            return False
        return takeover.mode == "at_once" or takeover.has_sign

    def _end_takeover(self, outcome: str) -> None:
        takeover, self.takeover = self.takeover, None
        if takeover is not None:
            self._core.emit(TakeoverEnded(self._request, takeover.token, outcome))

    def _release_takeover(self, now: float) -> None:
        takeover = self.takeover
        if takeover is not None:
            self._end_takeover("timeout")
            for branch in takeover.branches:
                self._give_up(branch, NO_ANSWER, now)

    # time

    def _next_deadline(self) -> float:
        at = self._deadline
        if self.hold is not None:
            at = min(at, self.hold.deadline)
        if self._gone_at is not None:
            at = min(at, self._gone_at)
        for branch in self.branches:
            if branch.is_live:
                if 0 < branch.ring_deadline < at:
                    at = branch.ring_deadline
                if 0 < branch.timer_c < at:
                    at = branch.timer_c
        if self.takeover is not None:
            takeover_ends = self._takeover_deadline()
            if takeover_ends is not None and takeover_ends < at:
                at = takeover_ends
        return at

    def _takeover_deadline(self) -> float | None:
        if self.takeover is None:
            return None
        return self.takeover.deadline(originals_ring=self._originals_ring(), is_held=self.hold is not None)

    def _arm(self) -> None:
        if self._request.is_final:
            return
        at = self._next_deadline()
        if at < self.due:
            self._core.queue.set(self, at)

    def _disarm(self) -> None:
        self._core.queue.cancel(self)

    def time_reached(self, now: float) -> None:
        """Look at all deadlines."""
        try:
            self._look_at_the_clock(now)
        except Exception:
            self._core.report_bug()
            self.abort(now)

    def _look_at_the_clock(self, now: float) -> None:
        request = self._request
        if request.is_final:
            return
        if self._gone_at is not None and self._gone_at <= now:
            self._core.cancelled(request, (), now)
            return
        if self._deadline <= now:
            self._finish(now)
            return
        takeover_ends = self._takeover_deadline()
        if takeover_ends is not None and takeover_ends <= now:
            self._release_takeover(now)
        for branch in self.branches:
            if branch.is_live and (0 < branch.ring_deadline <= now or 0 < branch.timer_c <= now):
                self._give_up(branch, NO_ANSWER, now)
        if self.takeover is not None and not self.takeover.is_live:
            self._end_takeover("failed")
        if self.hold is not None and self.hold.deadline <= now:
            self.close_hold("deadline")
            self._give_up_the_silent(now)
        self.settle(now)
        self._arm()


def _by_q(target: Target) -> float:
    return -target.q
