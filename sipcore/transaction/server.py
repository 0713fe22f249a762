"""What the two server machines share (RFC 3261 §17.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from .machine import Input, Machine, State
from .timers import NEVER

if TYPE_CHECKING:
    from sipcore.contract.flow import Flow
    from sipcore.syntax import Request, Response

    from .keys import ServerKey
    from .layer import TransactionLayer

__all__ = ["ServerTransaction"]


class ServerTransaction(Machine, Struct, eq=False):
    """A request that was received, and the responses to it. Made by `TransactionLayer.receive_request`.

    Public: all without an underscore.
    """

    _layer: TransactionLayer
    request: Request
    "Let go of, so that there is no such attribute, once another request than INVITE has its final response."
    method: str
    key: ServerKey
    flow: Flow
    state: State
    user: Any = None
    "Left to the transaction user."
    last_response: bytes | None = None
    "What a retransmission of the request is answered with: the response sent last, unless that is a 2xx to an INVITE."
    is_final: bool = False
    "Whether a final response has been sent."
    due: float = NEVER
    queued_for: float = NEVER
    _interval: float = 0.0
    _ends_at: float = NEVER
    _end_input: Input = Input.TRANSPORT_ERROR

    # actions

    def send_response(self, message: Response, now: float) -> None:
        self.last_response = data = message.raw
        self._layer.send(data, self.flow, self)

    def send_success(self, message: Response, now: float) -> None:
        """A 2xx to an INVITE: it is the callee's to retransmit, so it is not kept."""
        self.is_final = True
        self.last_response = None
        self._layer.send(message.raw, self.flow, self)

    def send_final(self, message: Response, now: float) -> None:
        self.is_final = True
        self.last_response = data = message.raw
        self._layer.send(data, self.flow, self)

    def repeat_response(self, message: Any, now: float) -> None:
        """§17.2.1, §17.2.2: a retransmission is answered with the last response; there may be none yet."""
        if self.last_response is not None:
            self._layer.send(self.last_response, self.flow, self)

    def end(self, message: Any, now: float) -> None:
        self.stop_timer(message, now)
        self._layer.server_ended(self)
        self._layer.user.server_terminated(self, now)
