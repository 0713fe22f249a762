"""A call that is over, shown to a phone that comes too late for it.

A push has told the phone that it is called, and some systems stop delivering pushes to an app that shows no call for one.
So it gets the INVITE that it was woken for, with the Call-ID of the push, and after its first provisional response the
CANCEL, with the reason that the other phones were given. The caller hears nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .farewell import absorb

if TYPE_CHECKING:
    from ..syntax import Response
    from ..transaction import ClientTransaction
    from .cause import Cause
    from .core import ProxyCore
    from .request import ServerRequest
    from .target import Target

__all__ = ["EndedCall"]


class EndedCall:
    """The `user` of that INVITE's client transaction."""

    __slots__ = ("_core", "absorbed")

    def __init__(self, core: ProxyCore) -> None:
        self._core = core
        self.absorbed: dict[str, bytes] | None = None
        "As in Branch."

    def show(self, request: ServerRequest, target: Target, cause: Cause, now: float) -> None:
        """Send the INVITE; its CANCEL waits for a provisional response (§9.1)."""
        core = self._core
        invite = core.forwarder.to_target(request.request, request.flow, target)
        transaction = core.layer.start_client(invite, target.flow, now, self)
        core.layer.cancel(transaction, now, cause.headers)

    def response_received(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Nobody takes an answer that crosses the CANCEL: it is acknowledged and hung up on."""
        if 200 <= response.status < 300:
            absorb(self._core, self, transaction, response, now)

    def timed_out(self, transaction: ClientTransaction, now: float) -> None:
        """It fell asleep again."""

    def transport_failed(self, transaction: ClientTransaction, now: float) -> None:
        """It is gone again."""

    def abort(self, now: float) -> None:
        """There is nothing to give up."""
