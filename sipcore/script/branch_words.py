"""Words about the branches of a request: trying targets in turn, injecting more, and looking at each as it goes out or answers.

    @branch_route                                   t_on_branch
    def mark(branch):
        branch.add_header("X-Group", "sales")

    @reply_route                                    t_on_reply
    def quiet(reply):
        if reply.status == 183:
            reply.drop()

These two are plain functions: a message is in the middle of being written or read when they run, so there is nothing that
they could wait for. They run for every branch from the moment they are set, also for those that are injected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..contract.records import replace
from ..ebr.lanes import within
from ..errors import InvalidWord, ScriptError, TooLate, TransactionCancelled, TransactionFinal
from ..syntax import check_header, with_headers
from .phones import Phone, targets_of
from .request_words import RequestWords
from .route_table import is_branch_route, is_reply_route

if TYPE_CHECKING:
    from ..proxy.branch import Branch
    from ..proxy.events import FinalSent, TargetsFailed
    from ..proxy.target import Target
    from ..syntax import Response

__all__ = ["BranchWords", "OutgoingBranch", "PhoneReply", "Tried"]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of trying targets: the best response of all phones so far, which the caller has only if it is a 2xx."""

    status: int
    reason: str
    response: Response | None = None
    "As the phone sent it; None when none did: nobody answered, or nobody was there."

    @property
    def is_answered(self) -> bool:
        """Whether somebody has taken the call."""
        return 200 <= self.status < 300


class OutgoingBranch:
    """A branch about to be sent, for a `@branch_route`."""

    __slots__ = ("_headers", "_target", "is_dropped", "number")

    def __init__(self, target: Target, number: int) -> None:
        self._target = target
        self._headers: list[tuple[str, str]] = []
        self.number = number
        "1 for the first branch of the request."
        self.is_dropped = False

    @property
    def uri(self) -> str:
        """Its Request-URI."""
        return self._target.uri

    @property
    def aor(self) -> str:
        """Whose phone it rings; empty when it rings no subscriber's."""
        return self._target.aor

    @property
    def source(self) -> str:
        """Where it comes from: lookup, event, msg, script or pickup."""
        return self._target.source

    @property
    def transport(self) -> str:
        """udp, tcp, tls, ws or wss."""
        return self._target.flow.transport

    def add_header(self, name: str, value: str) -> None:
        """Add a header to the request on this branch alone. Raises InvalidWord for what cannot be one, or is ours to write."""
        _check_header(name, value)
        self._headers.append((name, value))

    def drop(self) -> None:
        """Do not send it; said with E_INJECT_REJECTED, why=dropped."""
        self.is_dropped = True

    def result(self) -> Target | None:
        """The target as it is to be tried now, None when it is not."""
        if self.is_dropped:
            return None
        return replace(self._target, headers=(*self._target.headers, *self._headers)) if self._headers else self._target


class PhoneReply:
    """A response of a phone, for a `@reply_route`; 100 is not shown."""

    __slots__ = ("_branch", "_headers", "_response", "is_dropped")

    def __init__(self, branch: Branch, response: Response) -> None:
        self._branch = branch
        self._response = response
        self._headers: list[tuple[str, str]] = []
        self.is_dropped = False

    @property
    def status(self) -> int:
        """180, 200, 486 …"""
        return self._response.status

    @property
    def reason(self) -> str:
        """The phrase behind it."""
        return self._response.reason

    @property
    def uri(self) -> str:
        """The Request-URI of its branch."""
        return self._branch.target.uri

    @property
    def aor(self) -> str:
        """Whose phone it is."""
        return self._branch.target.aor

    @property
    def source(self) -> str:
        """Where its branch comes from."""
        return self._branch.source

    def header(self, name: str) -> str | None:
        """The first value line of a header, None when there is none."""
        return self._response.header(name)

    def add_header(self, name: str, value: str) -> None:
        """Add a header to what the caller gets, should he get this response. Raises InvalidWord as for a branch."""
        _check_header(name, value)
        self._headers.append((name, value))

    def drop(self) -> None:
        """Do not tell the caller of a provisional response. Raises InvalidWord for a final one, which decides about the
        call, and for a reliable one (RFC 3262), whose sender waits for the caller's PRACK."""
        if self.status >= 200 or self._response.has("rseq"):
            raise InvalidWord(f"a {self.status} that is final or reliable cannot be dropped")
        self.is_dropped = True

    def result(self) -> Response | None:
        """The response as it is to be taken now, None when it is dropped."""
        if self.is_dropped:
            return None
        return with_headers(self._response, self._headers) if self._headers else self._response


_OURS = frozenset(
    {"via", "route", "record-route", "from", "to", "call-id", "cseq", "max-forwards", "contact", "content-length"}
)
"Headers that make a message belong where it does; compact forms are refused with them."


def _check_header(name: str, value: str) -> None:
    check_header(name, value)
    if name.lower() in _OURS or len(name) == 1:
        raise InvalidWord(f"{name} is written by the proxy itself")


class BranchWords(RequestWords):
    """Of a request; a notification route has most of them too."""

    __slots__ = ()

    _round: asyncio.Future[Tried] | None
    "While `try_targets` waits."

    def inject_branches(
        self, phones: Iterable[Phone], *, cancel: str = "", last: bool = False, source: str = "event", token: str = ""
    ) -> bool:
        """Add branches to a request that may already ring elsewhere; False when none could be (`t_inject_branches`).

        A phone that already has a branch gets no second one, unless the first is of no use any more. `cancel` says
        when the branches that were there before are cancelled: `when_ringing`, `after_answer` or `at_once`; the new ones
        always go out first. `last` ends the hold. On a request that has ended nothing is sent and the answer is False.
        """
        env = self._environment
        targets = targets_of(phones, source, env.is_elsewhere, within.get()[1])
        try:
            started = env.core.inject_branches(
                self.handle,
                targets,
                now=env.monotonic(),
                cancel=cancel,
                last=last,
                token=token,
                ring_seconds=self.settings.ring_seconds,
            )
        except TooLate:
            env.touched()  # why not is an event
            return False
        if self.awaited is not None:
            self.awaited.came(target.key for target in targets)
            self.end_hold_when_all_came()
        env.touched()
        return bool(started)

    async def try_targets(
        self, phones: Iterable[Phone], *, ring_seconds: float | None = None, source: str = "lookup"
    ) -> Tried:
        """Forward to all of these, and wait until somebody has answered or nobody will (`t_relay` and `failure_route`).

        A 2xx is forwarded at once. Anything else the caller does not get: the line after this word says what is tried next,
        or what he is answered; when the route ends without a word about it, the best response so far. A hold is waited
        for, and so are phones that join meanwhile. When the caller gives up or the call runs out of time, the route ends
        here.
        """
        env = self._environment
        self._bound_to("transaction")
        waiting: asyncio.Future[Tried] = asyncio.get_running_loop().create_future()
        self._round = waiting
        env.core.fork(
            self.handle,
            targets_of(phones, source, env.is_elsewhere),
            now=env.monotonic(),
            ring_seconds=ring_seconds,
            script_decides=True,
        )
        env.touched()
        try:
            return await waiting
        finally:
            self._round = None

    def targets_failed(self, event: TargetsFailed) -> None:
        """All that was tried has failed, and the script is to say what now."""
        if self._round is not None and not self._round.done():
            self._round.set_result(Tried(event.status, event.reason, event.response))

    def final_sent(self, event: FinalSent) -> None:
        """The caller has been answered while the script waited."""
        waiting = self._round
        if waiting is None or waiting.done():
            return
        if event.status < 300:
            waiting.set_result(Tried(event.status, event.reason))
        elif event.origin == "cancel":
            waiting.set_exception(TransactionCancelled(f"{event.request.id} was cancelled by the caller"))
        else:
            waiting.set_exception(TransactionFinal(f"{event.request.id} has been answered"))

    def on_branch(self, route: Callable[[OutgoingBranch], None]) -> None:
        """Have a `@branch_route` look at every branch from now on, before it is sent (`t_on_branch`)."""
        if not is_branch_route(route):
            raise ScriptError(f"{getattr(route, '__name__', route)} is not a @branch_route")
        failed, handle = self._environment.failed, self.handle

        def look(target: Target, number: int) -> Target | None:
            branch = OutgoingBranch(target, number)
            try:
                route(branch)
                return branch.result()
            except Exception as error:  # the call goes on as if the route were not there
                failed(error, handle)
                return target

        handle.on_branch = look

    def on_reply(self, route: Callable[[PhoneReply], None]) -> None:
        """Have a `@reply_route` look at every response of a phone from now on, 100 left out (`t_on_reply`)."""
        if not is_reply_route(route):
            raise ScriptError(f"{getattr(route, '__name__', route)} is not a @reply_route")
        failed, handle = self._environment.failed, self.handle

        def look(branch: Branch, response: Response) -> Response | None:
            reply = PhoneReply(branch, response)
            try:
                route(reply)
                return reply.result()
            except Exception as error:
                failed(error, handle)
                return response

        handle.on_reply = look
