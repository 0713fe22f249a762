"""What the four state machines share: states, inputs, and the step from one state to the next.

A machine is a class with a TABLE: (state, input) -> (state, actions). Actions are names of methods, carried out in that
order with the message (or whatever came with the input) and the time. A pair that is missing from the table is absorbed:
nothing is sent and nobody is told, as RFC 3261 draws it.

The new state is entered before the actions run, and what tells the transaction user comes where nothing is spoilt by its
calling back: an action list is written so that the machine is consistent at that point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from .timers import NEVER, Timed

if TYPE_CHECKING:
    from sipcore.contract.flow import Flow

    from .layer import TransactionLayer

__all__ = ["Input", "Machine", "State", "Table"]


class State(StrEnum):
    """The states of RFC 3261 §17; Accepted is RFC 6026's."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    TERMINATED = "terminated"


class Input(StrEnum):
    """What may happen to a transaction."""

    # from the network, to a client
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "300-699"
    FINAL = "200-699"
    # from the network, to a server
    REQUEST = "request"
    ACK = "ACK"
    # from the transaction user
    SEND_PROVISIONAL = "send 1xx"
    SEND_SUCCESS = "send 2xx"
    SEND_FAILURE = "send 300-699"
    SEND_FINAL = "send 200-699"
    CANCEL = "cancel"
    ABANDON = "abandon"
    # from the shell
    TRANSPORT_ERROR = "transport error"
    # from the clock
    TIMER_A = "timer A"
    TIMER_B = "timer B"
    TIMER_D = "timer D"
    TIMER_E = "timer E"
    TIMER_F = "timer F"
    TIMER_G = "timer G"
    TIMER_H = "timer H"
    TIMER_I = "timer I"
    TIMER_J = "timer J"
    TIMER_K = "timer K"
    TIMER_L = "timer L"
    TIMER_M = "timer M"
    CANCEL_TIMEOUT = "64*T1 after CANCEL"
    ABANDONED = "end of an abandoned INVITE"


Table = Mapping[tuple[State, Input], tuple[State, tuple[str, ...]]]
Action = Callable[[Any, Any, float], None]


class Machine(Timed):
    """A transaction: where it stands, what it waits for, and its table.

    The RFC gives each state at most one timer that ends it, and beside it at most one that repeats (A, E, G). It waits for
    whichever comes first; when they coincide the state ends.

    The slots are those of ClientTransaction and ServerTransaction.
    """

    __slots__ = ()

    TABLE: ClassVar[Table] = {}
    INITIAL: ClassVar[State]
    BY_CLASS: ClassVar[tuple[Input, ...]]
    "The input that a response is, by the first digit of its status: received by a client, sent by a server."
    REPEAT_INPUT: ClassVar[Input]
    _moves: ClassVar[dict[State, dict[Input, tuple[State, tuple[Action, ...]]]]]

    flow: Flow
    method: str
    state: State
    user: Any
    "Left to the transaction user."
    _layer: TransactionLayer
    _interval: float
    "Seconds to the next repetition, since the last; as long as something is repeated."
    _ends_at: float
    _end_input: Input

    def __init_subclass__(cls) -> None:
        """Look the actions up once, so that a step costs two dictionary look-ups."""
        cls._moves = {state: {} for state in State}
        for (state, given), (new_state, actions) in cls.TABLE.items():
            cls._moves[state][given] = (new_state, tuple(getattr(cls, name) for name in actions))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.method} {self.state}>"

    def step(self, given: Input, now: float, message: Any = None) -> None:
        """Take one input: enter the new state and carry out the actions, or absorb it."""
        try:
            self.state, actions = self._moves[self.state][given]
        except KeyError:
            return
        for action in actions:
            action(self, message, now)

    # timers

    def _end_in(self, seconds: float, given: Input, now: float) -> None:
        """Have the state end by `given`, whatever the state before waited for; at once when there is nothing to wait for,
        as over a reliable transport."""
        if seconds <= 0.0:
            self.step(given, now)
        elif self.state is not State.TERMINATED:
            self._end_at(now + seconds, given)

    def _end_at(self, when: float, given: Input) -> None:
        self._ends_at = when
        self._end_input = given
        self._layer.queue.set(self, when)

    def _start_timers(self, interval: float | None, seconds: float, given: Input, now: float) -> None:
        """Have the state end by `given`, and REPEAT_INPUT come after `interval`, if there is one."""
        self._ends_at = when = now + seconds
        self._end_input = given
        if interval is not None:
            self._interval = interval
            when = min(now + interval, when)
        self._layer.queue.set(self, when)

    def _repeat_in(self, interval: float, now: float) -> None:
        self._interval = interval
        self._layer.queue.set(self, min(now + interval, self._ends_at))

    def time_reached(self, now: float) -> None:
        self.step(self._end_input if now >= self._ends_at else self.REPEAT_INPUT, now)

    def stop_timer(self, message: Any, now: float) -> None:
        if self.due != NEVER:
            self._layer.queue.cancel(self)
