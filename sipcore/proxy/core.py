"""The proxy core: a stateful, forking proxy without I/O (RFC 3261 §16).

Three things drive it: messages from the network, the clock, and the routing script. After any of them, handle
`next_event()` until it returns None, carry out `messages_to_send()`, and arm one timer for `get_timer()`.

What happens without the script: retransmissions, ACK, CANCEL, responses; and requests inside a dialog that carry the
Route which this edge wrote into Record-Route, in both directions. All else is a RequestReceived.

Nothing raises out of `receive_message`, `handle_timer`, `flow_closed` and `transport_failed`, whatever the input. The
words of the script raise InvalidWord when they make no sense, and TransactionFinal, TransactionCancelled or
TransactionGone when they come too late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..contract.flow import Flow
from ..errors import InvalidWord, MalformedMessage, TooLate, TransactionCancelled, TransactionFinal, TransactionGone
from ..syntax import Request, Response, make_response, salvage_request
from ..transaction import TimerQueue, Timers, TransactionLayer
from .bug_log import BugLog
from .cause import ENDED, Cause
from .connections import Connections
from .edge import Edge, Limits, Policy
from .ended_call import EndedCall
from .events import InjectRejected
from .flow_token import FlowTokens
from .forwarding import Forwarder, flow_of, own_routes
from .originated import Originated
from .request import ServerRequest
from .response_context import ResponseContext
from .takeover import TAKEOVER_MODES, take_over
from .target import Target
from .upcalls import Upcalls

if TYPE_CHECKING:
    from ..transaction import ClientTransaction, ServerTransaction
    from .branch import Branch
    from .edge_hop import EdgeHop
    from .events import CoreEvent

__all__ = ["Outbound", "ProxyCore"]

_TOO_LATE = {TransactionGone: "gone", TransactionCancelled: "cancelled", TransactionFinal: "final"}
"What InjectRejected says."

_new_tuple = tuple.__new__  # half the price of the constructor, for the one tuple that each message costs


class Outbound(NamedTuple):
    """One message to put on the wire."""

    data: bytes
    flow: Flow
    transaction: ClientTransaction | ServerTransaction | None
    "To be named in `transport_failed` when it cannot be sent; None for messages that nobody would send again."


class ProxyCore:
    """See the module.

    The attributes without an underscore that are no words are for the other files of this room.
    """

    def __init__(
        self,
        edge: Edge,
        new_token: Callable[[], str],
        timers: Timers | None = None,
        limits: Limits | None = None,
        policy: Policy | None = None,
    ) -> None:
        """`new_token` returns unguessable letters and digits: they become branches, tags and call uids."""
        self.edge = edge
        self.limits = limits or Limits()
        self.policy = policy or Policy()
        self.new_token = new_token
        self.tokens = FlowTokens(edge.secret)
        self.forwarder = Forwarder(edge, new_token, self.tokens, self.policy)
        self.connections = Connections(self.forwarder.via, self.limits.closed_connections)
        self.bugs = BugLog()
        self.report_bug: Callable[[], None] = self.bugs.report
        "Log the exception being handled."
        self.queue = TimerQueue()
        self.layer = TransactionLayer(
            Upcalls(self),
            self.send,
            timers or Timers(),
            self.queue,
            max_servers=self.limits.server_transactions,
            max_clients=self.limits.client_transactions,
        )
        self.requests: dict[str, ServerRequest] = {}
        "By id, those whose server transaction lives."
        self.edge_hops: dict[Flow, set[EdgeHop]] = {}
        "INVITEs of other edges that wait for a phone's first response, by its flow."
        self.is_draining = False
        self.unanswered: list[tuple[ServerTransaction, float]] = []
        "INVITEs that came since messages were last taken, and when."
        self._outbox: list[Outbound] = []
        self._events: deque[CoreEvent] = deque()
        self.emit: Callable[[CoreEvent], None] = self._events.append
        "Report something."
        self.get_timer: Callable[[], float | None] = self.queue.next_deadline
        "When to call `handle_timer` next; None: nothing is due, ever."

    # the network and the clock

    def receive_message(self, message: Request | Response, flow: Flow, now: float) -> None:
        """Take in one message, as `parse_message` returned it. `flow` is where it came from."""
        try:
            if isinstance(message, Response):
                self.layer.receive_response(message, flow, now)
            else:
                self.layer.receive_request(message, flow, now)
        except MalformedMessage as error:
            if isinstance(message, Request):
                self._refuse_malformed(message, error, flow)
        except Exception:
            self.report_bug()

    def receive_malformed(self, data: bytes, error: MalformedMessage, flow: Flow, now: float) -> None:
        """Answer, where that is possible, what `parse_message` refused."""
        try:
            request = salvage_request(data)
            if request is not None:
                self._refuse_malformed(request, error, flow)
        except MalformedMessage:
            pass
        except Exception:
            self.report_bug()

    def flow_closed(self, flow: Flow, now: float) -> None:
        """A connection is gone: branches over it fail, callers on it have `policy.caller_grace` to come back."""
        if not flow.connection:
            return
        for concerned in self.connections.close(flow.connection):
            try:
                if isinstance(concerned, ServerRequest):
                    if not concerned.is_final:
                        self._context_of(concerned, now).caller_closed(now + self.policy.caller_grace)
                elif concerned.transaction is not None:
                    self.layer.transport_failed(concerned.transaction, now)
            except Exception:
                self.report_bug()

    def connections_lost(self, prefix: str, now: float) -> None:
        """The sibling that held all connections so named is gone, and they with it."""
        for connection in self.connections.beginning_with(prefix):
            self.flow_closed(Flow("tcp", "", 0, connection), now)

    def transport_failed(self, transaction: ClientTransaction | ServerTransaction | None, now: float) -> None:
        """The message of an Outbound with this transaction could not be sent."""
        if transaction is not None:
            try:
                self.layer.transport_failed(transaction, now)
            except Exception:
                self.report_bug()

    def handle_timer(self, now: float) -> None:
        """Do what is due. Calling it early is harmless."""
        while True:
            try:
                self.queue.fire(now)
                return
            except Exception:
                self.report_bug()  # the timer that raised is spent; those behind it are still due

    def next_event(self) -> CoreEvent | None:
        """The oldest event not handed out yet."""
        return self._events.popleft() if self._events else None

    def messages_to_send(self) -> list[Outbound]:
        """All messages since the last call, in order; and a 100 for each INVITE that got nothing yet (§17.2.1)."""
        if self.unanswered:
            for transaction, since in self.unanswered:
                if transaction.last_response is None and not transaction.is_final:
                    self.layer.respond(transaction, make_response(transaction.request, 100), since)
            self.unanswered = []
        messages = self._outbox
        self._outbox = []
        return messages

    def drain(self, seconds: float, *, now: float) -> None:
        """Take no new calls (503), and end those not answered within `seconds`; before an orderly end."""
        self.is_draining = True
        for request in self.requests.values():
            if not request.is_final:
                self._context_of(request, now).end_by(now + seconds)

    # the words of the script

    def reply(
        self,
        request: ServerRequest,
        status: int,
        reason: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        *,
        now: float,
        body: bytes = b"",
        content_type: str = "",
    ) -> None:
        """Answer a request ourselves; a final response also ends its branches and its hold.

        A provisional response has a To-tag of its own, which no phone's response will carry. Raises InvalidWord when a
        final response has been sent.
        """
        if request.is_final and not request.is_gone and not request.is_cancelled:
            raise InvalidWord(f"{request.id} has been answered already")
        transaction = request.ensure_open()
        response = make_response(request.request, status, reason, headers, request.our_tag(), body, content_type)
        if status < 200:
            self.layer.respond(transaction, response, now)
            return
        request.answer(response, "local", now)
        if request.context is not None:
            request.context.wind_up(ENDED, "final", "failed", now)

    def fork(
        self,
        request: ServerRequest,
        targets: Iterable[Target],
        *,
        now: float,
        ring_seconds: float | None = None,
        script_decides: bool = False,
        keep_routes: bool = False,
    ) -> list[Branch]:
        """Forward to all targets at once, the best q first; return the branches that were started.

        May be called again, for serial forking. Targets that are refused (the same phone twice, over the limit, over a
        closed connection) are InjectRejected events. When nothing could be started and no hold is open the request is
        answered with 480. With `script_decides` it is not answered, nor when all have failed: that is a TargetsFailed
        event, and the request waits for another word, or for `conclude`. With `keep_routes` the request's own Route is kept.
        """
        request.ensure_open()
        if request.request.max_forwards == 0:  # an OPTIONS that could have been answered here (§16.3 step 3)
            request.answer_ourselves(483, (), "local", now)
            return []
        context = self._context_of(request, now)
        context.reserved = "waits" if script_decides else ""
        started = context.add(targets, now, ring_seconds=ring_seconds, keep_routes=keep_routes)
        context.settle(now)
        return started

    def conclude(self, request: ServerRequest, *, now: float) -> None:
        """The script has no more to say: what it had reserved for itself is decided as ever. Never raises."""
        context = request.context
        if context is not None and context.reserved and not request.is_final:
            context.reserved = ""
            context.settle(now)

    def relay(
        self, request: ServerRequest, target: Target | None = None, *, now: float, ring_seconds: float | None = None
    ) -> list[Branch]:
        """Forward to one target; without one, to the next Route or else the Request-URI (§16.6 steps 6, 7).

        Without a target the request's own Route is followed: this is the script's word for "he may go where he says".
        """
        if target is not None:
            return self.fork(request, (target,), now=now, ring_seconds=ring_seconds)
        message = request.request
        routes = message.routes[own_routes(message, self.edge) :]
        next_hop = routes[0].uri if routes else message.uri
        if not next_hop.is_sip:
            raise InvalidWord(f"{next_hop.scheme}: leads nowhere by itself")
        target = Target(message.target, flow_of(next_hop), source="script")
        return self.fork(request, (target,), now=now, ring_seconds=ring_seconds, keep_routes=True)

    def wait_for_new_branches(
        self,
        request: ServerRequest,
        seconds: float,
        *,
        now: float,
        branches: int | None = None,
        reason_code: int = 20,
    ) -> None:
        """Hold the request open: with no branch left it is not answered yet, for some may be injected.

        `branches`: close the hold once so many have been injected. `reason_code` is the Q.850 cause of the 480 that
        the caller gets when nobody ever rang. A second call replaces the first. Seconds beyond the limit are cut.
        """
        request.ensure_open()
        if seconds <= 0 or (branches is not None and branches < 1):
            raise InvalidWord("a hold needs a time, and at least one branch to wait for")
        is_invite = request.method == "INVITE"
        longest = self.limits.hold_seconds if is_invite else self.limits.non_invite_hold_seconds
        context = self._context_of(request, now)
        context.open_hold(min(seconds, longest), now, branches=branches, absent_cause=reason_code)

    def wait_no_more_branches(self, request: ServerRequest, *, now: float, why: str = "no-more") -> bool:
        """Close the hold; when no branch lives the request is answered now. Return whether there was one.

        Never raises: also the word for "nobody is waited for any more", whenever that turns out.
        """
        context = request.context
        if context is None or context.hold is None or request.is_final:
            return False
        context.close_hold(why)
        context.settle(now)
        return True

    def inject_branches(
        self,
        request: ServerRequest,
        targets: Iterable[Target],
        *,
        now: float,
        cancel: str = "",
        last: bool = False,
        token: str = "",
        ring_seconds: float | None = None,
    ) -> list[Branch]:
        """Add targets to a request that may already be ringing; return the branches started.

        With `cancel` (when_ringing, after_answer, at_once) it is a takeover, named by `token`: the branches there were
        are given up when a new one rings, when it answers, or once one was started; never because of a target that
        cannot be reached. `last` closes the hold.

        What comes too late is an InjectRejected for each target and then an exception, and starts no takeover.
        """
        if cancel and (cancel not in TAKEOVER_MODES or request.method != "INVITE"):
            raise InvalidWord(f"cancel={cancel!r}: one of {', '.join(TAKEOVER_MODES)}, and for an INVITE")
        targets = list(targets)
        try:
            request.ensure_open()
        except TooLate as error:
            for target in targets:
                self.emit(InjectRejected(request, target, _TOO_LATE[type(error)]))
            raise
        context = self._context_of(request, now)
        if cancel:
            started = take_over(context, targets, now, mode=cancel, token=token, ring_seconds=ring_seconds)
        else:
            started = context.add(targets, now, ring_seconds=ring_seconds, injected=True)
        if last:
            context.close_hold("last-flag")
        context.settle(now)
        return started

    def phone_is_awake(self, flow: Flow, *, now: float) -> None:
        """A phone has just been heard: an INVITE of another edge that it has missed is sent again. Those of this edge are
        nudged when it is injected."""
        for hop in self.edge_hops.get(flow, ()):
            hop.nudge(now)

    def show_ended(self, request: ServerRequest, target: Target, cause: Cause, *, now: float) -> bool:
        """Show a phone an INVITE that has ended, and its end; False when the phone cannot be reached.

        For a phone that was woken for the call and has missed it, see `ended_call.py`. The request may be gone already.
        """
        if not self.connections.is_reachable(target.flow):
            return False
        EndedCall(self).show(request, target, cause, now)
        return True

    def originate(
        self,
        method: str,
        target: Target,
        *,
        from_: str,
        to: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        ended: Callable[[int], None],
        now: float,
    ) -> None:
        """Send a request of ours to a phone, see `originated.py`; `ended` is told its final status, perhaps at once."""
        if not self.connections.is_reachable(target.flow):
            ended(503)
            return
        Originated(self, ended).send(self.forwarder.originate(method, target, from_, to, headers, body), target, now)

    # figures

    @property
    def open_requests(self) -> int:
        """Server transactions that live."""
        return self.layer.server_count

    @property
    def open_branches(self) -> int:
        """Client transactions that live."""
        return self.layer.client_count

    # for the rest of this room

    def send(self, data: bytes, flow: Flow, transaction: ClientTransaction | ServerTransaction | None) -> None:
        """Put a message on the wire, with the next batch."""
        self._outbox.append(_new_tuple(Outbound, (data, flow, transaction)))

    def _context_of(self, request: ServerRequest, now: float) -> ResponseContext:
        """The request's response context, made when there is none yet."""
        context = request.context
        if context is None:
            is_invite = request.request.method == "INVITE"
            longest = self.policy.call_deadline if is_invite else self.limits.non_invite_seconds
            context = request.context = ResponseContext(self, request, is_invite, now + longest)
        return context

    def _refuse_malformed(self, request: Request, error: MalformedMessage, flow: Flow) -> None:
        """Answer without a transaction a request that cannot have one (§8.2.7)."""
        if error.status_hint and request.method != "ACK" and request.has("via"):
            self.send(bytes(make_response(request, error.status_hint, to_tag=self.new_token())), flow, None)
