"""The one place where things are built and joined: a worker from its configuration, and its life from start to end."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from .assembly import Ports, assemble, make_edge
from .config import WorkerConfig
from .contract.events import (
    E_NODE_DOWN,
    E_NODE_UP,
    E_SCRIPT_ERROR,
    E_UL_CONTACT_INSERT,
    E_UL_CONTACT_UPDATE,
    Event,
)
from .contract.flow import Flow
from .contract.keys import DIRECTORY_CHANGED, PUSH_SEALING_KEY
from .contract.location import Binding, BindingChanges
from .contract.records import from_dict
from .ebr import Inspection, compile_conditions
from .errors import ScriptError, StoreUnavailable
from .jobs import CeleryJobs
from .registrar import drop_connection, expire
from .script.contact_events import announce
from .script.last_good import LastGood
from .script.transaction import TransactionRef
from .sealing import Sealer
from .siblings import Errand, Handover, SiblingLink
from .store.redis_store import RedisStore
from .transport import Transports
from .watchdog import Watchdog

__all__ = ["Worker"]

log = logging.getLogger("sipcore.worker")

SWEEP_SECONDS = 1.0  # how late an expired binding may be announced
DRAIN_SECONDS = 2.0  # that calls under way have to end, when the worker is told to stop
STORE_WAIT_SECONDS = 30.0  # that a worker waits for Redis at its start: without the shared secret it cannot sign


class Worker:
    """One SIP worker: its sockets, its store, its driver."""

    def __init__(self, config: WorkerConfig) -> None:
        self._config = config
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_serving = False
        self._sealer = Sealer()
        self._handover: Handover | None = None
        "What goes between workers behind one port; None without siblings."
        self._link: SiblingLink | None = None

    async def run(self) -> None:
        """Start, serve until told to stop (SIGTERM, SIGINT), and end in order.

        Raises ConfigurationError, ScriptError or StoreUnavailable when it cannot start.
        """
        config = self._config
        self._script = LastGood(config.routes, config.kept_routes)
        routes, fault = self._script.load_at_start()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

        store = self._store = RedisStore(
            config.redis_url,
            config.worker_id,
            time.time,
            compile_conditions=compile_conditions,
            deliver=lambda subscription_id, event: self._driver.routing.deliver(subscription_id, event),
            facts=self._facts,
            worker_lost=lambda name: self._raise(E_NODE_DOWN, {"worker": name, "why": "lost"}),
            look_again=self._look_again,
            retention=config.retention,
        )
        if not await store.start(STORE_WAIT_SECONDS):
            await store.close()
            raise StoreUnavailable(f"REDIS_URL: no answer within {STORE_WAIT_SECONDS:.0f} seconds")
        secret = await store.heartbeat.shared_secret()
        await self._read_sealing_key()
        jobs = CeleryJobs(config.broker_url, seal=self._sealer.seal)
        jobs.start()
        transports = self._transports = Transports(
            config,
            # With siblings there is a handover before the first message comes.
            on_message=(lambda message, flow: self._handover.message_received(message, flow))  # type: ignore[union-attr]
            if config.share_port
            else (lambda message, flow: self._driver.message_received(message, flow)),
            on_malformed=lambda data, error, flow: self._driver.malformed_received(data, error, flow),
            on_closed=self._flow_closed,
            observed=lambda flow, what: self._driver.flow_observed(flow, what),
            on_error=self._unsent,
            after_batch=lambda: self._driver.pump(),
            elsewhere=lambda data, flow, transaction: (
                self._handover is not None and self._handover.send(data, flow, transaction)
            ),
        )
        self._driver = assemble(
            worker=config.worker_id,
            edge=make_edge(
                config.worker_id,
                config.advertised,
                config.domains,
                secret,
                config.listening,
                is_shared=config.share_port,
            ),
            settings=config.script_settings(),
            ports=Ports(store.location, store.directory, store.event_bus, store.call_board, jobs, store.durables),
            routes=routes,
            send=transports.send_outbound,
            secret=secret,
            epoch=time.time,
            aliases=config.aliases,
            is_connected=self._is_connected,
            socket_of=transports.socket_of,
            global_decline=config.global_decline,
            push_providers=config.push_providers,
            vapid=config.vapid,
        )
        store.inbox.on("raised", lambda message: self._driver.routing.receive(from_dict(Event, message["event"])))
        for question, answer in Inspection(self._driver.routing, loop.time).answers.items():
            store.inquiries.on(question, answer)
        store.inbox.listen(DIRECTORY_CHANGED, self._directory_changed)
        if config.share_port:
            await self._meet_siblings()
        await self._driver.prepare()
        await transports.start()
        self._is_serving = True
        _tame_collector()
        self._raise(E_NODE_UP, {"worker": config.worker_id})
        if fault is not None:
            log.error("the routing script was not loaded, the one that was good last is in force: %s", fault)
            self._tell_fault(fault)
        log.info("listening on %s, serving %s", ", ".join(transports.addresses), ", ".join(config.domains))
        self._spawn(self._sweep())
        watchdog = Watchdog(
            loop.call_soon_threadsafe, self._driver.faults.stood_still, script=lambda: self._driver.routes.file
        )
        watchdog.start()
        try:
            await self._stopping.wait()
        finally:
            watchdog.stop()
            await self._driver.drain(DRAIN_SECONDS)
            self._raise(E_NODE_DOWN, {"worker": config.worker_id, "why": "shutdown"})
            for task in self._tasks:
                task.cancel()
            await transports.close()
            if self._link is not None:
                self._link.close()
            await asyncio.to_thread(jobs.close)
            await store.close()

    async def _meet_siblings(self) -> None:
        """Find the other workers behind this port, before anything of theirs can arrive here."""
        handover = self._handover = Handover(
            self._config.worker_id,
            self._driver,
            post=lambda name, frame: link.post(name, frame),
            send=self._transports.send,
            clock=asyncio.get_running_loop().time,
        )
        link = self._link = SiblingLink(
            self._config.siblings,
            self._config.worker_id,
            self._transports.run,
            joined=handover.joined,
            left=handover.left,
            received=handover.frame_received,
            after_batch=self._driver.pump,
        )
        await link.start()

    def _is_connected(self, flow: Flow) -> bool:
        return self._transports.is_connected(flow) or (self._handover is not None and self._handover.holds(flow))

    def _unsent(self, transaction: Any, error: Exception) -> None:
        """What was sent with that transaction, ours or a sibling's, did not go."""
        if self._handover is not None and isinstance(transaction, Errand):
            self._handover.failed(transaction)
        else:
            self._driver.transport_failed(transaction)

    def _raise(self, name: str, attributes: dict[str, Any]) -> None:
        self._driver.routing.raise_event(name, attributes)

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._spawned_ended)

    def _spawned_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: %s", type(error).__name__, error, exc_info=error)

    def _facts(self) -> dict[str, str | int | float]:
        """What people see of this worker beside its heartbeat."""
        if not self._is_serving:
            return {}
        driver = self._driver
        return {
            "addresses": " ".join(self._transports.addresses),
            "requests": driver.core.open_requests,
            "branches": driver.core.open_branches,
            "subscriptions": driver.routing.count,
            "connections": self._transports.connection_count,
            "late_turns": driver.late_turns,
            "events_waiting": self._store.event_bus.log.waiting,
            "events_lost": self._store.event_bus.dropped,
        }

    # The routing script.

    def _reload(self) -> None:
        """Load the script again; one with a fault leaves the old one in place."""
        if not self._is_serving:
            return  # it has just been loaded
        try:
            self._driver.use(self._script.load())
        except ScriptError as error:
            log.error("the routing script was not reloaded: %s", error)
            self._tell_fault(error)
        else:
            log.info("the routing script was reloaded")

    def _tell_fault(self, fault: ScriptError) -> None:
        about = {"script": self._config.routes.name, "line": fault.line, "error": fault.message[:200]}
        self._raise(E_SCRIPT_ERROR, about)

    # Bindings that end otherwise than by REGISTER.

    async def _sweep(self) -> None:
        """Announce bindings that have expired."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if not self._sealer.has_key:
                await self._read_sealing_key()
            epoch = time.time()
            for aor in list(self._store.location.expired(epoch)):
                await self._change(aor, partial(_without_expired, aor))

    def _flow_closed(self, flow: Flow) -> None:
        """A connection is gone: so are the bindings that are reached over it, and no other."""
        self._driver.flow_closed(flow)
        if self._handover is not None:
            self._handover.connection_closed(flow)
        for aor in list(self._store.location.held_over(flow.connection)):
            self._spawn(self._change(aor, partial(self._without_connection, flow.connection, aor)))

    def _without_connection(self, connection: str, aor: str, current: Sequence[Binding]) -> BindingChanges:
        return drop_connection(aor, current, connection, worker=self._config.worker_id)

    def _directory_changed(self, message: bytes) -> None:
        """A subscriber who was deleted or suspended keeps no bindings."""
        kind, _, aor = message.decode(errors="replace").partition(":")
        if kind == "sub":
            self._spawn(self._drop_if_gone(aor))
        elif kind in ("all", "push-key"):
            self._spawn(self._read_sealing_key())

    async def _read_sealing_key(self) -> None:
        """Seal push tokens for the key that the web side has published."""
        with suppress(StoreUnavailable):  # then the last one is as good as ever, and it is looked for again
            published = await self._store.pipe.execute("GET", PUSH_SEALING_KEY)
            self._sealer.use((published or b"").decode(errors="replace"))

    async def _drop_if_gone(self, aor: str) -> None:
        try:
            subscriber = await self._store.directory.subscriber(aor)
        except StoreUnavailable:
            return  # what was said is read again after the reconnect
        if subscriber is None or not subscriber.enabled:
            await self._change(
                aor, lambda current: BindingChanges(aor, (), removed=tuple(current), removed_reason="admin")
            )

    async def _change(self, aor: str, change: Callable[[Sequence[Binding]], BindingChanges]) -> None:
        try:
            changes = await self._store.location.update(aor, change)
        except StoreUnavailable:
            return  # the sweeper comes again; the store forgets expired bindings by itself
        announce(self._driver.routing, changes, time.time())

    # After Redis was away, or another worker has come.

    def _look_again(self) -> None:
        """What was said before subscriptions could be found is lost, so look for each call that waits (ADR 9)."""
        if not self._is_serving:
            return
        for subscription in self._driver.routing.live():
            aor = next((c.value for c in subscription.record.conditions if c.key == "aor" and c.operator == "eq"), None)
            waits = {E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE} & set(subscription.record.events)
            call = subscription.owner.bound_to
            if waits and isinstance(aor, str) and isinstance(call, TransactionRef):
                self._spawn(self._look_for(call, aor, subscription.record.created_at))

    async def _look_for(self, call: TransactionRef, aor: str, since: float) -> None:
        bindings = await self._store.location.lookup(aor, fresh=True)
        call.inject_branches([binding for binding in bindings if binding.refreshed_at >= since])


def _without_expired(aor: str, current: Sequence[Binding]) -> BindingChanges:
    return expire(aor, current, time.time())


def _tame_collector() -> None:
    """Keep the collector off what lives for ever, and rare: transactions have no cycles to find.

    An operator's script may make some, and so does each exception that is kept: the middle generation is looked through
    after 100 000 objects more than were let go of, which takes ten milliseconds and bounds what lies about to some 20 MB.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 5, 50)
