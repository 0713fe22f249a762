"""An event loop whose time jumps: a test may wait for hours and take none.

    from sipcore.testing.clock import run, settle

    async def scenario():
        loop = asyncio.get_running_loop()
        started = loop.time()
        await asyncio.sleep(20)
        assert loop.time() == started + 20

    run(scenario())

Whenever nothing is ready to run, time jumps to the next timer. Sockets and threads work, but time does not wait for them
while a timer is set: this loop is for code that is driven by timers and by itself.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["Stuck", "VirtualLoop", "run", "settle"]

T = TypeVar("T")

START = 1000.0
"Where time starts: not 0, so that a zero that means `not yet` is not taken for a moment, nor the other way round."

LIMIT = 7 * 24 * 3600.0
"How much virtual time may pass: a scenario that waits for what never comes must not spin on its heartbeats for ever."

PATIENCE = 2.0
"Real seconds to wait for a thread or a socket when no timer is set, before the loop says that it is stuck."


class Stuck(AssertionError):
    """The scenario waits for something that nothing can bring about any more."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop in which time passes only while there is nothing else to do."""

    def __init__(self, start: float = START, limit: float = LIMIT) -> None:
        self._now = start
        self._latest = start + limit
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        """Let time pass. Rounded to nanoseconds, so that sums of round figures stay round."""
        self._now = round(self._now + seconds, 9)
        if self._now > self._latest:
            raise Stuck(f"{self._now - START:.0f} s have passed and the scenario has not ended")


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            events = super().select(PATIENCE)
            if not events:
                raise Stuck("nothing is ready to run and no timer is set")
            return events
        events = super().select(0)
        if not events and timeout > 0:
            self._loop.jump(timeout)
        return events


def run(scenario: Coroutine[Any, Any, T], *, start: float = START) -> T:
    """Run a coroutine to its end on a loop of its own, and return its result.

    Tasks that are left when it ends are cancelled, as by `asyncio.run`.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(start)) as runner:
        return runner.run(scenario)


async def settle() -> None:
    """Return once everything that is ready has run, and what that made ready; a microsecond passes."""
    await asyncio.sleep(0.000001)
