"""The world outside for tests of transports: a worker's ears, and peers with sockets of their own.

Nothing waits for time: a test waits for what must arrive, and `WAIT` only bounds how long a broken test takes.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sipcore.transport import TransportLimits, Transports

__all__ = ["Listening", "Peer", "StreamPeer", "listening", "options"]

WAIT = 5.0
HOST = "127.0.0.1"


def options(via="SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1", *, call_id="one", body=b""):
    """A request that parses."""
    return (
        f"OPTIONS sip:a@b SIP/2.0\r\nVia: {via}\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: {call_id}\r\n"
        f"CSeq: 1 OPTIONS\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


@dataclass
class Settings:
    sip_host: str = HOST
    sip_port: int = 0
    share_port: bool = False


class Listening:
    """Transports, and everything they have told so far, in order."""

    def __init__(self, settings=None, limits=None):
        self._heard = asyncio.Queue()
        self.observed = []
        "What has become of connections: flow, and `open` or why it closed."
        self.transports = Transports(
            settings or Settings(),
            on_message=lambda message, flow: self._heard.put_nowait(("message", message, flow)),
            on_malformed=lambda data, error, flow: self._heard.put_nowait(("malformed", data, error, flow)),
            on_closed=lambda flow: self._heard.put_nowait(("closed", flow)),
            on_error=lambda transaction, error: self._heard.put_nowait(("error", transaction, error)),
            after_batch=lambda: self._heard.put_nowait(("batch",)),
            limits=limits or TransportLimits(),
            observed=lambda flow, what: self.observed.append((flow, what)),
        )

    async def hear(self, *kinds):
        """The next thing told; of those kinds, if any are given."""
        async with asyncio.timeout(WAIT):
            while True:
                heard = await self._heard.get()
                if not kinds or heard[0] in kinds:
                    return heard

    @property
    def heard_nothing(self):
        return self._heard.empty()


@asynccontextmanager
async def listening(settings=None, limits=None):
    """Transports that listen for the length of a test."""
    worker = Listening(settings, limits)
    await worker.transports.start()
    try:
        yield worker
    finally:
        await worker.transports.close()


class Peer:
    """A phone with a UDP socket."""

    def __init__(self, host=HOST):
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((host, 0))
        self.host, self.port = self._socket.getsockname()[:2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, data, port, host=None):
        self._socket.sendto(data, (host or self.host, port))

    async def receive(self):
        async with asyncio.timeout(WAIT):
            while True:
                try:
                    return self._socket.recv(65535)
                except BlockingIOError:
                    await self._readable()

    async def _readable(self):
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_reader(self._socket.fileno(), lambda: ready.done() or ready.set_result(None))
        try:
            await ready
        finally:
            loop.remove_reader(self._socket.fileno())


class StreamPeer:
    """A phone with a TCP connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.host, self.port = writer.get_extra_info("sockname")[:2]

    @classmethod
    @asynccontextmanager
    async def connected(cls, port, host=HOST):
        peer = cls(*await asyncio.open_connection(host, port))
        try:
            yield peer
        finally:
            peer.writer.close()

    def send(self, data):
        self.writer.write(data)

    async def receive(self, size):
        async with asyncio.timeout(WAIT):
            return await self.reader.readexactly(size)

    async def closed(self):
        """Wait until the other side has closed; what was still sent is returned."""
        async with asyncio.timeout(WAIT):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""
