"""The loop: network and clock -> core -> script, calls, network.

Everything happens in turns. A turn starts with datagrams, a timer, or a word of a route that had been waiting; it ends
when the core has no more events and nothing more to send. Order matters: an answer is sent before whatever its events
lead to, so that a phone has the 200 to its REGISTER before the INVITE.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any

from .contract.events import E_FLOW_CLOSED, E_FLOW_OPEN, E_TX_CREATED, E_TX_FINAL
from .contract.flow import Flow
from .ebr import EventRouting
from .errors import MalformedMessage, StoreUnavailable, TooLate
from .proxy.core import Outbound
from .proxy.events import (
    Acknowledged,
    DialogEnded,
    FinalSent,
    PhoneAsleep,
    RequestCancelled,
    RequestReceived,
    RequestTerminated,
    TakeoverEnded,
    TargetsFailed,
)
from .proxy.request import ServerRequest
from .script.environment import Environment
from .script.faults import Faults
from .script.registrar_words import RETRY_AFTER
from .script.request import RequestContext
from .script.route_table import RouteTable
from .script.running import Runner
from .syntax import Request, Response

__all__ = ["Driver"]

log = logging.getLogger("sipcore.driver")

MAX_WAITING_ROUTES = 20_000  # routes that wait for something; one more is answered 503
LATE_TURN = 0.05  # seconds; a turn that takes longer holds up every call and is logged


class Driver:
    """Turns the crank of the core and carries out what it says."""

    def __init__(self, environment: Environment, routes: RouteTable, send: Callable[[Outbound], None]) -> None:
        self.routes = routes
        "See `use`."
        self.runner = Runner(limit=MAX_WAITING_ROUTES, failed=self._route_failed, waits=lambda: self.faults.watch())
        self.faults = Faults(environment, lambda: self.routes, self.runner)
        self.late_turns = 0
        self._environment = environment
        self.core = environment.core
        "The proxy core."
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._own_context = copy_context()
        self._pumping = False
        self._scheduled = False
        self._draining = False
        self._takeovers: list[TakeoverEnded] = []
        self._over: list[Callable[[], None]] = []  # calls whose subscriptions end once they have heard of the end
        self._dispatch: dict[type, Callable[[Any], None]] = {
            RequestReceived: self._request_received,
            RequestCancelled: self._request_cancelled,
            FinalSent: self._final_sent,
            RequestTerminated: self._request_terminated,
            TakeoverEnded: self._takeover_ended,
            TargetsFailed: self._targets_failed,
            PhoneAsleep: self._phone_asleep,
            Acknowledged: self._acknowledged,
            DialogEnded: self._dialog_ended,
        }

    @property
    def routing(self) -> EventRouting:
        """The event-based routing of this worker."""
        return self._environment.routing

    def use(self, routes: RouteTable) -> None:
        """Go on with another script; requests in flight finish on the one they began with."""
        self.routes = routes
        self._environment.durables.declare(routes)

    async def prepare(self) -> None:
        """Take up what outlives a worker, before the first request comes."""
        await self._environment.durables.load()

    # From the network.

    def message_received(self, message: Request | Response, flow: Flow) -> None:
        """Take in a message; `pump` follows once for all that arrived together."""
        self.core.receive_message(message, flow, self._loop.time())

    def malformed_received(self, data: bytes, error: MalformedMessage, flow: Flow) -> None:
        """Take in what could not be read."""
        self.core.receive_malformed(data, error, flow, self._loop.time())

    def flow_closed(self, flow: Flow) -> None:
        """A connection is gone."""
        self.core.flow_closed(flow, self._loop.time())
        self.touched()

    def flow_observed(self, flow: Flow, what: str) -> None:
        """A connection is `open`, or was closed, and why; told to those who want to know before anything is done about it."""
        about = {"flow_id": flow.id, "transport": flow.transport, "peer": f"{flow.host}:{flow.port}"}
        if what == "open":
            if self.routing.wants(E_FLOW_OPEN):
                self.routing.tell(E_FLOW_OPEN, about)
        elif self.routing.wants(E_FLOW_CLOSED):
            aors = list(self._environment.location.held_over(flow.connection))
            self.routing.tell(E_FLOW_CLOSED, {**about, "reason": what, "aors": aors})

    def transport_failed(self, transaction: Any) -> None:
        """A message could not be sent."""
        self.core.transport_failed(transaction, self._loop.time())
        self.touched()

    # The turn.

    def touched(self) -> None:
        """The core has been given something to do outside of a turn: make one soon."""
        if not (self._pumping or self._scheduled):
            self._scheduled = True
            self._loop.call_soon(self.pump)

    def pump(self) -> None:
        """One turn, to its end."""
        self._scheduled = False
        if self._pumping:
            return
        self._pumping = True
        started = self._loop.time()
        try:
            self._turn()
        finally:
            self._pumping = False
        took = self._loop.time() - started
        if took > LATE_TURN:
            self.late_turns += 1
            log.warning("a turn took %.0f ms: something blocks, perhaps the routing script", took * 1000)

    def _turn(self) -> None:
        core, tracker, send = self.core, self._environment.tracker, self._send
        dispatch, epoch = self._dispatch, self._environment.epoch()
        while True:
            while (event := core.next_event()) is not None:
                tracker.core_event(event, epoch)
                handler = dispatch.get(type(event))
                if handler is not None:
                    handler(event)
            for outbound in core.messages_to_send():
                send(outbound)
            published = self._publish()
            if self._takeovers:
                self._end_takeovers()
            elif self._over:
                self._end_dialogs()
            elif not published:
                break
        self._rearm()

    def _publish(self) -> bool:
        """Show what has changed; True when its events may have given the core something to do."""
        environment = self._environment
        changes = environment.tracker.drain()
        if changes is None:
            return False
        board = environment.board
        for state in changes.states:
            board.put(state)
        for uid in changes.gone:
            board.remove(uid)
        for record in changes.records:
            board.record(record)
        environment.routing.tell_all(changes.events)
        return bool(changes.events)

    def _end_takeovers(self) -> None:
        """Say how pickups ended, after what the calls themselves had to say about it."""
        ended, self._takeovers = self._takeovers, []
        for event in ended:
            self._environment.pickups.ended(event.request.call_uid, event.token, event.outcome)

    def _end_dialogs(self) -> None:
        """End what was bound to calls that are over, after it has heard how they ended."""
        over, self._over = self._over, []
        for end in over:
            end()

    def _rearm(self) -> None:
        """Have one loop timer for the earliest deadline. One that is too early stays: firing it costs less."""
        due = self.core.get_timer()
        if due is None:
            return
        if self._timer is not None:
            if self._timer_at <= due:
                return
            self._timer.cancel()
        self._timer_at = due
        # Not in the context of whatever led here: a handler's depth of nesting would be that of all that is due later.
        self._timer = self._loop.call_at(due, self._timer_due, context=self._own_context)

    def _timer_due(self) -> None:
        self._timer = None
        # asyncio may call within its clock resolution before the moment asked for; what is due then is due now.
        self.core.handle_timer(max(self._loop.time(), self._timer_at))
        self.pump()

    # What the core says.

    def _request_received(self, event: RequestReceived) -> None:
        handle = event.request
        if self.routing.wants(E_TX_CREATED):
            self._tell_created(handle)
        if self._draining or self.runner.is_full:
            self.core.reply(handle, 503, headers=[("Retry-After", str(RETRY_AFTER))], now=self._loop.time())
            return
        context = RequestContext(self._environment, handle)
        self.runner.run(self._run_route(context), handle.request.call_id, context)

    async def _run_route(self, context: RequestContext) -> None:
        """Run the route of one request; whatever happens in it, the request gets an answer."""
        handle = context.handle
        try:
            await self.routes.route_for(context.method)(context)
        except TooLate:
            return  # the world moved on while the route waited
        except StoreUnavailable:
            context.reply(503, headers=[("Retry-After", str(RETRY_AFTER))])
            return
        except MalformedMessage as error:
            context.reply(error.status_hint or 400, str(error)[:64] or None)
            return
        except Exception as error:
            self.faults.raised(error, handle)
            context.reply(500)
            return
        if handle.context is not None and handle.context.reserved:
            self.core.conclude(handle, now=self._loop.time())
            self.touched()
        if not handle.is_settled:
            self.faults.raised(RuntimeError(f"the route of {context.method} neither answered nor forwarded"), handle)
            context.reply(500)

    def _request_cancelled(self, event: RequestCancelled) -> None:
        self._release(event.request, "cancelled")

    def _tell_created(self, handle: ServerRequest) -> None:
        request = handle.request
        attributes = {
            "tx": handle.id,
            "callid": request.call_id,
            "method": request.method,
            "from_uri": request.from_.uri_text,
            "to_uri": request.to.uri_text,
            "src_ip": handle.flow.host,
        }
        self.routing.tell(E_TX_CREATED, attributes, call_uid=handle.call_uid, cause_id=handle.id)

    def _tell_final(self, event: FinalSent) -> None:
        handle = event.request
        attributes = {
            "tx": handle.id,
            "callid": handle.request.call_id,
            "method": handle.method,
            "code": event.status,
            "reason": event.reason,
            "origin": event.origin,
        }
        self.routing.tell(E_TX_FINAL, attributes, call_uid=handle.call_uid, cause_id=handle.id)

    def _final_sent(self, event: FinalSent) -> None:
        if self.routing.wants(E_TX_FINAL):
            self._tell_final(event)
        user = event.request.user
        if user is not None:
            user.is_answered = event.status < 300
            why = "cancelled" if event.origin == "cancel" else "tx-final"
            user.release(why)
            if not user.is_answered:
                self._over.append(partial(user.dialog_ended, why))
            user.final_sent(event)
            user.ended(event)

    def _request_terminated(self, event: RequestTerminated) -> None:
        self._release(event.request, "gone")
        event.request.user = None

    def _release(self, handle: ServerRequest, why: str) -> None:
        """What was subscribed for a request ends with it."""
        if handle.user is not None:
            handle.user.release(why)

    def _takeover_ended(self, event: TakeoverEnded) -> None:
        self._takeovers.append(event)

    def _phone_asleep(self, event: PhoneAsleep) -> None:
        self.runner.run(self._environment.dialog_waking.wake(event.relay, event.purr), event.relay.request.call_id)

    def _acknowledged(self, event: Acknowledged) -> None:
        self._environment.pickups.ack_received(event.request)

    def _targets_failed(self, event: TargetsFailed) -> None:
        if event.request.user is not None:
            event.request.user.targets_failed(event)

    def _dialog_ended(self, event: DialogEnded) -> None:
        if self._environment.dialogs:
            self._over.append(partial(self._environment.dialogs.ended, event.call_id, event.from_tag))

    # Faults and the end.

    def _route_failed(self, name: str, error: BaseException) -> None:
        if not isinstance(error, TooLate):
            log.error("[%s] %s: %s", name, type(error).__name__, error, exc_info=error)

    async def drain(self, seconds: float) -> None:
        """Refuse new requests with 503, give those under way that long to end, and record the calls that go on without us."""
        self._draining = True
        deadline = self._loop.time() + seconds
        while self.core.open_requests and self._loop.time() < deadline:  # noqa: ASYNC110 - the core has no event for this
            await asyncio.sleep(0.05)
        await self.runner.drain(0.0)
        self._environment.tracker.shut_down(self._environment.epoch())
        self.pump()
