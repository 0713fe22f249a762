"""What the transaction layer asks of whoever is above it: the transaction user (RFC 3261 §5, §17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sipcore.contract.flow import Flow
    from sipcore.syntax import Request, Response

    from .client import ClientTransaction
    from .server import ServerTransaction

__all__ = ["ClientUser", "TransactionUser"]


class TransactionUser(Protocol):
    """The transaction user. Its methods are called by the layer, synchronously.

    The machine that calls has finished its transition, so a method may use any word of the layer, on the same
    transaction too.
    """

    def request_received(self, transaction: ServerTransaction, now: float) -> None:
        """A new request has come: neither ACK nor CANCEL nor a retransmission. It must be answered some day."""

    def cancel_received(self, cancel: ServerTransaction, invite: ServerTransaction | None, now: float) -> None:
        """A CANCEL has come (§9.2), for `invite`; None when there is no such INVITE (any more).

        Both are to be answered: `cancel` with 200 or 481, `invite` with 487 unless it is final.
        """

    def ack_received(self, request: Request, flow: Flow, now: float) -> None:
        """An ACK that is not for a final response of ours other than 2xx: one to a 2xx, to be forwarded (§16.11)."""

    def acknowledged(self, transaction: ServerTransaction, now: float) -> None:
        """The first ACK to our final response other than 2xx has come."""

    def ack_missing(self, transaction: ServerTransaction, now: float) -> None:
        """Our final response other than 2xx was never acknowledged (timer H). `server_terminated` follows."""

    def server_terminated(self, transaction: ServerTransaction, now: float) -> None:
        """The server transaction is no more; nothing can be sent through it.

        Called once for each server transaction, CANCELs included. If it is not `is_final`, its transport has failed
        and the peer waits in vain. Over a reliable transport this happens within `respond`.
        """

    def stray_response(self, response: Response, flow: Flow, now: float) -> None:
        """A response to no request of ours. RFC 6026 §7.3 (amending §16.7): it must not be forwarded."""

    def client_user_failed(self, transaction: ClientTransaction, now: float) -> None:
        """The user of a client transaction has raised what is being handled; nothing else will be done about it."""


class ClientUser(Protocol):
    """Whoever has sent a request: the `user` of its client transaction. Called as the transaction user is."""

    def response_received(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """A response has come: every provisional, the final one, and to an INVITE every further 2xx.

        A further 2xx is a retransmission, or comes from another phone behind a forking proxy (another To tag), and may
        also follow a final response that was no 2xx.
        """

    def timed_out(self, transaction: ClientTransaction, now: float) -> None:
        """No response came in time (timer B or F, or 64*T1 after a CANCEL); counts as 408. The transaction is gone."""

    def transport_failed(self, transaction: ClientTransaction, now: float) -> None:
        """The request cannot be sent, or the connection it waits on broke; counts as 503. The transaction is gone.

        Also what becomes of a client transaction over the limit.
        """

    def abort(self, now: float) -> None:
        """A fault of ours has shown in one of these methods: give the request up. For `TransactionUser.client_user_failed`."""
