"""All stream connections of a worker: found by name or by peer, made when there is none, bounded, swept."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

from ..contract.flow import Flow
from .arrival import Arrival
from .limits import TransportLimits
from .stream import StreamConnection

__all__ = ["Connections", "Observed"]

Observed = Callable[[Flow, str], None]
"Told that a connection is `open`, and why it was closed: peer, timeout, error, idle or shutdown."


class Connections:
    """The connections of one stream transport, accepted and made."""

    def __init__(
        self,
        transport_name: str,
        loop: asyncio.AbstractEventLoop,
        arrival: Arrival,
        after_batch: Callable[[], None],
        on_closed: Callable[[Flow], None],
        failed: Callable[[Any, OSError], None],
        limits: TransportLimits,
        local_host: str | None = None,
        run: str = "",
        elsewhere: Callable[[bytes, Flow, Any], bool] | None = None,
        observed: Observed = lambda flow, what: None,
    ) -> None:
        self._transport_name = transport_name
        self._loop = loop
        self._arrival = arrival
        self._after_batch = after_batch
        self._on_closed = on_closed
        self._observed = observed
        self._failed = failed
        self._limits = limits
        self._local_host = local_host
        self._by_name: dict[str, StreamConnection] = {}
        self._by_peer: dict[tuple[str, int], StreamConnection] = {}
        self._making: dict[StreamConnection, tuple[str, int]] = {}
        self._per_host: Counter[str] = Counter()
        self._run = run or secrets.token_hex(4)
        self._elsewhere = elsewhere
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper = loop.call_later(limits.sweep_seconds, self._sweep)
        self._none_left = asyncio.Event()
        self.refused = 0
        "Connections over a limit."

    def __len__(self) -> int:
        return len(self._by_name) + len(self._making)

    def accept(self) -> StreamConnection:
        """The protocol of one accepted connection; for `loop.create_server`."""
        return self._new()

    def find(self, flow: Flow) -> StreamConnection | None:
        """The connection a flow names, or when it names none, the latest one to its peer."""
        if flow.connection:
            return self._by_name.get(flow.connection)
        return self._by_peer.get((flow.host, flow.port))

    def send(self, data: bytes, flow: Flow, transaction: Any) -> None:
        """Send over the connection of `flow`, whose host is numeric; one is made when it names none and there is none."""
        connection = self.find(flow)
        if connection is None:
            if flow.connection:
                if self._elsewhere is not None and self._elsewhere(data, flow, transaction):
                    return
                self._loop.call_soon(self._failed, transaction, ConnectionResetError("that connection is gone"))
                return
            if len(self) >= self._limits.connections:
                self._loop.call_soon(self._failed, transaction, OSError("there are too many connections"))
                return
            connection = self._make(flow.host, flow.port)
        connection.send(data, transaction)

    def _new(self) -> StreamConnection:
        return StreamConnection(
            f"{self._run}-{next(self._numbers):x}",
            self._transport_name,
            self,
            self._arrival,
            self._after_batch,
            self._failed,
            self._limits,
            loop=self._loop,
        )

    def _make(self, host: str, port: int) -> StreamConnection:
        connection = self._new()
        self._making[connection] = (host, port)
        self._by_peer[host, port] = connection
        task = self._loop.create_task(self._connect(connection, host, port))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return connection

    async def _connect(self, connection: StreamConnection, host: str, port: int) -> None:
        local = (self._local_host, 0) if self._local_host else None
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                await self._loop.create_connection(lambda: connection, host, port, local_addr=local)
        except TimeoutError:
            connection.could_not_connect(TimeoutError("the connection could not be made in time"))
        except OSError as error:
            connection.could_not_connect(error)
        except asyncio.CancelledError:
            connection.could_not_connect(ConnectionAbortedError("the worker is ending"))
            raise

    # Called by connections.

    def opened(self, connection: StreamConnection) -> bool:
        """Enter an open connection into the tables; False when there are too many."""
        flow = connection.flow
        made_to = self._making.pop(connection, None)
        if made_to is None and (
            len(self) >= self._limits.connections or self._per_host[flow.host] >= self._limits.connections_per_host
        ):
            self.refused += 1
            if not self._per_host[flow.host]:
                del self._per_host[flow.host]
            return False
        self._by_name[flow.connection] = connection
        self._by_peer[made_to or (flow.host, flow.port)] = connection
        self._per_host[flow.host] += 1
        self._observed(flow, "open")
        return True

    def closed(self, connection: StreamConnection) -> None:
        """Take a connection out of the tables, and tell about it if it was ever open."""
        flow = connection.flow
        made_to = self._making.pop(connection, (flow.host, flow.port))
        if self._by_peer.get(made_to) is connection:
            del self._by_peer[made_to]
        if self._by_name.pop(flow.connection, None) is None:
            return
        self._per_host[flow.host] -= 1
        if not self._per_host[flow.host]:
            del self._per_host[flow.host]
        if not self._by_name:
            self._none_left.set()
        self._observed(flow, connection.why_closed)
        self._on_closed(flow)

    def _sweep(self) -> None:
        now = self._loop.time()
        for connection in list(self._by_name.values()):
            if connection.is_overdue(now):
                connection.abort("idle")
        self._sweeper = self._loop.call_later(self._limits.sweep_seconds, self._sweep)

    async def close(self) -> None:
        """Close all, with a moment for what has been written."""
        self._sweeper.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self._by_name.values()):
            connection.close("shutdown")
        if self._by_name:
            self._none_left.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._none_left.wait(), self._limits.close_seconds)
        for connection in list(self._by_name.values()):
            connection.abort()
