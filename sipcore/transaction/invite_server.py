"""The INVITE server transaction: RFC 3261 §17.2.1, with the Accepted state of RFC 6026 §8.5 (its figure 5).

                               | INVITE
                               | pass INVITE to TU
             INVITE            V
             last resp. sent +------------+  1xx from TU
                  +----------|            |-----+ 1xx sent
                  |          | Proceeding |     |
                  +--------->|            |<----+
                             +------------+------------- transport error -----+
              300-699 from TU    |     |  2xx from TU             inform TU   |
              resp. sent         |     |  2xx sent                            |
                                 |     +----------------+                     |
      INVITE or timer G          V                      V                     |
      last resp. sent     +-----------+           +----------+  2xx from TU   |
                  +-------|           |           |          |---+ 2xx sent   |
                  |       | Completed |           | Accepted |   | ACK to TU  |
                  +------>|           |           |          |<--+            |
                          +-----------+           +----------+                |
                  ACK       |       |  timer H fires     |                    |
                  inform TU |       |  or transp. error  | timer L fires      |
                            V       |  inform TU         |                    |
                     +-----------+  |                    |                    |
                     | Confirmed |  |                    |                    |
                     +-----------+  |                    |                    |
             timer I fires  |       |                    |                    |
                            V       V                    V                    |
                     +-----------------------------------------+             |
                     |                Terminated               |<------------+
                     +-----------------------------------------+

Departures from the RFC, and why:

- 100 (Trying) is not generated here after 200 ms: the proxy core sends it, when a batch of datagrams has been dealt with
  and nothing better has been said.
- A transport error is reported by `server_terminated` alone, and that for every end of a transaction.
- An ACK in Completed is reported (`acknowledged`): a pickup waits for it before it rings the picker's only line.
- A transport error in Accepted is absorbed: the 2xx is the callee's to retransmit, end to end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from .machine import Input, State, Table
from .server import ServerTransaction

if TYPE_CHECKING:
    from sipcore.syntax import Request


__all__ = ["InviteServerTransaction"]

PROCEEDING, COMPLETED, CONFIRMED = State.PROCEEDING, State.COMPLETED, State.CONFIRMED
ACCEPTED, TERMINATED = State.ACCEPTED, State.TERMINATED


class InviteServerTransaction(ServerTransaction, eq=False):
    """An INVITE that was received. See the module for its states."""

    INITIAL = PROCEEDING
    TABLE: ClassVar[Table] = {
        (PROCEEDING, Input.REQUEST): (PROCEEDING, ("repeat_response",)),
        (PROCEEDING, Input.SEND_PROVISIONAL): (PROCEEDING, ("send_response",)),
        (PROCEEDING, Input.SEND_SUCCESS): (ACCEPTED, ("start_timer_l", "send_success")),
        (PROCEEDING, Input.SEND_FAILURE): (COMPLETED, ("start_timers_g_and_h", "send_final")),
        (PROCEEDING, Input.TRANSPORT_ERROR): (TERMINATED, ("end",)),
        (COMPLETED, Input.REQUEST): (COMPLETED, ("repeat_response",)),
        (COMPLETED, Input.TIMER_G): (COMPLETED, ("repeat_response", "restart_timer_g")),
        (COMPLETED, Input.ACK): (CONFIRMED, ("tell_acknowledged", "start_timer_i")),
        (COMPLETED, Input.TIMER_H): (TERMINATED, ("tell_ack_missing", "end")),
        (COMPLETED, Input.TRANSPORT_ERROR): (TERMINATED, ("end",)),
        (CONFIRMED, Input.TIMER_I): (TERMINATED, ("end",)),
        (ACCEPTED, Input.SEND_SUCCESS): (ACCEPTED, ("send_success",)),
        (ACCEPTED, Input.ACK): (ACCEPTED, ("pass_ack_up",)),
        (ACCEPTED, Input.TIMER_L): (TERMINATED, ("end",)),
    }
    REPEAT_INPUT = Input.TIMER_G
    BY_CLASS = (Input.SEND_FAILURE, Input.SEND_PROVISIONAL, Input.SEND_SUCCESS, *[Input.SEND_FAILURE] * 4)

    # actions

    def start_timers_g_and_h(self, message: Any, now: float) -> None:
        timers = self._layer.timers
        self._start_timers(None if self.flow.is_reliable else timers.timer_g, timers.timer_h, Input.TIMER_H, now)

    def restart_timer_g(self, message: Any, now: float) -> None:
        self._repeat_in(min(2 * self._interval, self._layer.timers.t2), now)

    def start_timer_i(self, message: Any, now: float) -> None:
        self._end_in(0.0 if self.flow.is_reliable else self._layer.timers.timer_i, Input.TIMER_I, now)

    def start_timer_l(self, message: Any, now: float) -> None:
        self._end_at(now + self._layer.timers.timer_l, Input.TIMER_L)

    def tell_acknowledged(self, message: Request, now: float) -> None:
        self._layer.user.acknowledged(self, now)

    def tell_ack_missing(self, message: Any, now: float) -> None:
        self._layer.user.ack_missing(self, now)

    def pass_ack_up(self, message: Request, now: float) -> None:
        """RFC 6026 §7.1: an ACK in Accepted is the transaction user's, whatever its branch."""
        self._layer.user.ack_received(message, self.flow, now)
