"""What the transaction layer reports to the core, and what the core does about it before anybody is asked.

The transaction user of RFC 3261 §5. New requests are validated (§16.3); those within a dialog of ours are forwarded
here and now; all others become RequestReceived. A fault in here ends one request with 500 and is logged once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import MalformedMessage
from ..syntax import check_request, make_response
from .cause import Cause
from .dialog_relay import DialogRelay, purr_of
from .dialog_routes import DialogRoutes, Hop
from .edge_hop import EdgeHop, asked_to_reach
from .events import Acknowledged, FinalSent, RequestReceived, RequestTerminated
from .loops import was_here
from .request import ServerRequest
from .validation import refusal

if TYPE_CHECKING:
    from ..contract.flow import Flow
    from ..syntax import Request, Response
    from ..transaction import ClientTransaction, ServerTransaction
    from .core import ProxyCore

__all__ = ["Upcalls"]

_RETRY_AFTER = ("Retry-After", "10")

MergeKey = tuple[str, str, str, str, str]


class Upcalls:
    """The transaction user of one core."""

    __slots__ = ("_core", "_count", "_dialogs", "_ongoing", "_run")

    def __init__(self, core: ProxyCore) -> None:
        self._core = core
        self._dialogs = DialogRoutes(
            core.forwarder, core.tokens, core.connections.is_reachable, core.limits.moved_flows
        )
        self._run = f"{core.edge.worker}-{core.new_token()[:6]}"  # events name requests, also those before a restart
        self._count = 0
        self._ongoing: dict[MergeKey, ServerRequest] = {}
        "By what a second copy of the same request, come by another way, would share with it."

    # server transactions

    def request_received(self, transaction: ServerTransaction, now: float) -> None:
        """A new request: forward it within its dialog, refuse it, or hand it to the script."""
        try:
            self._request_received(transaction, now)
        except MalformedMessage as error:
            self._respond(transaction, error.status_hint or 400, (), now)
        except Exception:
            self._core.report_bug()
            self._respond(transaction, 500, (), now)

    def _request_received(self, transaction: ServerTransaction, now: float) -> None:
        core, request = self._core, transaction.request
        is_invite = request.method == "INVITE"
        if is_invite:
            core.unanswered.append((transaction, now))
        has_route = bool(request.route_lines)
        if has_route and request.max_forwards != 0:
            hop = self._dialogs.hop(request, transaction.flow)
            if hop is not None and request.to_tag:
                transaction.user = relay = DialogRelay(core, request, transaction, hop)
                purr = purr_of(request.target) if hop.is_cut_off else ""
                if purr:
                    relay.wait_for_phone(purr, now)
                else:
                    relay.start(now)
                return
        check_request(request)
        refused = refusal(request, core.edge)
        if refused is not None:
            self._respond(transaction, refused.status, refused.headers, now)
            return
        key = _merge_key(request)
        if key in self._ongoing and not was_here(request, core.edge):
            self._respond(transaction, 482, (), now)
            return
        if core.is_draining and is_invite and not request.to_tag:
            self._respond(transaction, 503, (_RETRY_AFTER,), now)
            return
        if has_route and not request.to_tag:
            flow = asked_to_reach(request, core)
            if flow is not None:
                transaction.user = relay = EdgeHop(core, request, transaction, Hop(request.target, flow, True, 1))
                relay.start(now)
                return
        self._count += 1
        call_uid = core.new_token() if is_invite else ""
        handle = ServerRequest(core, request, transaction.flow, transaction, f"{self._run}-{self._count}", call_uid)
        transaction.user = handle
        core.requests[handle.id] = handle
        if key is not None:
            self._ongoing.setdefault(key, handle)
        if is_invite and transaction.flow.connection:
            core.connections.watch(transaction.flow.connection, handle)
        core.emit(RequestReceived(handle))

    def cancel_received(self, cancel: ServerTransaction, invite: ServerTransaction | None, now: float) -> None:
        """§9.2, §16.10: the CANCEL is answered here, and so is an INVITE that the script has charge of."""
        try:
            if invite is None:
                self._respond(cancel, 481, (), now)
                return
            user = invite.user
            reasons = tuple(cancel.request.headers("reason"))
            tag = user.our_tag() if isinstance(user, ServerRequest) else self._core.new_token()
            self._core.layer.respond(cancel, make_response(cancel.request, 200, to_tag=tag), now)
            if isinstance(user, DialogRelay):
                user.cancel(Cause(487, tuple(("Reason", value) for value in reasons)), now)
            elif isinstance(user, ServerRequest) and not user.is_final:
                user.cancel(reasons, now)
        except Exception:
            self._core.report_bug()
            self._respond(cancel, 500, (), now)

    def ack_received(self, request: Request, flow: Flow, now: float) -> None:
        """The ACK to a 2xx goes where its dialog goes; one without a token goes nowhere."""
        if request.max_forwards == 0:
            return
        hop = self._dialogs.hop(request, flow)
        if hop is not None:
            forwarded = self._core.forwarder.in_dialog(request, hop.uri, hop.flow, hop.skip_routes, hop.routes)
            self._core.send(forwarded.raw, hop.flow, None)

    def acknowledged(self, transaction: ServerTransaction, now: float) -> None:
        """The caller has seen his final response."""
        if isinstance(transaction.user, ServerRequest):
            self._core.emit(Acknowledged(transaction.user))

    def ack_missing(self, transaction: ServerTransaction, now: float) -> None:
        """He may not have; there is nothing to be done about it."""

    def server_terminated(self, transaction: ServerTransaction, now: float) -> None:
        """A server transaction is destroyed: let go of all that hangs on it."""
        user, transaction.user = transaction.user, None
        if isinstance(user, DialogRelay):
            user.forget_server()
        elif isinstance(user, ServerRequest):
            self._let_go(user, transaction, now)

    def _let_go(self, handle: ServerRequest, transaction: ServerTransaction, now: float) -> None:
        core = self._core
        if not transaction.is_final:  # his transport failed, so he waits in vain
            handle.is_cancelled = True
            core.emit(FinalSent(handle, 487, "Request Terminated", "cancel"))
        context, handle.context = handle.context, None
        handle.transaction = None
        if context is not None:
            context.dissolve(now)
        core.requests.pop(handle.id, None)
        if transaction.flow.connection:
            core.connections.unwatch(transaction.flow.connection, handle)
        key = _merge_key(handle.request)
        if key is not None and self._ongoing.get(key) is handle:
            del self._ongoing[key]
        core.emit(RequestTerminated(handle))

    # client transactions: their users hear of responses themselves

    def stray_response(self, response: Response, flow: Flow, now: float) -> None:
        """RFC 6026 §7.3: dropped."""

    def client_user_failed(self, transaction: ClientTransaction, now: float) -> None:
        """The request it belongs to is given up."""
        self._core.report_bug()
        transaction.user.abort(now)

    def _respond(
        self, transaction: ServerTransaction, status: int, headers: tuple[tuple[str, str], ...], now: float
    ) -> None:
        if isinstance(transaction.user, ServerRequest):
            transaction.user.answer_ourselves(status, headers, "local", now)
        elif not transaction.is_final:
            response = make_response(transaction.request, status, None, headers, self._core.new_token())
            self._core.layer.respond(transaction, response, now)


def _merge_key(request: Request) -> MergeKey | None:
    """§8.2.2.2 asks for From tag, Call-ID and CSeq. That is for a UAS; a proxy may well get one request for two of its
    users, forked upstream, so the Request-URI counts too. A REGISTER twice does no harm.
    """
    if request.to_tag or request.method == "REGISTER":
        return None
    return request.call_id, request.from_tag, request.cseq_digits, request.method, request.target
