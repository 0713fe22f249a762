"""One connection to Redis that comes back by itself.

A Link connects, signs in, reads replies and connects again with a growing pause when the connection is lost. It does
not know commands: a Pipe or an Inbox stands on it and is told when it opens, what it says and when it is gone.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable
from typing import Any

import hiredis
from redis.connection import SSLConnection, parse_url

from ..errors import ConfigurationError

__all__ = ["Link", "pack_command"]

log = logging.getLogger("sipcore.store")

CONNECT_TIMEOUT = 3.0  # seconds, sign-in included
FIRST_PAUSE = 0.05  # seconds before connecting again; doubles up to LAST_PAUSE
LAST_PAUSE = 2.0

pack_command: Callable[[tuple[str | bytes | int | float, ...]], bytes] = hiredis.pack_command  # type: ignore[assignment]
"A command as it goes over the wire. The types that hiredis ships know commands of one word only."

_NOTHING = object()
_CERTIFICATE_CHECKS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


class Link:
    """A connection to one server, named by a URL as redis-py spells it: redis://, rediss:// or unix://.

    `opened`, `received` and `lost` are called on the loop; replies are what hiredis makes of them, errors included.
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        opened: Callable[[], None],
        received: Callable[[Any], None],
        lost: Callable[[], None],
        writable: Callable[[], None] = lambda: None,
    ) -> None:
        try:
            self._options = parse_url(url)
        except ValueError:
            raise ConfigurationError("the Redis URL is neither redis://, rediss:// nor unix://") from None
        self._name = name
        self._opened = opened
        self._received = received
        self._lost = lost
        self._writable = writable
        self._wire: _Wire | None = None
        self._task: asyncio.Task[None] | None = None
        self._open = asyncio.Event()
        self.is_paused = False
        "Whether the transport asks for a pause: what is written piles up."

    @property
    def is_open(self) -> bool:
        """Whether commands can be written."""
        return self._wire is not None

    async def start(self, wait: float) -> bool:
        """Start connecting, and wait up to that many seconds for the first time it works; return whether it did."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_open(), name=f"redis link {self._name}")
        try:
            async with asyncio.timeout(wait):
                await self._open.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Close for good."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def write(self, data: bytes) -> None:
        """Write; only while open."""
        self._wire.transport.write(data)  # type: ignore[union-attr]  # not asked twice: this is for every batch

    def abort(self, why: str) -> None:
        """Give the present connection up, as lost."""
        if self._wire is not None:
            log.warning("redis %s: %s; connecting again", self._name, why)
            self._wire.transport.abort()

    async def _keep_open(self) -> None:
        pause = FIRST_PAUSE
        complained = False
        while True:
            wire = _Wire(self)
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await self._connect(wire)
                    await self._sign_in(wire)
                log.info("redis %s: connected", self._name)
                pause, complained = FIRST_PAUSE, False
                self._attach(wire)
                await wire.closed
                log.warning("redis %s: connection lost", self._name)
            except (OSError, TimeoutError, hiredis.HiredisError) as error:
                if not complained:
                    log.warning("redis %s: cannot connect: %s", self._name, str(error) or type(error).__name__)
                    complained = True
            finally:
                self._detach(wire)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - so that workers do not come all at once
            pause = min(pause * 2, LAST_PAUSE)

    async def _connect(self, wire: _Wire) -> None:
        loop = asyncio.get_running_loop()
        options = self._options
        if "path" in options:
            await loop.create_unix_connection(lambda: wire, options["path"])
            return
        host, port = options.get("host", "localhost"), options.get("port", 6379)
        context = _tls(options) if options.get("connection_class") is SSLConnection else None
        await loop.create_connection(lambda: wire, host, port, ssl=context)

    async def _sign_in(self, wire: _Wire) -> None:
        options = self._options
        commands: list[tuple[str | bytes | int | float, ...]] = []
        if password := options.get("password"):
            user = options.get("username")
            commands.append(("AUTH", user, password) if user else ("AUTH", password))
        if database := options.get("db", 0):
            commands.append(("SELECT", database))
        commands.append(("CLIENT", "SETNAME", self._name))
        commands.append(("EXISTS", "-"))  # a server that is still loading its data refuses this
        wire.transport.write(b"".join(pack_command(command) for command in commands))
        for _ in commands:
            reply = await wire.reply()
            if isinstance(reply, hiredis.ReplyError):
                raise reply

    def _attach(self, wire: _Wire) -> None:
        if wire.closed.done():
            return
        self._wire = wire
        wire.received = self._received
        self._open.set()
        self._opened()

    def _detach(self, wire: _Wire) -> None:
        if wire.transport is not None:
            wire.transport.abort()
        self._open.clear()
        self.is_paused = False
        if self._wire is wire:
            self._wire = None
            self._lost()

    def _pause(self, wire: _Wire, paused: bool) -> None:
        if wire is self._wire:
            self.is_paused = paused
            if not paused:
                self._writable()


class _Wire(asyncio.Protocol):
    """One connection, from its first byte to its last."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._early: asyncio.Queue[Any] = asyncio.Queue()
        self.transport: Any = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received: Callable[[Any], None] = self._early.put_nowait

    async def reply(self) -> Any:
        """The next reply, while signing in."""
        reply = await self._early.get()
        if isinstance(reply, OSError):
            raise reply
        return reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not _NOTHING:
                self.received(reply)
        except hiredis.ProtocolError:
            log.exception("redis %s: not the Redis protocol", self._link._name)
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._early.put_nowait(ConnectionResetError("closed while signing in"))
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        self._link._pause(self, True)

    def resume_writing(self) -> None:
        self._link._pause(self, False)


def _tls(options: dict[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    required = _CERTIFICATE_CHECKS.get(options.get("ssl_cert_reqs", "required"), ssl.CERT_REQUIRED)
    if required is not ssl.CERT_REQUIRED or options.get("ssl_check_hostname") is False:
        context.check_hostname = False
    context.verify_mode = required
    if certificate := options.get("ssl_certfile"):
        context.load_cert_chain(certificate, options.get("ssl_keyfile"))
    return context
