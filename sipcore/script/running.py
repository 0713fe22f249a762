"""Running routes: in the turn that started them for as long as they need not wait, and later on when they may go on.

Most routes never wait, since directory, bindings and credentials are in memory; a task and its two loop turns cost more
than the route itself. One that waits for the store alone goes on as soon as that answers (`Awaited`). What waits for
anything else is wrapped in a task.

A route that has not waited for anything else yet runs outside any task: `asyncio.timeout()` cannot be used before that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextvars import Context, copy_context
from functools import partial
from typing import Any

from ..awaiting import Awaited

__all__ = ["Runner", "place_of"]

POLL = 0.01  # seconds between two looks at what a drain waits for


class Runner:
    """Owns every route that is running, so that none is lost and all can be waited for."""

    def __init__(
        self,
        *,
        limit: int,
        failed: Callable[[str, BaseException], None],
        waits: Callable[[], None] = lambda: None,
    ) -> None:
        self._limit = limit
        self._failed = failed
        self._waits = waits
        self._awaited: set[Awaited] = set()
        self._tasks: dict[asyncio.Task[None], tuple[float, Any]] = {}
        "Since when each runs, and for whom; oldest first."

    @property
    def waiting(self) -> int:
        """How many routes wait for something right now."""
        return len(self._tasks) + len(self._awaited)

    @property
    def is_full(self) -> bool:
        """Whether a further route has to be refused (503)."""
        return len(self._tasks) + len(self._awaited) >= self._limit

    def run(self, coroutine: Coroutine[Any, Any, Any], name: str = "", on_behalf_of: Any = None) -> None:
        """Run until the first wait, and the rest when that is over. What it raises goes to `failed(name, error)`.

        `waits` is told when it waits for anything but the store, which has a time limit of its own; `waiting_since` finds it
        when it runs on behalf of somebody.
        """
        # A context of its own from the first step on: what it sets in there must neither outlive it nor be lost when it
        # goes on.
        self._step(coroutine, name, on_behalf_of, copy_context())

    def _step(self, coroutine: Coroutine[Any, Any, Any], name: str, on_behalf_of: Any, context: Context) -> None:
        try:
            awaited = context.run(coroutine.send, None)
        except (StopIteration, asyncio.CancelledError):
            return
        except Exception as error:
            self._failed(name, error)
            return
        if awaited.__class__ is Awaited:
            self._awaited.add(awaited)
            awaited.then(partial(self._go_on, coroutine, name, on_behalf_of, context))
            return
        loop = asyncio.get_running_loop()
        task = loop.create_task(_Rest(coroutine, awaited), name=name, context=context)
        self._tasks[task] = (loop.time(), on_behalf_of)
        task.add_done_callback(self._ended)
        self._waits()

    def waiting_since(self, moment: float) -> Iterator[tuple[asyncio.Task[None], Any, float]]:
        """Routes on behalf of somebody that have waited from before that moment: task, for whom, since when."""
        for task, (since, on_behalf_of) in self._tasks.items():
            if since > moment:
                return
            if on_behalf_of is not None:
                yield task, on_behalf_of, since

    def _go_on(
        self, coroutine: Coroutine[Any, Any, Any], name: str, on_behalf_of: Any, context: Context, awaited: Awaited
    ) -> None:
        self._awaited.discard(awaited)
        self._step(coroutine, name, on_behalf_of, context)

    async def drain(self, seconds: float) -> int:
        """Wait for the running routes, cancel what is left, and return how many that were."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self.waiting and loop.time() < deadline:  # noqa: ASYNC110 - routes end in two ways, and this is the end
            await asyncio.sleep(POLL)
        left: list[Awaited | asyncio.Task[None]] = [*self._awaited, *(task for task in self._tasks if not task.done())]
        for each in left:
            each.cancel()
        return len(left)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(task.get_name(), error)


def place_of(task: asyncio.Task[None], file: str) -> int:
    """The line of that file at which a route waits, 0 when it waits elsewhere."""
    rest, line = task.get_coro(), 0
    awaited: Any = rest._coroutine if isinstance(rest, _Rest) else rest
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None)
        if frame is not None and frame.f_code.co_filename == file:
            line = frame.f_lineno
        awaited = getattr(awaited, "cr_await", None)
    return line


class _Rest(Coroutine[Any, Any, None]):
    """The rest of a coroutine that has been started by hand and has yielded once, as a coroutine for a task.

    From its second step on the task speaks to the coroutine itself.
    """

    __slots__ = ("_awaited", "_coroutine", "send", "throw")

    send: Callable[[Any], Any]
    throw: Callable[..., Any]

    def __init__(self, coroutine: Coroutine[Any, Any, Any], awaited: Any) -> None:
        self._coroutine = coroutine
        self._awaited = awaited
        self.send = self._first
        self.throw = coroutine.throw

    def _first(self, value: None) -> Any:
        self.send = self._coroutine.send
        return self._awaited

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._coroutine.__await__()
