"""One stream connection: framing, keep-alives, bounds. TCP as it stands; TLS and WebSocket differ in how it is opened and
in what frames its octets, not in this."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Protocol

from ..contract.flow import Flow
from ..errors import MalformedMessage
from ..syntax.framing import PING, StreamFramer
from .arrival import Arrival
from .limits import TransportLimits

__all__ = ["Framer", "StreamConnection", "StreamOwner"]

PONG = b"\r\n"
"RFC 5626 §4.4.1: the answer to a ping."
SILENCE_SECONDS = 120
"Before the kernel asks an idle peer whether it is there; mobile NATs forget sooner, and answer nothing then."
DEAD_MILLISECONDS = 32_000
"64*T1: written octets that are not acknowledged for so long will not be read."
MAX_UNCONFIRMED = 256
"Transactions remembered on a connection that the peer has not yet used."


class Framer(Protocol):
    """What cuts a stream into messages; RFC 7118 would bring another one."""

    error: MalformedMessage | None

    @property
    def pending(self) -> int: ...
    def feed(self, data: bytes) -> list[bytes]: ...


class StreamOwner(Protocol):
    """Whom a connection tells about its life."""

    def opened(self, connection: StreamConnection) -> bool: ...
    def closed(self, connection: StreamConnection) -> None: ...


class StreamConnection(asyncio.Protocol):
    """An accepted connection, or one being made: what is sent before it is open waits, within bounds."""

    def __init__(
        self,
        name: str,
        transport_name: str,
        owner: StreamOwner,
        arrival: Arrival,
        after_batch: Callable[[], None],
        failed: Callable[[Any, OSError], None],
        limits: TransportLimits,
        *,
        loop: asyncio.AbstractEventLoop,
        framer: Framer | None = None,
    ) -> None:
        self.flow = Flow(transport_name, "", 0, name)
        "Where messages of this connection come from; the peer is filled in once it is open."
        self.is_open = False
        self.why_closed = ""
        "peer, timeout, error, idle or shutdown, once it has been."
        self.last_sign = loop.time()
        "Loop seconds of the last octets received."
        self._incomplete_since: float | None = self.last_sign
        self._owner = owner
        self._arrival = arrival
        self._after_batch = after_batch
        self._failed = failed
        self._limits = limits
        self._loop = loop
        self._framer: Framer = framer or StreamFramer()
        self._transport: asyncio.Transport | None = None
        self._waiting: list[bytes] = []
        self._unconfirmed: list[Any] | None = []
        self._was_closed = False

    def __repr__(self) -> str:
        return f"<StreamConnection {self.flow.connection} {self.flow.host}:{self.flow.port}>"

    # Called by the loop.

    def connection_made(self, transport: Any) -> None:
        # An asyncio.Transport, though asyncio says only BaseTransport, and uvloop's is no subclass of either.
        peer = transport.get_extra_info("peername")
        self._transport = transport
        if peer is None or self._was_closed:  # gone before it was accepted, or given up before it was made
            transport.abort()
            return
        self.flow = self.flow._replace(host=peer[0].removeprefix("::ffff:"), port=peer[1])
        if not self._owner.opened(self):
            transport.abort()
            return
        _notice_dead_peers(transport.get_extra_info("socket"))
        self.is_open = True
        for data in self._waiting:
            self._write(data)
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        self.last_sign = self._loop.time()
        self._unconfirmed = None
        framer = self._framer
        try:
            messages = framer.feed(data)
        except MalformedMessage:
            messages = []
        for message in messages:
            if message == PING:
                self._write(PONG)
            else:
                self._arrival.received(message, self.flow)
        if framer.error is not None:
            self._arrival.broken(framer.error, self.flow)
            self.close()
        if not framer.pending:
            self._incomplete_since = None
        elif messages or self._incomplete_since is None:
            self._incomplete_since = self.last_sign
        self._after_batch()

    def connection_lost(self, exc: Exception | None) -> None:
        by_peer = exc is None or isinstance(exc, ConnectionError)  # a FIN or a RST, both are his
        self._closing("peer" if by_peer else "timeout" if isinstance(exc, TimeoutError) else "error")
        self._end(exc if isinstance(exc, OSError) else ConnectionResetError("the connection was closed"))

    # Called by the owner.

    def send(self, data: bytes, transaction: Any) -> None:
        """Write, or keep until the connection is open. A failure is reported later, never from within."""
        if self._was_closed:
            self._loop.call_soon(self._failed, transaction, ConnectionResetError("the connection was closed"))
            return
        if self._unconfirmed is not None and len(self._unconfirmed) < MAX_UNCONFIRMED:
            self._unconfirmed.append(transaction)
        if self.is_open:
            self._write(data)
        elif len(self._waiting) < self._limits.waiting_messages:
            self._waiting.append(data)
        else:
            self._loop.call_soon(self._failed, transaction, OSError("too many messages wait for a connection"))

    def _write(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        if transport.get_write_buffer_size() > self._limits.write_buffer:
            # A peer that does not read must not make us hold what others would have sent to it.
            self.abort()

    def is_overdue(self, now: float) -> bool:
        """Whether it has been idle, or a message has been incomplete, for too long."""
        if self._incomplete_since is not None and now - self._incomplete_since > self._limits.complete_seconds:
            return True
        return now - self.last_sign > self._limits.idle_seconds

    def could_not_connect(self, error: OSError) -> None:
        """It will never be open."""
        self._end(error)

    def close(self, why: str = "error") -> None:
        """Close, once what has been written is out."""
        self._closing(why)
        if self._transport is not None:
            self._transport.close()

    def abort(self, why: str = "error") -> None:
        """Close at once."""
        self._closing(why)
        if self._transport is not None:
            self._transport.abort()

    def _closing(self, why: str) -> None:
        """The first reason is the reason."""
        self.why_closed = self.why_closed or why

    def _end(self, error: OSError) -> None:
        if self._was_closed:
            return
        self._was_closed = True
        self.is_open = False
        self._waiting.clear()
        self._owner.closed(self)
        # On a connection of our own making, which the peer closed before it said anything, nobody knows what was read.
        for transaction in self._unconfirmed or ():
            self._loop.call_soon(self._failed, transaction, error)
        self._unconfirmed = None


def _notice_dead_peers(connected: socket.socket | None) -> None:
    """Let the kernel find out about peers that vanished without a FIN, as phones leaving a network do."""
    if connected is None or connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", SILENCE_SECONDS), ("TCP_USER_TIMEOUT", DEAD_MILLISECONDS)):
        if hasattr(socket, option):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
