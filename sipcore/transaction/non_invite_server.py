"""The server transaction of every request but INVITE and ACK: RFC 3261 §17.2.2.

                               | request
                               | pass to TU
                               V
                         +-----------+
                         |  Trying   |-------------+
                         +-----------+             |
             1xx from TU    |                      | 200-699 from TU
             1xx sent       V                      | resp. sent
                         +------------+            |
        request    +-----|            |---+ 1xx    |
        resp. sent |     | Proceeding |   | sent   |
                   +---->|            |<--+        |
                         +------------+            |
                            |     |  transport     |
            200-699 from TU |     |  error         |
            resp. sent      |     +-------------+  |
                            V                   |  |
                         +-----------+          |  |
        request    +-----|           |<---------|--+
        resp. sent |     | Completed |          |
                   +---->|           |          |
                         +-----------+          |
            timer J fires,  |                   |
            or transp. error|                   |
                            V                   |
                         +------------+         |
                         | Terminated |<--------+
                         +------------+

Departures from the RFC, and why:

- A transport error also ends Trying: the connection that the answer would take is gone.
- It is reported by `server_terminated` alone, and that for every end of a transaction.

Whether a provisional may be sent at all (RFC 4320: not before timer E has reached T2) is the transaction user's matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from .machine import Input, State, Table
from .server import ServerTransaction

if TYPE_CHECKING:
    pass


__all__ = ["NonInviteServerTransaction"]

TRYING, PROCEEDING, COMPLETED, TERMINATED = State.TRYING, State.PROCEEDING, State.COMPLETED, State.TERMINATED


class NonInviteServerTransaction(ServerTransaction, eq=False):
    """A request other than INVITE and ACK that was received. See the module for its states."""

    INITIAL = TRYING
    TABLE: ClassVar[Table] = {
        (TRYING, Input.SEND_PROVISIONAL): (PROCEEDING, ("send_response",)),
        (TRYING, Input.SEND_FINAL): (COMPLETED, ("send_final", "start_timer_j")),
        (TRYING, Input.TRANSPORT_ERROR): (TERMINATED, ("end",)),
        (PROCEEDING, Input.REQUEST): (PROCEEDING, ("repeat_response",)),
        (PROCEEDING, Input.SEND_PROVISIONAL): (PROCEEDING, ("send_response",)),
        (PROCEEDING, Input.SEND_FINAL): (COMPLETED, ("send_final", "start_timer_j")),
        (PROCEEDING, Input.TRANSPORT_ERROR): (TERMINATED, ("end",)),
        (COMPLETED, Input.REQUEST): (COMPLETED, ("repeat_response",)),
        (COMPLETED, Input.TIMER_J): (TERMINATED, ("end",)),
        (COMPLETED, Input.TRANSPORT_ERROR): (TERMINATED, ("end",)),
    }
    BY_CLASS = (Input.SEND_FINAL, Input.SEND_PROVISIONAL, *[Input.SEND_FINAL] * 5)

    # actions

    def start_timer_j(self, message: Any, now: float) -> None:
        del self.request
        self._end_in(0.0 if self.flow.is_reliable else self._layer.timers.timer_j, Input.TIMER_J, now)
