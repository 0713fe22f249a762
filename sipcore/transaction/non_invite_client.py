"""The client transaction of every request but INVITE and ACK: RFC 3261 §17.1.2.

                               | request from TU
                               | request sent
            timer E fires      V
            request sent +-----------+                timer F fires
               +---------|           |                or transport error
               |         |  Trying   |----------------------------+
               +-------->|           |                  inform TU |
                         +-----------+                            |
             200-699        |     | 1xx                           |
             resp. to TU    |     | resp. to TU                   |
                            |     V          timer F fires        |
            timer E fires   |  +------------+ or transport error  |
            request sent +--|--|            |-------------------->|
                         |  |  | Proceeding |           inform TU |
                         +--|->|            |--+                  |
                            |  +------------+  | 1xx              |
                            |     |        ^   | resp. to TU      |
                            |     |        +---+                  |
                            |     | 200-699                       |
                            V     V resp. to TU                   |
                         +-----------+                            |
                         | Completed |                            |
                         +-----------+                            |
                               | timer K fires                    |
                               V                                  |
                         +-----------+                            |
                         | Terminated|<---------------------------+
                         +-----------+

Departures from the RFC: none in what is sent. A CANCEL is one of these too, but its response, its timeout and its
failure are reported to nobody: what counts is what becomes of the INVITE (§9.1). It is abandoned from the start, save
that it is retransmitted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from .client import ClientTransaction
from .machine import Input, State, Table

if TYPE_CHECKING:
    from sipcore.syntax import Response


__all__ = ["NonInviteClientTransaction"]

TRYING, PROCEEDING, COMPLETED, TERMINATED = State.TRYING, State.PROCEEDING, State.COMPLETED, State.TERMINATED


class NonInviteClientTransaction(ClientTransaction, eq=False):
    """A request other than INVITE that was sent. See the module for its states."""

    INITIAL = TRYING
    TABLE: ClassVar[Table] = {
        (TRYING, Input.TIMER_E): (TRYING, ("send_request", "restart_timer_e")),
        (TRYING, Input.TIMER_F): (TERMINATED, ("end", "tell_timeout")),
        (TRYING, Input.PROVISIONAL): (PROCEEDING, ("pass_up",)),
        (TRYING, Input.FINAL): (COMPLETED, ("start_timer_k", "pass_up")),
        (TRYING, Input.ABANDON): (TRYING, ("stop_repeating",)),
        (TRYING, Input.TRANSPORT_ERROR): (TERMINATED, ("end", "tell_transport_error")),
        (PROCEEDING, Input.TIMER_E): (PROCEEDING, ("send_request", "restart_timer_e_at_t2")),
        (PROCEEDING, Input.TIMER_F): (TERMINATED, ("end", "tell_timeout")),
        (PROCEEDING, Input.PROVISIONAL): (PROCEEDING, ("pass_up",)),
        (PROCEEDING, Input.FINAL): (COMPLETED, ("start_timer_k", "pass_up")),
        (PROCEEDING, Input.ABANDON): (PROCEEDING, ("stop_repeating",)),
        (PROCEEDING, Input.TRANSPORT_ERROR): (TERMINATED, ("end", "tell_transport_error")),
        (COMPLETED, Input.TIMER_K): (TERMINATED, ("end",)),
    }
    REPEAT_INPUT = Input.TIMER_E
    BY_CLASS = (Input.FINAL, Input.PROVISIONAL, *[Input.FINAL] * 5)

    def start(self, now: float) -> None:
        layer, flow = self._layer, self.flow
        timers = layer.timers
        self._start_timers(None if flow.is_reliable else timers.timer_e, timers.timer_f, Input.TIMER_F, now)
        layer.send(self.request.raw, flow, self)

    # actions

    def restart_timer_e(self, message: Any, now: float) -> None:
        self._repeat_in(min(2 * self._interval, self._layer.timers.t2), now)

    def restart_timer_e_at_t2(self, message: Any, now: float) -> None:
        self._repeat_in(self._layer.timers.t2, now)

    def start_timer_k(self, message: Any, now: float) -> None:
        del self.request
        self._end_in(0.0 if self.flow.is_reliable else self._layer.timers.timer_k, Input.TIMER_K, now)

    def pass_up(self, message: Response, now: float) -> None:
        if not self.abandoned:
            self.user.response_received(self, message, now)
