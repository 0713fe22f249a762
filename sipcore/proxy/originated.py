"""A request that starts here: a message that was kept for a phone, sent when the phone comes (RFC 3428, RFC 3261 §8.1).

The one thing in which this is no proxy. It makes no dialog, so INVITE and SUBSCRIBE are not for it, and what the phone
answers goes to whoever asked for the request to be sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..syntax import Request, Response
    from ..transaction import ClientTransaction
    from .core import ProxyCore
    from .target import Target

__all__ = ["Originated"]


class Originated:
    """The `user` of its client transaction."""

    __slots__ = ("_core", "_ended", "transaction")

    def __init__(self, core: ProxyCore, ended: Callable[[int], None]) -> None:
        """`ended` is told the final status, exactly once: 408 when the phone is silent, 503 when it cannot be reached."""
        self._core = core
        self._ended: Callable[[int], None] | None = ended
        self.transaction: ClientTransaction | None = None

    def send(self, request: Request, target: Target, now: float) -> None:
        """Send it over the flow of the target."""
        core = self._core
        if target.flow.connection:
            core.connections.watch(target.flow.connection, self)
        self.transaction = core.layer.start_client(request, target.flow, now, self)

    def response_received(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """The phone has answered, or is about to."""
        if response.status >= 200:
            self._end(transaction, response.status)

    def timed_out(self, transaction: ClientTransaction, now: float) -> None:
        """It has not."""
        self._end(transaction, 408)

    def transport_failed(self, transaction: ClientTransaction, now: float) -> None:
        """It cannot be reached."""
        self._end(transaction, 503)

    def abort(self, now: float) -> None:
        """A fault of ours."""
        if self._ended is not None:
            ended, self._ended = self._ended, None
            ended(500)

    def _end(self, transaction: ClientTransaction, status: int) -> None:
        self.transaction = None
        if transaction.flow.connection:
            self._core.connections.unwatch(transaction.flow.connection, self)
        if self._ended is not None:
            ended, self._ended = self._ended, None
            ended(status)
