"""What goes wrong in a routing script, told where people look: E_SCRIPT_ERROR with file and line, and the log.

Three things go wrong. A route raises. A route stops the loop, and with it every call (`watchdog`). Or a route waits for
what never comes, such as a web service without a time limit: after its budget the request is answered 500 and the route
ends. The budget is how long anybody waits for the answer: a caller for as long as a call may take to be answered, who
sent another request for 64*T1 (RFC 3261 §17.1.2.2, timer F). A route that has answered, forked or held may take its time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..contract.events import E_LIMIT_HIT, E_SCRIPT_ERROR
from ..errors import line_of
from .running import Runner, place_of

if TYPE_CHECKING:
    from ..proxy.request import ServerRequest
    from ..watchdog import Standstill
    from .environment import Environment
    from .request import RequestContext
    from .route_table import RouteTable

__all__ = ["LOOK_EVERY", "SENDER_WAITS", "Faults"]

SENDER_WAITS = 32.0  # seconds, 64*T1: timer F, after which nobody waits for the answer to a request other than INVITE
LOOK_EVERY = 1.0  # seconds between two looks at routes that wait; none while none waits

log = logging.getLogger("sipcore.script")


class Faults:
    """Tells of the faults of the script of one worker, and ends the routes that are overdue."""

    def __init__(self, environment: Environment, routes: Callable[[], RouteTable], runner: Runner) -> None:
        self._environment = environment
        self._routes = routes
        self._runner = runner
        self._loop = asyncio.get_running_loop()
        self._looking = False

    def raised(self, error: Exception, handle: ServerRequest) -> None:
        """A route has raised this. The line is the script's: deeper frames are those of the words it used."""
        log.error("[%s] routing script: %s: %s", handle.request.call_id, type(error).__name__, error, exc_info=error)
        line = line_of(error, self._routes().file)
        self._tell(line, f"{type(error).__name__}: {error}", handle.call_uid, handle.id)

    def stood_still(self, standstill: Standstill) -> None:
        """The loop goes on after a time in which it served nobody."""
        seconds, place = standstill.seconds, standstill.file
        if place == self._routes().file:
            what = f"{standstill.function} stopped every call of this worker for {seconds:.1f} s"
            self._tell(standstill.line, what)
            return
        log.warning("no call was served for %.1f s: %s", seconds, place or "nobody saw where the loop stood")
        about = {"limit": "milliseconds without serving", "value": round(seconds * 1000)}
        self._environment.routing.raise_event(E_LIMIT_HIT, about)

    def watch(self) -> None:
        """A route has begun to wait: look now and then whether any is overdue, until none waits."""
        if not self._looking:
            self._looking = True
            self._loop.call_later(LOOK_EVERY, self._look)

    def _look(self) -> None:
        self._looking = False
        now, call_seconds = self._loop.time(), self._environment.settings.call_seconds
        overdue = [
            (task, context, budget)
            for task, context, since in self._runner.waiting_since(now - min(SENDER_WAITS, call_seconds))
            if now - since >= (budget := call_seconds if context.method == "INVITE" else SENDER_WAITS)
            and not context.handle.is_settled
        ]
        for task, context, budget in overdue:
            self._end(task, context, budget)
        if self._runner.waiting:
            self.watch()

    def _end(self, task: asyncio.Task[None], context: RequestContext, budget: float) -> None:
        handle, line = context.handle, place_of(task, self._routes().file)
        what = f"the route of {context.method} has waited {budget:.0f} s without answering, forwarding or holding"
        log.error("[%s] routing script, line %d: %s", handle.request.call_id, line, what)
        self._tell(line, what, handle.call_uid, handle.id)
        context.reply(500)
        task.cancel()

    def _tell(self, line: int, what: str, call_uid: str = "", cause_id: str = "") -> None:
        about = {"script": self._routes().name, "line": line, "error": what[:200]}
        self._environment.routing.raise_event(E_SCRIPT_ERROR, about, call_uid=call_uid, cause_id=cause_id)
