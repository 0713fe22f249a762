"""One forked request, from its first target to the response the caller gets (RFC 3261 §16.7's response context).

    fork, relay, inject
    --------------------> branches live ----- a 2xx -----> answered: it is forwarded, all other branches are cancelled
                             |    ^
         none lives any more |    | fork again, inject
                             v    |
    hold ---------------> nothing lives
                             +-- the hold is open: wait for phones to come
                             +-- the script has reserved this: ask it, and wait for its word
                             +-- neither ----------------> failed: the best response, see `best_response.py`

    From any of these:
        the caller cancels, or his connection goes         487 at once
        the call deadline                                  the best response there is by then
        the script answers; a fault of ours                what it says; 500

No variable holds the state: the branches, `hold`, `reserved` and the request's `is_final` say it. Once the request is
final all branches are given up; what their phones take to confirm is the caller's concern no longer, and a 2xx that comes
even so is lost, see `farewell.py`.

"Live" is a branch that may still answer and was not given up, see `branch.py`. A takeover's branches are live like others,
so a call does not end while a picker may answer, see `takeover.py`. The hold keeps the request open while nothing rings.

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
from .cause import ANSWERED_ELSEWHERE, DECLINED_ELSEWHERE, ENDED, NO_ANSWER, TAKEN, Cause
from .dispatch import Verdict, dispatch
from .events import HoldClosed, HoldOpened, InjectRejected, TargetsFailed
from .farewell import absorb
from .hold import Hold

if TYPE_CHECKING:
    from ..syntax import Response
    from ..transaction import ClientTransaction
    from .core import ProxyCore
    from .request import ServerRequest
    from .takeover import Takeover
    from .target import Target

__all__ = ["ResponseContext"]


class ResponseContext(Timed, Struct, eq=False):
    """See the module."""

    core: ProxyCore
    request: ServerRequest
    is_invite: bool
    _deadline: float
    "When the caller is answered at the latest."
    branches: list[Branch] = []
    "All there ever were, the oldest first."
    hold: Hold | None = None
    takeover: Takeover | None = None
    reserved: str = ""
    """Whether the script decides what comes when nothing is left: `waits` for that moment, `decides` from then on, and
    empty when it does not."""
    has_rung: bool = False
    "Whether a phone has said more than 100."
    _early_media: Branch | None = None
    "Whose media the caller hears before anybody has answered."
    _barred: bool = False
    "A 6xx has spoken for all devices: nobody else is tried."
    _count_reached: bool = False
    "The hold has had all the branches that it waited for."
    _absent_cause: int = SUBSCRIBER_ABSENT
    _gone_at: float = NEVER
    "When the caller, whose connection has closed, counts as gone."
    due: float = NEVER
    queued_for: float = NEVER

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
        core, request = self.core, self.request
        started = []
        for target in sorted(targets, key=_by_q):
            why = self._refusal(target, now, injected=injected, is_pickup=is_pickup)
            outgoing: Target | None = target
            if not why and request.on_branch is not None:
                outgoing = request.on_branch(target, len(self.branches) + 1)
            if why or outgoing is None:
                core.emit(InjectRejected(request, target, why or "dropped"))
                continue
            message = core.forwarder.to_target(request.request, request.flow, outgoing, keep_routes=keep_routes)
            branch = Branch(str(len(self.branches) + 1), outgoing, self)
            self.branches.append(branch)
            branch.start(message, ring_seconds, now)
            started.append(branch)
            if injected and self.hold is not None:
                self.hold.added += 1
                if self.hold.is_full:
                    self._count_reached = True
                    self.close_hold("count")
        self.arm()
        return started

    def _refusal(self, target: Target, now: float, *, injected: bool, is_pickup: bool) -> str:
        """Why a target is not tried; empty when it is. Looks after an earlier branch of the same phone as well."""
        is_reachable = self.core.connections.is_reachable
        if self._barred or (not is_pickup and self.takeover is not None and self.takeover.bars_others):
            return "barred"
        if self._count_reached and injected and not is_pickup:
            return "limit"
        if not self.branches:
            return "" if is_reachable(target.flow) else "no-flow"
        if len(self.branches) >= self.core.limits.branches:
            return "limit"
        same_phone = (each for each in reversed(self.branches) if each.target.device_key == target.device_key)
        earlier = next(same_phone, None)
        verdict = dispatch(earlier, target, is_pickup=is_pickup)
        if verdict is Verdict.DECLINED:
            return "declined"
        if verdict is Verdict.DUPLICATE:
            return "duplicate"
        if earlier is not None and verdict is Verdict.NUDGE:
            if earlier.transaction is not None:
                self.core.layer.nudge(earlier.transaction, now)
            return "duplicate"
        if not is_reachable(target.flow):
            return "no-flow"
        if earlier is not None and verdict is Verdict.REPLACE:
            earlier.abandon()
        return ""

    # the hold

    def open_hold(self, seconds: float, now: float, *, branches: int | None, absent_cause: int) -> None:
        """Keep the request open for `seconds`, or until `branches` have been injected."""
        self.hold = Hold(now + seconds, branches)
        self._count_reached = False
        self._absent_cause = absent_cause
        self.core.emit(HoldOpened(self.request, seconds, branches))
        self.arm()

    def close_hold(self, why: str) -> None:
        """Close the hold if there is one; `settle` says whether that was the end."""
        if self.hold is not None:
            self.hold = None
            self.core.emit(HoldClosed(self.request, why))

    # what branches report

    def branch_rings(self, branch: Branch, response: Response | None, now: float) -> None:
        """A live branch has said more than 100; None: the script keeps that from the caller."""
        self.has_rung = True
        if self.takeover is not None:
            self.takeover.branch_rings(branch, now)
        server = self.request.transaction
        if not self.is_invite or server is None or server.is_final:
            return  # RFC 4320 §4.1: requests other than INVITE have no provisionals but 100
        if response is None or (response.has_body and not response.has("rseq") and not self._may_be_heard(branch)):
            return
        self.core.layer.respond(server, forward_response(response), now)

    def _may_be_heard(self, branch: Branch) -> bool:
        """Whether early media of this branch may reach the caller: the first branch that has any keeps the floor.

        Two early answers to one offer confuse many phones. The second one's 183 is dropped, and not turned into a
        180, which would make the caller's phone play its own ringing over the first one's media. A reliable
        provisional (RFC 3262) is never dropped, for its sender would wait for PRACK and then give up the call.
        """
        if self._early_media is None or not self._early_media.is_live:
            self._early_media = branch
        return self._early_media is branch

    def branch_answers(self, branch: Branch, transaction: ClientTransaction, response: Response, now: float) -> None:
        """A 2xx. The first is the caller's, and ends all else."""
        request = self.request
        if branch.answer_tag == response.to_tag:
            if self.is_invite and request.transaction is not None:  # retransmitted until the ACK comes (RFC 6026 §7.1)
                self.core.layer.respond(request.transaction, forward_response(response), now)
            return
        if request.is_final:
            # Somebody else has the call, or the caller has his 487. The RFC would have him sort it out; many phones
            # do not, and leave a leg behind that hears nothing.
            if self.is_invite:
                absorb(self.core, branch, transaction, response, now)
            branch.over(response.status)
            return
        branch.answer_tag = response.to_tag
        is_pickup = self.takeover is not None and branch in self.takeover.branches
        branch.state = "answered"
        branch.over(response.status)
        request.answer(forward_response(response), "branch", now, branch=branch)
        self.wind_up(TAKEN if is_pickup else ANSWERED_ELSEWHERE, "final", "done" if is_pickup else "lost", now)

    def branch_failed(self, branch: Branch, status: int, now: float) -> None:
        """A branch is over without a 2xx; 408 and 503 may be our own words for that."""
        if self.request.is_final:
            return
        if status >= 600 and self.core.policy.global_decline and not branch.excluded:
            self._barred = True
            self.close_hold("final")
            kept = self.takeover.branches if self.takeover is not None else []
            for other in self.branches:
                if other not in kept:  # a picker has taken it upon himself: his answer still counts
                    other.give_up(DECLINED_ELSEWHERE, now)
        if self.takeover is not None and not self.takeover.is_live:
            self.takeover.end("failed")
        self.settle(now)

    # ending

    def settle(self, now: float) -> None:
        """Answer the caller if nothing is left to wait for; or have the script say what now, where it reserved that."""
        if self.request.is_final or self.hold is not None or self.reserved == "decides":
            return
        for branch in self.branches:
            if branch.is_live:
                return
        if self.reserved:
            self.reserved = "decides"
            choice = self._choice()
            reason = choice.response.reason if choice.response is not None else reason_phrase(choice.status)
            self.core.emit(TargetsFailed(self.request, choice.status, reason, choice.response))
        else:
            self._finish(now)

    def _choice(self) -> Choice:
        is_global = self.core.policy.global_decline
        return choose(self.branches, global_decline=is_global, rang=self.has_rung, absent_cause=self._absent_cause)

    def _finish(self, now: float) -> None:
        choice = self._choice()
        self.wind_up(NO_ANSWER, "final", "timeout", now)
        if choice.response is None:
            origin = "branch" if choice.status == 500 else "timeout"
            self.request.answer_ourselves(choice.status, choice.headers, origin, now, branch=choice.branch)
        else:
            response = forward_response(choice.response, headers=choice.headers)
            self.request.answer(response, "branch", now, branch=choice.branch)

    def wind_up(self, cause: Cause, hold_why: str, takeover_outcome: str, now: float) -> None:
        """Give all up that is left; the caller has been answered, or is about to be."""
        self.core.queue.cancel(self)
        self.close_hold(hold_why)
        if self.takeover is not None:
            self.takeover.end(takeover_outcome)
        for branch in self.branches:
            branch.give_up(cause, now)

    def abort(self, now: float) -> None:
        """A fault of ours has struck this request: end it."""
        self.request.answer_ourselves(500, (), "local", now)
        self.wind_up(ENDED, "final", "failed", now)

    def dissolve(self, now: float) -> None:
        """The server transaction is destroyed; branches that still linger report here, but nobody is told."""
        if any(branch.is_live for branch in self.branches):
            self.wind_up(ENDED, "final", "caller-gone", now)
        self.core.queue.cancel(self)
        self.branches = []  # these two hold branches, which hold this
        self._early_media = None

    # time

    def caller_closed(self, at: float) -> None:
        """The caller's connection is gone; `at` he counts as gone himself."""
        self._gone_at = at
        self.arm()

    def end_by(self, deadline: float) -> None:
        """Bring the call deadline forward."""
        self._deadline = min(self._deadline, deadline)
        self.arm()

    def arm(self) -> None:
        """See that the timer fires no later than at the earliest deadline."""
        if self.request.is_final:
            return
        at = self._deadline
        if self._gone_at < at:
            at = self._gone_at
        if self.hold is not None and self.hold.deadline < at:
            at = self.hold.deadline
        if self.takeover is not None:
            at = min(at, self.takeover.deadline())
        for branch in self.branches:
            if branch.is_live:
                if branch.ring_deadline < at:
                    at = branch.ring_deadline
                if branch.timer_c < at:
                    at = branch.timer_c
        if at < self.due:
            self.core.queue.set(self, at)

    def time_reached(self, now: float) -> None:
        """Look at all deadlines."""
        try:
            self._look_at_the_clock(now)
        except Exception:
            self.core.report_bug()
            self.abort(now)

    def _look_at_the_clock(self, now: float) -> None:
        if self.request.is_final:
            return
        if self._gone_at <= now:
            self.request.cancel((), now)
            return
        if self._deadline <= now:
            self._finish(now)
            return
        if self.takeover is not None and self.takeover.deadline() <= now:
            self.takeover.time_out(now)
        for branch in self.branches:
            if branch.ring_deadline <= now or branch.timer_c <= now:
                branch.give_up(NO_ANSWER, now)
        if self.takeover is not None and not self.takeover.is_live:
            self.takeover.end("failed")
        if self.hold is not None and self.hold.deadline <= now:
            self.close_hold("deadline")
            self._give_up_the_silent(now)
        self.settle(now)
        self.arm()

    def _give_up_the_silent(self, now: float) -> None:
        """At the end of a hold nobody is waited for whose phone has said nothing, unless it was only just called.

        Else a stale binding would keep the caller waiting for timer B, when everybody it was worth waiting for has
        had his time.
        """
        if any(branch.state == "ringing" for branch in self.branches):
            return
        for branch in self.branches:
            started = branch.transaction.started_at if branch.transaction is not None else now
            if branch.state == "trying" and now - started >= self.core.policy.silence:
                branch.give_up(NO_ANSWER, now)


def _by_q(target: Target) -> float:
    return -target.q
