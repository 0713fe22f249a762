"""What the two client machines share (RFC 3261 §17.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .machine import Input, Machine
from .timers import NEVER

if TYPE_CHECKING:
    from sipcore.contract.flow import Flow
    from sipcore.syntax import Request

    from .layer import TransactionLayer

__all__ = ["ClientTransaction"]


class ClientTransaction(Machine):
    """A request that was sent, and the responses to it. Made by `TransactionLayer.start_client`.

    Public: `branch`, `request`, `flow`, `method`, `state`, `user` (a slot for the transaction user), `started_at`,
    `cancel_sent`, `abandoned`.
    """

    __slots__ = ("_held_cancel", "abandoned", "branch", "cancel_sent", "started_at")

    request: Request

    def __init__(self, layer: TransactionLayer, request: Request, branch: str, flow: Flow, now: float) -> None:
        self._layer = layer
        self.request = request
        self.method = request.method
        self.flow = flow
        self.branch = branch
        self.state = self.INITIAL
        self.user = None
        self.started_at = now
        self.cancel_sent = False
        "Whether a CANCEL has left; one that is held back has not."
        self.abandoned = False
        self._held_cancel: Sequence[tuple[str, str]] | None = None
        self.due = self.queued_for = NEVER

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
            self._layer.user.timed_out(self, now)

    def tell_transport_error(self, message: Any, now: float) -> None:
        if not self.abandoned:
            self._layer.user.transport_failed(self, now)
