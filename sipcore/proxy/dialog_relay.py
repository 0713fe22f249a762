"""A request within a dialog, forwarded to the other side without asking the script (RFC 3261 §16.12.1.2).

One request, one branch: what the other side answers is what the sender gets. Unlike a call that is being set up, a
cancelled re-INVITE is not answered here: its 487, or the 2xx that crosses, is the other side's, for a 2xx that we
hung up would take the whole call with it.

When nobody answers, the sender gets 480. The RFC says 408, but 408 and 481 end his dialog (§12.2.1.2), and what failed is
one request; the dialog may be well.

A phone that has let its connection go and is asleep may be woken for it (RFC 8599 §5.6.2). The request waits for that,
which is the only time that something other than the two sides and the clock decides about it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from ..syntax import forward_response, make_response
from ..transaction import NEVER, Timed
from .events import DialogEnded, PhoneAsleep

if TYPE_CHECKING:
    from ..contract.flow import Flow
    from ..syntax import Request, Response
    from ..transaction import ClientTransaction, ServerTransaction
    from .cause import Cause
    from .core import ProxyCore
    from .dialog_routes import Hop

__all__ = ["DialogRelay", "purr_of"]

_PURR = re.compile(r";pn-purr=([A-Za-z0-9_-]{1,64})(?=[;?]|$)", re.IGNORECASE)


def purr_of(uri: str) -> str:
    """The reference by which the phone behind a Request-URI can be woken (RFC 8599 §6.2), empty when it has none."""
    found = _PURR.search(uri)
    return found[1] if found is not None else ""


class DialogRelay(Timed, Struct, eq=False):
    """One such request, the `user` of both its transactions."""

    _core: ProxyCore
    _request: Request
    _server: ServerTransaction | None
    _hop: Hop
    _client: ClientTransaction | None = None
    _timer_c: float = 0.0
    _is_waiting: bool = False
    due: float = NEVER
    queued_for: float = NEVER

    @property
    def transaction(self) -> ClientTransaction | None:
        """The branch's transaction, None once it is over."""
        return self._client

    def start(self, now: float) -> None:
        """Send it on."""
        self._send(self._hop.flow, now)
        if self._request.method == "INVITE":
            self._put_off_timer_c(now)

    @property
    def request(self) -> Request:
        """The request as it was received."""
        return self._request

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for its phone to wake."""
        return self._is_waiting

    def wait_for_phone(self, purr: str, now: float) -> None:
        """Have the phone woken, and send nothing before that."""
        self._is_waiting = True
        self._core.queue.set(self, now + self._core.limits.non_invite_hold_seconds)
        self._core.emit(PhoneAsleep(self, purr))

    def go_on(self, flow: Flow | None, now: float) -> None:
        """The phone is there, over this flow; None: it cannot be woken, so its address is all there is."""
        if self._is_waiting and self._server is not None:
            self._stop_waiting()
            if flow is not None:
                self._hop.flow = flow
            self.start(now)

    def _stop_waiting(self) -> None:
        self._is_waiting = False
        self._stop_timer()

    def cancel(self, cause: Cause, now: float) -> None:
        """Pass a CANCEL on (§16.10)."""
        if self._is_waiting:
            self._stop_waiting()
            self._answer(487, now)
        elif self._client is not None:
            self._core.layer.cancel(self._client, now, cause.headers)

    def forget_server(self) -> None:
        """The server transaction is destroyed."""
        self._server = None
        self._is_waiting = False
        self._stop_timer()

    # as the user of the client transaction

    def response_received(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """A response of the other side: the sender's."""
        status = response.status
        if status < 200:
            if self.due != NEVER:
                self._timer_c = now + self._core.policy.timer_c
            if status == 100 or self._request.method != "INVITE":
                return
        if self._server is not None:
            self._core.layer.respond(self._server, forward_response(response), now)
        if status >= 200:
            self._over(status)

    def timed_out(self, transaction: ClientTransaction, now: float) -> None:
        """The other side does not answer."""
        self._fail(480, now)

    def transport_failed(self, transaction: ClientTransaction, now: float) -> None:
        """It cannot be reached over its flow. Its address is tried once: a phone may have connected again."""
        self._drop_client()
        address = self._hop.address
        if address != transaction.flow and self._server is not None and not self._server.is_final:
            self._send(address, now)
        else:
            self._fail(480, now)

    def _send(self, flow: Flow, now: float) -> None:
        core, hop = self._core, self._hop
        forwarded = core.forwarder.in_dialog(self._request, hop.uri, flow, hop.skip_routes, hop.routes)
        self._client = core.layer.start_client(forwarded, flow, now, self)
        if flow.connection:
            core.connections.watch(flow.connection, self)

    def abort(self, now: float) -> None:
        """A fault of ours: the sender gets 500."""
        self._answer(500, now)

    def _fail(self, status: int, now: float) -> None:
        self._answer(status, now)
        self._over(status)

    def _answer(self, status: int, now: float) -> None:
        if self._server is not None and not self._server.is_final:
            response = make_response(self._request, status, to_tag=self._core.new_token())
            self._core.layer.respond(self._server, response, now)

    def _over(self, status: int) -> None:
        if self._client is None and not self._is_waiting:
            return  # a 2xx once more
        self._is_waiting = False
        self._drop_client()
        self._stop_timer()
        request = self._request
        if request.method != "INVITE" and self._server is not None:
            self._server.user = None  # it has its answer; what lingers need not hold this and the request
            self._server = None
        if request.method == "BYE" and status not in (401, 407):
            tags = (request.from_tag, request.to_tag)
            caller, callee = tags if self._hop.from_caller else tags[::-1]
            self._core.emit(DialogEnded(request.call_id, caller, callee, "BYE", request.from_tag, status))

    def _drop_client(self) -> None:
        client, self._client = self._client, None
        if client is not None and client.flow.connection:
            self._core.connections.unwatch(client.flow.connection, self)

    # timer C (§16.8)

    def _put_off_timer_c(self, now: float) -> None:
        self._timer_c = now + self._core.policy.timer_c
        self._core.queue.set(self, self._timer_c)

    def _stop_timer(self) -> None:
        self._core.queue.cancel(self)

    def time_reached(self, now: float) -> None:
        """Timer C, unless it was put off; or the phone has not come."""
        if self._is_waiting:
            self._fail(480, now)
            return
        if self._client is None:
            return
        if now < self._timer_c:
            self._core.queue.set(self, self._timer_c)
        else:
            self._core.layer.cancel(self._client, now)
