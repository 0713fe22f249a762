"""The INVITE client transaction: RFC 3261 §17.1.1, with the Accepted state of RFC 6026 §8.4.

                               | INVITE from TU
             timer A fires     | INVITE sent
             reset A,          V                      timer B fires
             INVITE sent +-----------+                or transport error
               +---------|           |----------------------------+
               |         |  Calling  |                  inform TU |
               +-------->|           |------- 2xx -----------+    |
                         +-----------+        2xx to TU      |    |
            300-699         |     | 1xx                      |    |
            ACK sent,       |     | 1xx to TU                |    |
            resp. to TU     |     | held CANCEL sent         |    |
                            |     V                          |    |
                            |  +------------+ 1xx to TU      |    |
                            |  | Proceeding |--+             |    |
                            |  |            |<-+             |    |
                            |  +------------+---- 2xx ---+   |    |
                            |     |      |    2xx to TU  |   |    |
                            |     |      |               |   |    |
                  300-699   |     |      | transport     |   |    |
                  ACK sent, |     |      | error, or     |   |    |
                  to TU     |     |      | 64*T1 after   |   |    |
                            V     V      | CANCEL        V   V    |
                         +-----------+   | inform TU    +----------+
        300-699    +-----|           |   |              |          |---+ 2xx
        ACK sent   |     | Completed |   |              | Accepted |   | 2xx to TU
                   +---->|           |   |              |          |<--+
                         +-----------+   |              +----------+
          timer D fires, or   |          |                   |  timer M fires
          transport error     V          V                   V
                         +----------------------------------------+
                         |               Terminated               |
                         +----------------------------------------+

Departures from the RFC, and why:

- A transport error, and the end of the wait after a CANCEL, also end Proceeding. The RFC draws errors in Calling and
  Completed only, but a connection may break while a phone rings, and its branch must not ring on till timer C.
- A transport error in Completed is not reported: the transaction user has had its final response.
- A 2xx in Completed is handed up instead of dropped. A forking proxy downstream sends one after a final response of its
  own when another phone answers late; whoever answered is better off with ACK and BYE than with 32 s of silence.
- An abandoned transaction (our own notion, see `TransactionLayer.abandon`) stops retransmitting, and ends by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from sipcore.syntax import make_ack, make_cancel

from .client import ClientTransaction
from .machine import Input, State, Table
from .timers import NEVER

if TYPE_CHECKING:
    from sipcore.syntax import Response


__all__ = ["InviteClientTransaction"]

CALLING, PROCEEDING, COMPLETED = State.CALLING, State.PROCEEDING, State.COMPLETED
ACCEPTED, TERMINATED = State.ACCEPTED, State.TERMINATED

ABANDONED_SECONDS = 180.0
"An abandoned INVITE that has had a provisional is kept for this long after it was sent: timer C (§16.6), as for others."


class InviteClientTransaction(ClientTransaction, eq=False):
    """An INVITE that was sent. See the module for its states."""

    INITIAL = CALLING
    TABLE: ClassVar[Table] = {
        (CALLING, Input.TIMER_A): (CALLING, ("send_request", "restart_timer_a")),
        (CALLING, Input.TIMER_B): (TERMINATED, ("end", "tell_timeout")),
        (CALLING, Input.PROVISIONAL): (
            PROCEEDING,
            ("stop_timer", "do_what_was_held", "pass_up"),
        ),
        (CALLING, Input.SUCCESS): (ACCEPTED, ("start_timer_m", "pass_up")),
        (CALLING, Input.FAILURE): (COMPLETED, ("send_ack", "start_timer_d", "pass_up")),
        (CALLING, Input.CANCEL): (CALLING, ("hold_cancel",)),
        (CALLING, Input.ABANDON): (CALLING, ("stop_repeating",)),
        (CALLING, Input.TRANSPORT_ERROR): (TERMINATED, ("end", "tell_transport_error")),
        (PROCEEDING, Input.PROVISIONAL): (PROCEEDING, ("pass_up",)),
        (PROCEEDING, Input.SUCCESS): (ACCEPTED, ("start_timer_m", "pass_up")),
        (PROCEEDING, Input.FAILURE): (COMPLETED, ("send_ack", "start_timer_d", "pass_up")),
        (PROCEEDING, Input.CANCEL): (PROCEEDING, ("send_cancel",)),
        (PROCEEDING, Input.CANCEL_TIMEOUT): (TERMINATED, ("end", "tell_timeout")),
        (PROCEEDING, Input.ABANDON): (PROCEEDING, ("bound_if_abandoned",)),
        (PROCEEDING, Input.ABANDONED): (TERMINATED, ("end",)),
        (PROCEEDING, Input.TRANSPORT_ERROR): (TERMINATED, ("end", "tell_transport_error")),
        (COMPLETED, Input.FAILURE): (COMPLETED, ("send_ack",)),
        (COMPLETED, Input.SUCCESS): (COMPLETED, ("pass_up",)),
        (COMPLETED, Input.TIMER_D): (TERMINATED, ("end",)),
        (COMPLETED, Input.TRANSPORT_ERROR): (TERMINATED, ("end",)),
        (ACCEPTED, Input.SUCCESS): (ACCEPTED, ("pass_up",)),
        (ACCEPTED, Input.TIMER_M): (TERMINATED, ("end",)),
    }
    REPEAT_INPUT = Input.TIMER_A
    BY_CLASS = (Input.FAILURE, Input.PROVISIONAL, Input.SUCCESS, *[Input.FAILURE] * 4)

    def start(self, now: float) -> None:
        layer, flow = self._layer, self.flow
        timers = layer.timers
        self._start_timers(None if flow.is_reliable else timers.timer_a, timers.timer_b, Input.TIMER_B, now)
        layer.send(self.request.raw, flow, self)

    # actions

    def restart_timer_a(self, message: Any, now: float) -> None:
        self._repeat_in(2 * self._interval, now)

    def start_timer_d(self, message: Any, now: float) -> None:
        self._end_in(0.0 if self.flow.is_reliable else self._layer.timers.timer_d, Input.TIMER_D, now)

    def start_timer_m(self, message: Any, now: float) -> None:
        self._end_at(now + self._layer.timers.timer_m, Input.TIMER_M)

    def send_ack(self, message: Response, now: float) -> None:
        # Built anew for each retransmission: rarer than the memory it would take to keep it.
        self._layer.send(make_ack(self.request, message).raw, self.flow, self)

    def hold_cancel(self, message: Sequence[tuple[str, str]], now: float) -> None:
        """§9.1: no CANCEL before a provisional. The wish, and its first reason, are kept."""
        if self._held_cancel is None:
            self._held_cancel = message

    def do_what_was_held(self, message: Any, now: float) -> None:
        """What was asked for when nobody had responded yet."""
        if self._held_cancel is not None:
            self.send_cancel(self._held_cancel, now)
        if self.abandoned:
            self.bound_if_abandoned(message, now)

    def send_cancel(self, message: Sequence[tuple[str, str]], now: float) -> None:
        if not self.cancel_sent:
            self.cancel_sent = True
            # The peer may know the CANCEL and never end the INVITE (RFC 2543 servers): §9.1 gives it 64*T1.
            self._end_in(self._layer.timers.cancel_timeout, Input.CANCEL_TIMEOUT, now)
            self._layer.start_cancel(make_cancel(self.request, message), self, now)

    def bound_if_abandoned(self, message: Any, now: float) -> None:
        """In Proceeding only the transaction user ends the wait (timer C); of an abandoned one nobody thinks."""
        if self.abandoned and self.due == NEVER:
            self._end_at(self.started_at + ABANDONED_SECONDS, Input.ABANDONED)

    def pass_up(self, message: Response, now: float) -> None:
        if not self.abandoned or message.status < 300:
            self.user.response_received(self, message, now)
