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

if TYPE_CHECKING:
    from sipcore.contract.flow import Flow

    from .layer import TransactionLayer
    from .timers import Timer

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


class Machine:
    """A transaction: where it stands, its two timers, and its table.

    No machine of the RFC ever runs more than two timers: one that repeats (A, E, G) and one that ends a state (all
    others).
    """

    __slots__ = (
        "_ending",
        "_ending_input",
        "_interval",
        "_layer",
        "_repeating",
        "flow",
        "method",
        "request",
        "state",
        "user",
    )

    TABLE: ClassVar[Table] = {}
    REPEATING_INPUT: ClassVar[Input]
    _moves: ClassVar[dict[State, dict[Input, tuple[State, tuple[Action, ...]]]]]

    def __init_subclass__(cls) -> None:
        """Look the actions up once, so that a step costs two dictionary look-ups."""
        cls._moves = {state: {} for state in State}
        for (state, given), (new_state, actions) in cls.TABLE.items():
            cls._moves[state][given] = (new_state, tuple(getattr(cls, name) for name in actions))

    def __init__(self, layer: TransactionLayer, request: Any, flow: Flow, state: State) -> None:
        self._layer = layer
        self.request = request
        self.method: str = request.method
        self.flow = flow
        self.state = state
        self.user: Any = None
        "Left to the transaction user."
        self._repeating: Timer | None = None
        self._ending: Timer | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.method} {self.state}>"

    def step(self, given: Input, now: float, message: Any = None) -> None:
        """Take one input: enter the new state and carry out the actions, or absorb it."""
        move = self._moves[self.state].get(given)
        if move is None:
            return
        self.state, actions = move
        for action in actions:
            action(self, message, now)

    # timers

    def _repeat_in(self, seconds: float, now: float) -> None:
        self._interval = seconds
        self._repeating = self._layer.queue.set(now + seconds, self._repeat)

    def _repeat(self, now: float) -> None:
        self._repeating = None
        self.step(self.REPEATING_INPUT, now)

    def _end_in(self, seconds: float, given: Input, now: float) -> None:
        """Have the state end by `given`; at once when a reliable transport leaves nothing to wait for."""
        if seconds <= 0.0:
            self.step(given, now)
        elif self.state is not State.TERMINATED:
            self._end_at(now + seconds, given)

    def _end_at(self, when: float, given: Input) -> None:
        self._ending_input = given
        self._ending = self._layer.queue.set(when, self._end)

    def _end(self, now: float) -> None:
        self._ending = None
        self.step(self._ending_input, now)

    def stop_repeating(self, message: Any, now: float) -> None:
        if self._repeating is not None:
            self._repeating.cancel()
            self._repeating = None

    def stop_timers(self, message: Any, now: float) -> None:
        if self._repeating is not None:
            self._repeating.cancel()
            self._repeating = None
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
