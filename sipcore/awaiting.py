"""Waiting for one thing, once: what a future of asyncio does, without a task around it.

A route that waits for Redis is most of what a registrar does. With a future it needs a task, a set to hold it, and two
turns of the loop after the answer has come; here the answer itself runs the route on. A task may wait as well: it takes
an Awaited for a future, as it does with anything that behaves like one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from functools import partial
from typing import Any

__all__ = ["Awaited"]


class Awaited:
    """A future for one who awaits it: settled once, and whoever waits is called back at once if he can bear that."""

    __slots__ = ("_asyncio_future_blocking", "_error", "_is_done", "_then", "_value")

    def __init__(self) -> None:
        self._asyncio_future_blocking = False
        self._is_done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._then: Callable[[Awaited], object] | None = None

    def __await__(self) -> Generator[Any, None, Any]:
        if not self._is_done:
            self._asyncio_future_blocking = True
            yield self
        return self.result()

    def then(self, go_on: Callable[[Awaited], object]) -> None:
        """Have this called in the very step that settles it; it is not settled yet."""
        self._then = go_on

    # As a future of asyncio.

    def done(self) -> bool:
        """Whether it is settled."""
        return self._is_done

    def set_result(self, value: Any) -> None:
        """What was waited for is there."""
        self._value = value
        self._is_done = True
        if self._then is not None:
            self._then(self)

    def set_exception(self, error: BaseException) -> None:
        """It will not be there; the error is raised where it is awaited."""
        self._error = error
        self.set_result(None)

    def result(self) -> Any:
        """What it was settled with; raises what it failed with."""
        if self._error is not None:
            raise self._error
        return self._value

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Context | None = None) -> None:
        """Call back in a turn of its own: a task cannot go on in the middle of another."""
        call_soon: Callable[..., object] = asyncio.get_running_loop().call_soon
        self._then = partial(call_soon, callback, context=context)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop on which it is awaited."""
        return asyncio.get_running_loop()

    def cancel(self, msg: str | None = None) -> bool:
        """Have whoever waits cancelled; False when it is settled."""
        if self._is_done:
            return False
        self.set_exception(asyncio.CancelledError())
        return True
