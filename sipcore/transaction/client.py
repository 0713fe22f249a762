"""What the two client machines share (RFC 3261 §17.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from .machine import Input, Machine, State
from .timers import NEVER

if TYPE_CHECKING:
    from sipcore.contract.flow import Flow
    from sipcore.syntax import Request

    from .layer import TransactionLayer
    from .user import ClientUser

__all__ = ["ClientTransaction"]


class ClientTransaction(Machine, Struct, eq=False):
    """A request that was sent, and the responses to it. Made by `TransactionLayer.start_client`.

    Public: all without an underscore.
    """

    _layer: TransactionLayer
    request: Request
    "Let go of, so that there is no such attribute, once nothing can be sent for it any more."
    method: str
    branch: str
    flow: Flow
    started_at: float
    user: ClientUser
    "Who hears of the responses; of an abandoned request nobody does, or next to nobody."
    state: State
    cancel_sent: bool = False
    "Whether a CANCEL has left; one that is held back has not."
    abandoned: bool = False
    due: float = NEVER
    queued_for: float = NEVER
    _held_cancel: Sequence[tuple[str, str]] | None = None
    _interval: float = 0.0
    _ends_at: float = NEVER
    _end_input: Input = Input.TRANSPORT_ERROR

    def start(self, now: float) -> None:
        """Send the request and start its timers."""
        raise NotImplementedError

    def refuse(self, now: float) -> None:
        """Send nothing, and fail as soon as the queue is fired: the transaction is over the limit."""
        self._end_at(now, Input.TRANSPORT_ERROR)

    # actions

    def stop_repeating(self, message: Any, now: float) -> None:
        self._end_at(self._ends_at, self._end_input)

    def send_request(self, message: Any, now: float) -> None:
        self._layer.send(self.request.raw, self.flow, self)

    def end(self, message: Any, now: float) -> None:
        self.stop_timer(message, now)
        self._layer.client_ended(self)

    def tell_timeout(self, message: Any, now: float) -> None:
        if not self.abandoned:
            try:
                self.user.timed_out(self, now)
            except Exception:
                self._layer.user.client_user_failed(self, now)

    def tell_transport_error(self, message: Any, now: float) -> None:
        if not self.abandoned:
            try:
                self.user.transport_failed(self, now)
            except Exception:
                self._layer.user.client_user_failed(self, now)
