"""The transaction layer: which transaction a message belongs to, and what the transaction user may ask of it.

Pure: it is told the time, what is to be sent goes through `send`, and timers wait in a queue that somebody else fires.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from zlib import crc32

from sipcore.errors import InvalidWord, MalformedMessage
from sipcore.syntax import Response, make_response, parse_message

from .client import ClientTransaction
from .invite_client import InviteClientTransaction
from .invite_server import InviteServerTransaction
from .keys import ClientKey, ServerKey, invite_key, is_rfc2543, server_key
from .machine import Input, State
from .non_invite_client import NonInviteClientTransaction
from .non_invite_server import NonInviteServerTransaction
from .server import ServerTransaction
from .timers import TimerQueue, Timers

if TYPE_CHECKING:
    from sipcore.contract.flow import Flow
    from sipcore.syntax import Request

    from .user import ClientUser, TransactionUser

__all__ = ["MAX_CLIENT_TRANSACTIONS", "MAX_SERVER_TRANSACTIONS", "Send", "TransactionLayer"]

MAX_SERVER_TRANSACTIONS = 200_000
"""Server transactions at a time. One lingers for 32 s after its answer on UDP, so this is 6000 requests a second: more
than a worker can do, and less than a flood could otherwise make it remember."""

MAX_CLIENT_TRANSACTIONS = 200_000
"Client transactions at a time; CANCELs are not counted, for they free what is."

RETRY_AFTER_SECONDS = 10
"What a request over the limit is told (§20.33): long enough for some to have gone, short enough for a caller to wait."

Send = Callable[[bytes, "Flow", "ClientTransaction | ServerTransaction | None"], None]


class TransactionLayer:
    """All transactions of one worker.

    `send(data, flow, transaction)` is to queue or to send; if it fails, `transport_failed(transaction, now)` is called
    later, not from within it. `timers` are the protocol's values, and `queue` holds what is to be fired.

    Requests and responses must have passed `check_request` or `check_response`: the headers that make up a key are read
    without further ado.
    """

    __slots__ = (
        "_clients",
        "_max_clients",
        "_max_servers",
        "_servers",
        "queue",
        "refused_count",
        "send",
        "timers",
        "user",
    )

    def __init__(
        self,
        user: TransactionUser,
        send: Send,
        timers: Timers,
        queue: TimerQueue,
        *,
        max_servers: int = MAX_SERVER_TRANSACTIONS,
        max_clients: int = MAX_CLIENT_TRANSACTIONS,
    ) -> None:
        self.user = user
        self.send = send
        self.timers = timers
        self.queue = queue
        self.refused_count = 0
        "How many requests have been answered 503 for being over the limit."
        self._servers: dict[ServerKey, ServerTransaction] = {}
        self._clients: dict[ClientKey, ClientTransaction] = {}
        self._max_servers = max_servers
        self._max_clients = max_clients

    @property
    def server_count(self) -> int:
        """How many server transactions there are, those that only absorb retransmissions included."""
        return len(self._servers)

    @property
    def client_count(self) -> int:
        """How many client transactions there are, CANCELs included."""
        return len(self._clients)

    # from the network

    def receive_request(self, request: Request, flow: Flow, now: float) -> None:
        """Match a request to its server transaction, or make one and tell the transaction user (§17.2.3).

        Over the limit a new request is answered 503 with Retry-After, without a transaction and without the transaction
        user hearing of it; a CANCEL that finds its INVITE is always taken.
        """
        key = server_key(request)
        transaction = self._servers.get(key)
        method = request.method
        if method == "ACK":
            if transaction is None or not _is_acknowledged_by(transaction, request):
                self.user.ack_received(request, flow, now)
            else:
                transaction.step(Input.ACK, now, request)
        elif transaction is not None:
            transaction.step(Input.REQUEST, now, request)
        elif method == "CANCEL":
            invite = self._servers.get(invite_key(request))
            if invite is None and len(self._servers) >= self._max_servers:
                self._refuse(request, flow)
                return
            transaction = self._servers[key] = NonInviteServerTransaction(
                self, request, method, key, flow, State.TRYING
            )
            self.user.cancel_received(transaction, invite, now)
        elif len(self._servers) >= self._max_servers:
            self._refuse(request, flow)
        else:
            machine = InviteServerTransaction if method == "INVITE" else NonInviteServerTransaction
            transaction = self._servers[key] = machine(self, request, method, key, flow, machine.INITIAL)
            self.user.request_received(transaction, now)

    def receive_response(self, response: Response, flow: Flow, now: float) -> None:
        """Match a response to its client transaction (§17.1.3); one that matches none is a stray."""
        transaction = self._clients.get((response.branch, response.cseq_method))
        if transaction is None:
            self.user.stray_response(response, flow, now)
        else:
            try:
                transaction.step(transaction.BY_CLASS[response.status // 100], now, response)
            except MalformedMessage:
                raise  # the peer's fault; the message is dropped
            except Exception:
                self.user.client_user_failed(transaction, now)

    def server_of(self, request: Request) -> ServerTransaction | None:
        """The server transaction that a request belongs to: its own, that of a retransmission, the INVITE of a CANCEL or ACK."""
        return self._servers.get(invite_key(request) if request.method == "CANCEL" else server_key(request))

    def sender_of(self, message: Request | Response) -> ClientTransaction | ServerTransaction | None:
        """The transaction that sent a message, when it comes back unsent."""
        if isinstance(message, Response):
            return self._servers.get((message.branch, message.top_via.sent_by, message.cseq_method))
        return self._clients.get((message.branch, message.method))

    # from the transaction user

    def respond(self, transaction: ServerTransaction, response: Response, now: float) -> None:
        """Send a response, and remember it for retransmissions of the request.

        A 2xx to an INVITE may be followed by more of them (RFC 6026: Accepted). Anything else after a final response is
        discarded (§17.2.1, §17.2.2), as is everything once the transaction has terminated.
        """
        transaction.step(transaction.BY_CLASS[response.status // 100], now, response)

    def start_client(self, request: Request, flow: Flow, now: float, user: ClientUser) -> ClientTransaction:
        """Send a request, reliably. Its top Via carries a branch never used before, which is the transaction's key.

        Over the limit nothing is sent, and `transport_failed` follows when the queue is next fired. Raises InvalidWord for
        an ACK, which makes no transaction (§17.1), and for a branch in use.
        """
        branch = request.branch
        method = request.method
        key = (branch, method)
        if not branch or key in self._clients:
            raise InvalidWord(f"branch {branch!r} is in use or empty")
        machine: type[ClientTransaction]
        if method == "INVITE":
            machine = InviteClientTransaction
        elif method == "ACK":
            raise InvalidWord("an ACK has no transaction; send it without")
        else:
            machine = NonInviteClientTransaction
        transaction = machine(self, request, method, branch, flow, now, user, machine.INITIAL)
        if len(self._clients) >= self._max_clients:
            transaction.refuse(now)
        else:
            self._clients[key] = transaction
            transaction.start(now)
        return transaction

    def cancel(self, transaction: ClientTransaction, now: float, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Cancel an INVITE; `headers` (Reason, RFC 3326) go into the CANCEL.

        Before a provisional nothing is sent but remembered, with these headers, until there is one (§9.1). An INVITE that
        gets no response at all is retransmitted until timer B even so. A second call, a call after the final response and
        one for anything but an INVITE do nothing.

        The outcome is that of the INVITE: 487, any other final response, or `timed_out` 64*T1 after the CANCEL left.
        """
        transaction.step(Input.CANCEL, now, headers)

    def abandon(self, transaction: ClientTransaction) -> None:
        """Forget a request without a word to the peer: no retransmission, no CANCEL but one that is held already.

        Of what still comes, only 1xx and 2xx to an INVITE are reported, so that a phone that wakes up late can be
        cancelled or hung up. A ringing INVITE is forgotten 180 s after it was sent.
        """
        transaction.abandoned = True
        transaction.step(Input.ABANDON, transaction.started_at)

    def nudge(self, transaction: ClientTransaction, now: float) -> bool:
        """Send an INVITE that nobody has responded to once more, now, and leave the retransmission schedule alone.

        For a phone that has just shown itself alive: the gap between retransmissions may have grown to 16 s. Returns
        whether it was sent; it is not over a reliable transport (the peer has it), nor once there was a response.
        """
        if transaction.state is not State.CALLING or transaction.flow.is_reliable or transaction.abandoned:
            return False
        self.send(transaction.request.raw, transaction.flow, transaction)
        return True

    # from the shell

    def transport_failed(self, transaction: ClientTransaction | ServerTransaction, now: float) -> None:
        """Say that what `transaction` sent did not leave, or that the connection it depends on is gone (§17.1.4)."""
        transaction.step(Input.TRANSPORT_ERROR, now)

    # from the machines

    def start_cancel(self, request: Request, invite: ClientTransaction, now: float) -> None:
        """Send the CANCEL of an INVITE, in a client transaction that reports to nobody."""
        transaction = NonInviteClientTransaction(
            self, request, "CANCEL", invite.branch, invite.flow, now, invite.user, State.TRYING
        )
        transaction.abandoned = True
        self._clients[invite.branch, "CANCEL"] = transaction
        transaction.start(now)

    def client_ended(self, transaction: ClientTransaction) -> None:
        """Forget a client transaction that has terminated."""
        self._clients.pop((transaction.branch, transaction.method), None)

    def server_ended(self, transaction: ServerTransaction) -> None:
        """Forget a server transaction that has terminated."""
        self._servers.pop(transaction.key, None)

    def _refuse(self, request: Request, flow: Flow) -> None:
        self.refused_count += 1
        # A stateless server sends the same To tag to each retransmission (§8.2.7).
        to_tag = f"{crc32(f'{request.branch} {request.call_id}'.encode('utf-8', 'surrogateescape')):08x}"
        headers = [("Retry-After", str(RETRY_AFTER_SECONDS))]
        self.send(make_response(request, 503, headers=headers, to_tag=to_tag).raw, flow, None)


def _is_acknowledged_by(transaction: ServerTransaction, ack: Request) -> bool:
    """§17.2.3: the ACK of an RFC 2543 client, which has the branch of nothing, is told by the To tag it repeats."""
    if not is_rfc2543(transaction.key) or transaction.last_response is None:
        return True
    return parse_message(transaction.last_response).to_tag == ack.to_tag
