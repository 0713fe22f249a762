"""What is said to this worker: channels of Redis, over a connection of their own.

Pub/sub loses what is said while nobody listens. Whoever keeps a copy of something is told by `started` that listening
begins, for the first time or again, and that what was read before is no longer to be trusted.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

from hiredis import ReplyError

from ..contract.keys import worker_channel
from .link import Link, pack_command

__all__ = ["Inbox"]

log = logging.getLogger("sipcore.store")

PING_EVERY = 10.0  # seconds; a connection that says nothing between two pings is given up

Heard = Callable[[bytes], None]
Started = Callable[[], None]


class Inbox:
    """The listening connection of a worker: its own channel, whose messages are JSON with `op`, and others."""

    def __init__(self, url: str, worker: str, *, ping_every: float = PING_EVERY) -> None:
        self._link = Link(
            url, f"{worker}-inbox", opened=self._opened, received=self._received, lost=self._connection_lost
        )
        self._ping_every = ping_every
        self._ping: asyncio.TimerHandle | None = None
        self._heard_since_ping = True
        self._channels: dict[bytes, list[tuple[Heard, Started]]] = {}
        self._commands: dict[str, Callable[[dict[str, Any]], object]] = {}
        self.on_lost: list[Callable[[], None]] = []
        "Called each time the connection has been lost."
        self._listening = False
        self.on_listening: list[Callable[[], None]] = []
        "Called each time messages to this worker have begun to arrive."
        self.listen(worker_channel(worker), self._command, self._started)

    @property
    def connected(self) -> bool:
        """Whether messages can arrive."""
        return self._listening

    async def start(self, wait: float = 5.0) -> bool:
        """Connect, and stay connected from now on; return whether it worked within `wait` seconds."""
        return await self._link.start(wait)

    async def close(self) -> None:
        """Stop listening."""
        await self._link.close()

    def on(self, op: str, handler: Callable[[dict[str, Any]], object]) -> None:
        """Handle messages to this worker with that `op`."""
        self._commands[op] = handler

    def listen(self, channel: str, heard: Heard, started: Started = lambda: None) -> None:
        """Give each message of a channel to `heard`, and call `started` each time listening has begun."""
        listeners = self._channels.setdefault(channel.encode(), [])
        listeners.append((heard, started))
        if self._link.is_open:
            self._link.write(pack_command(("SUBSCRIBE", channel)))

    def ignore(self, channel: str) -> None:
        """Stop listening to a channel."""
        if self._channels.pop(channel.encode(), None) is not None and self._link.is_open:
            self._link.write(pack_command(("UNSUBSCRIBE", channel)))

    def _opened(self) -> None:
        self._link.write(pack_command(("SUBSCRIBE", *self._channels)))
        self._heard_since_ping = True
        self._ping_soon()

    def _received(self, reply: Any) -> None:
        self._heard_since_ping = True
        if isinstance(reply, ReplyError):
            log.warning("redis inbox: %s", reply)
            return
        kind, channel, data = reply[0], reply[1], reply[-1]
        if kind == b"message":
            for heard, _ in self._channels.get(channel, ()):
                _shielded(heard, data)
        elif kind == b"subscribe":
            for _, started in self._channels.get(channel, ()):
                _shielded(started)

    def _command(self, data: bytes) -> None:
        message = json.loads(data)
        handler = self._commands.get(message["op"])
        if handler is None:
            log.warning("redis inbox: no such op: %.40s", message["op"])
        else:
            handler(message)

    def _started(self) -> None:
        self._listening = True
        for hook in self.on_listening:
            hook()

    def _connection_lost(self) -> None:
        self._listening = False
        if self._ping is not None:
            self._ping.cancel()
            self._ping = None
        for hook in self.on_lost:
            hook()

    def _ping_soon(self) -> None:
        self._ping = asyncio.get_running_loop().call_later(self._ping_every, self._ping_or_give_up)

    def _ping_or_give_up(self) -> None:
        if not self._heard_since_ping:
            self._link.abort("the inbox hears nothing")
            return
        self._heard_since_ping = False
        self._link.write(pack_command(("PING",)))
        self._ping_soon()


def _shielded(function: Callable[..., None], *arguments: Any) -> None:
    """Call; what is wrong with one message must not end the connection."""
    try:
        function(*arguments)
    except Exception:
        log.exception("redis inbox: a message could not be handled")
