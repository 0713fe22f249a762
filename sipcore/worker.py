"""The one place where things are built and joined: a worker from its configuration, and its life from start to end."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import time
from typing import Any

from .config import WorkerConfig
from .contract.events import E_NODE_DOWN, E_NODE_UP
from .jobs import CeleryJobs
from .script.loader import load_script
from .store import RedisStore
from .transport import Transports

__all__ = ["Ports", "Worker", "assemble", "make_edge"]

log = logging.getLogger("sipcore.worker")

SWEEP_SECONDS = 1.0
DRAIN_SECONDS = 2.0
STORE_WAIT_SECONDS = 30.0  # how long a worker waits for Redis at its start


class Worker:
    """One SIP worker: its sockets, its store, its driver."""

    def __init__(self, config: WorkerConfig) -> None:
        self._config = config
        self._stopping = asyncio.Event()
        self._closed_connections: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        """Start, serve until told to stop (SIGTERM, SIGINT), and end in order."""
        config = self._config
        routes = load_script(config.routes)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)

        self._store = store = RedisStore(config.redis_url, config.worker_id, epoch=time.time)
        store.on_event = self._remote_event
        await store.start(STORE_WAIT_SECONDS)
        secret = await store.shared_secret()
        self._transports = transports = Transports(
            config,
            on_message=lambda message, flow: self._driver.message_received(message, flow),
            on_malformed=lambda data, error, flow: self._driver.malformed_received(data, error, flow),
            on_closed=self._flow_closed,
            on_error=lambda transaction, error: self._driver.transport_failed(transaction),
            after_batch=lambda: self._driver.pump(),
        )
        jobs = CeleryJobs(config.broker_url)
        self._driver = assemble(
            worker=config.worker_id,
            edge=make_edge(config.worker_id, config.advertised, config.domains, secret, config.listening),
            settings=config.script_settings(),
            ports=Ports(store.location, store.directory, store.bus, store.board, jobs),
            routes=routes,
            send=transports.send_outbound,
            secret=secret,
            epoch=time.time,
            is_connected=transports.is_connected,
            socket_of=transports.socket_of,
            global_decline=config.global_decline,
            push_providers=config.push_providers,
        )
        await transports.start()
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        self._raise(E_NODE_UP, {"worker": config.worker_id})
        log.info("listening on %s, serving %s", ", ".join(transports.addresses), ", ".join(config.domains))
        sweeper = loop.create_task(self._sweep())
        try:
            await self._stopping.wait()
        finally:
            sweeper.cancel()
            await self._driver.drain(DRAIN_SECONDS)
            self._raise(E_NODE_DOWN, {"worker": config.worker_id, "why": "shutdown"})
            await transports.close()
            jobs.close()
            await store.close()
