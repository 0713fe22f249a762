"""A worker with nothing but its store and its event-based routing, on a loop of its own thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from sipcore.contract.events import Event
from sipcore.contract.records import from_dict
from sipcore.ebr import EventRouting, Inspection, Subscription, compile_conditions
from sipcore.store.redis_store import RedisStore
from sipcore.tokens import event_ids

__all__ = ["RoutingWorker"]


class RoutingWorker:
    """The real routing, inspection and store; what a phone would cause, the test raises itself."""

    def __init__(self, url: str, name: str = "w1") -> None:
        self.name = name
        self.handled: list[Event] = []
        "What routes were run for."
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()
        self._tasks: set[asyncio.Task] = set()
        self.call(self._start, url)

    def call(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a function, or a coroutine function, on the worker's loop and return what it returns."""

        async def called() -> Any:
            result = function(*arguments, **options)
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result(10)

    def subscribe(self, events: Any, filter: Any, seconds: float = 20.0, **options: Any) -> Subscription:
        """Subscribe a route that writes down what it is run for."""

        def fork_call(event: Event, bound_to: object) -> None:
            self.handled.append(event)

        return self.call(self.routing.notify_on_event, events, filter, fork_call, seconds, **options)

    def raise_event(self, name: str, **attributes: Any) -> Event:
        return self.call(self.routing.raise_event, name, attributes)

    def stall(self, seconds: float) -> None:
        """Hold the loop up, as a script that blocks does."""
        self._loop.call_soon_threadsafe(time.sleep, seconds)

    def close(self) -> None:
        self.call(self.store.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _start(self, url: str) -> None:
        def deliver(subscription_id: str, event: Event) -> bool:
            return self.routing.deliver(subscription_id, event)

        self.store = RedisStore(url, self.name, time.time, compile_conditions=compile_conditions, deliver=deliver)
        assert await self.store.start()
        loop = asyncio.get_running_loop()
        ids = event_ids(self.name, time.time)
        self.routing = EventRouting(self.store.event_bus, self.name, ids, loop.time, time.time, self._run, loop.call_at)
        self.store.inbox.on("raised", lambda message: self.routing.receive(from_dict(Event, message["event"])))
        for question, answer in Inspection(self.routing, loop.time).answers.items():
            self.store.inquiries.on(question, answer)

    def _run(self, coroutine: Any) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
