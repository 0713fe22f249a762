"""UDP: one raw socket, read until it is empty at each wake-up and written at once.

A wake-up costs more than the message that it is for: the loop, the system call, and caches full of something else. So while
very many datagrams come, the socket is looked at once in some milliseconds for all that have come, as network drivers do
with their interrupts. A message then waits for two or three milliseconds in the mean; T1 is 500. A worker that is less busy
is woken at once, so that a phone that has just come back gets its call at once.

Not an asyncio datagram endpoint: that one calls back for each datagram, which costs a third more at saturation and gives no
moment "after the batch" in which the core can be pumped once for all of them (design: one turn, many datagrams).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from ..contract.flow import Flow
from .arrival import Arrival
from .limits import TransportLimits

__all__ = ["UdpSocket"]

MAX_DATAGRAM = 65_535
LOOKS = 8  # rests over which it is found out how many datagrams come in one
LARGEST_KEEP_ALIVE = 4  # octets: CRLFCRLF (RFC 5626 §4.4.1) and the zero octets some phones send
_MAPPED = "::ffff:"  # how an IPv4 peer is seen through an IPv6 socket (RFC 4291 §2.5.5.2)

Address = tuple[Any, ...]


class UdpSocket:
    """A bound socket, from `open` to `close`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        bound: socket.socket,
        arrival: Arrival,
        after_batch: Callable[[], None],
        failed: Callable[[Any, OSError], None],
        limits: TransportLimits,
    ) -> None:
        self._loop = loop
        self._socket = bound
        self._arrival = arrival
        self._after_batch = after_batch
        self._failed = failed
        self._limits = limits
        # One buffer for all: `recv` would allocate the largest datagram for each, and cut it to size. What lives for a while
        # then lies between holes of 64 kB, and the process grows for ever.
        self._buffer = bytearray(MAX_DATAGRAM)
        self._view = memoryview(self._buffer)
        self._is_ipv6 = bound.family == socket.AF_INET6
        self._flows: dict[Address, Flow] = {}
        self._queue: deque[tuple[bytes, Address, Any]] = deque()
        self._since = 0.0
        self._count = 0
        "Datagrams since then."
        self._density = 0.0
        "How many came in the time of a rest, of late."
        self._resting: asyncio.TimerHandle | None = None
        self.dropped = 0
        "Datagrams that found the queue full."
        bound.setblocking(False)
        _enlarge_receive_buffer(bound, limits.receive_buffer)
        loop.add_reader(bound.fileno(), self._readable)

    def _readable(self) -> None:
        """Something has come. Read; when much has come of late, look only once in a while from now on."""
        now, limits = self._loop.time(), self._limits
        elapsed = now - self._since
        if elapsed >= LOOKS * limits.rest:
            self._density = self._count * limits.rest / elapsed
            self._since, self._count = now, 0
            if self._density >= limits.many:
                self._loop.remove_reader(self._socket.fileno())
                self._resting = self._loop.call_later(limits.rest, self._rested)
        self._count += self._read()

    def _rested(self) -> None:
        """Read what came meanwhile, and go on like that as long as it is worth it."""
        self._resting = None
        limits, count = self._limits, 0
        try:
            count = self._read()
            self._density += (count - self._density) / LOOKS
        finally:  # whatever happens, somebody comes back
            if self._socket.fileno() >= 0:
                if self._density * 3 >= limits.many * 2:
                    is_behind = count == limits.datagrams_per_wakeup
                    self._resting = self._loop.call_later(0.0 if is_behind else limits.rest, self._rested)
                else:
                    self._since, self._count = self._loop.time(), 0
                    self._loop.add_reader(self._socket.fileno(), self._readable)

    def _read(self) -> int:
        """Read until there is nothing more, or enough for one turn; how many datagrams."""
        receive, flows, buffer, view = self._socket.recvfrom_into, self._flows, self._buffer, self._view
        count, datagrams = 0, []
        for _ in range(self._limits.datagrams_per_wakeup):
            try:
                length, address = receive(buffer)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue  # an ICMP error about something sent earlier; the transaction's timer knows better
            count += 1
            # No start line is so short or begins so: a keep-alive, or STUN (RFC 7983 tells it by its first octet).
            if length <= LARGEST_KEEP_ALIVE or buffer[0] < 4:
                continue
            flow = flows.get(address)
            if flow is None:
                flow = self._new_flow(address)
            datagrams.append((bytes(view[:length]), flow))
        if count:
            self._arrival.received_together(datagrams)
            self._after_batch()
        return count

    def _new_flow(self, address: Address) -> Flow:
        if len(self._flows) >= self._limits.known_peers:
            self._flows.clear()
        flow = self._flows[address] = Flow("udp", address[0].removeprefix(_MAPPED), address[1])
        return flow

    def send(self, data: bytes, host: str, port: int, transaction: Any) -> None:
        """Send to a numeric address. A failure is reported later, never from within."""
        address: Address = (host if not self._is_ipv6 or ":" in host else _MAPPED + host, port)
        if self._queue:
            self._wait(data, address, transaction)
            return
        try:
            self._socket.sendto(data, address)
        except (BlockingIOError, InterruptedError):
            self._loop.add_writer(self._socket.fileno(), self._writable)
            self._wait(data, address, transaction)
        except (OSError, OverflowError) as error:
            self._fail(transaction, error)

    def _wait(self, data: bytes, address: Address, transaction: Any) -> None:
        if len(self._queue) < self._limits.queued_datagrams:
            self._queue.append((data, address, transaction))
        else:
            self.dropped += 1

    def _writable(self) -> None:
        queue = self._queue
        while queue:
            data, address, transaction = queue[0]
            try:
                self._socket.sendto(data, address)
            except (BlockingIOError, InterruptedError):
                return
            except (OSError, OverflowError) as error:
                self._fail(transaction, error)
            queue.popleft()
        self._loop.remove_writer(self._socket.fileno())

    def _fail(self, transaction: Any, error: Exception) -> None:
        problem = error if isinstance(error, OSError) else OSError(str(error))
        self._loop.call_soon(self._failed, transaction, problem)

    def close(self) -> None:
        """Stop reading and writing. What waits is lost, as UDP may."""
        if self._resting is not None:
            self._resting.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()


def _enlarge_receive_buffer(bound: socket.socket, size: int) -> None:
    """Ask for a large buffer: beyond the system's maximum where we may, else up to it."""
    force = getattr(socket, "SO_RCVBUFFORCE", 33)
    for option in (force, socket.SO_RCVBUF):
        with contextlib.suppress(OSError):
            bound.setsockopt(socket.SOL_SOCKET, option, size)
            return
