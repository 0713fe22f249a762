"""Commands to Redis, many in one write.

Commands given during one turn of the loop leave together at its end. What nobody waits for may wait itself, for
`gather` seconds at most, and under load so may what is said to be `patient`: a write and the wake-up for its reply cost
more than the command. Each command is packed at once, and its reply goes to a future, to a function, or nowhere (errors are counted). Nothing is ever sent
twice by itself: when the connection is lost, whoever waits is told StoreUnavailable, and the command may or may not
have been carried out. Everything is bounded: past `max_waiting` unanswered commands, more are refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import hiredis
from hiredis import ReplyError

from ..awaiting import Awaited
from ..errors import StoreUnavailable
from .link import Link, pack_command
from .lua import SCRIPTS, Script

__all__ = ["Pipe"]

log = logging.getLogger("sipcore.store")

Argument = str | bytes | int | float
Reply = Callable[[Any], None]
AnyFuture = asyncio.Future[Any] | Awaited

GATHER = 0.005  # seconds: ten REGISTERs at 2000 a second share a write, the wake-up for its reply, and the server's
BUSY = 1500  # commands a second from which on the patient ones are gathered
BUSY_WINDOW = 0.02  # seconds over which that is judged
MAX_WAITING = 20_000  # commands without an answer; ten seconds' worth of a busy worker
REPLY_TIMEOUT = 2.0  # seconds without any reply while one is due: the server hangs, or the connection is half open


class Pipe:
    """The one command connection of a worker."""

    def __init__(
        self,
        url: str,
        *,
        name: str = "sipcore",
        gather: float = GATHER,
        max_waiting: int = MAX_WAITING,
        reply_timeout: float = REPLY_TIMEOUT,
    ) -> None:
        self._link = Link(
            url, name, opened=self._opened, received=self._received, lost=self._lost, writable=self._flush_soon
        )
        self._gather = gather
        self._max_waiting = max_waiting
        self._reply_timeout = reply_timeout
        self._out: list[bytes] = []
        self._waiting: deque[Reply | None] = deque()
        self._flush: asyncio.Handle | None = None
        self._flush_is_urgent = False
        self._is_busy = False
        self._window_ends = 0.0
        self._commands = 0
        self._commands_before = 0
        self._watch: asyncio.TimerHandle | None = None
        self._replies = 0
        self.on_connect: list[Callable[[], None]] = []
        "Called each time the connection has been made; commands may be given then."
        self.on_lost: list[Callable[[], None]] = []
        "Called each time the connection has been lost, after those who waited have been told."
        self.errors = 0
        "Replies that were errors and that nobody waited for."
        self.dropped = 0
        "Commands given with `post` that were refused."

    @property
    def connected(self) -> bool:
        """Whether the server can be reached, as far as is known."""
        return self._link.is_open

    @property
    def waiting(self) -> int:
        """How many commands have no answer yet."""
        return len(self._waiting)

    async def start(self, wait: float = 5.0) -> bool:
        """Connect, and stay connected from now on; return whether it worked within `wait` seconds."""
        return await self._link.start(wait)

    async def close(self) -> None:
        """Write what is queued, wait briefly for the answers, and close."""
        if self.connected and self._waiting:
            try:
                async with asyncio.timeout(self._reply_timeout):
                    await self.execute("PING")
            except (StoreUnavailable, TimeoutError):
                log.warning("redis: closed before everything was answered")
        await self._link.close()

    def send(self, then: Reply | None, *command: Argument, patient: bool = False) -> None:
        """Queue a command; its reply, an error included, is given to `then`. Raise StoreUnavailable when it cannot be."""
        if not self._link.is_open:
            raise StoreUnavailable("Redis is away")
        if len(self._waiting) >= self._max_waiting:
            raise StoreUnavailable(f"{self._max_waiting} commands wait for Redis already")
        try:
            packed = pack_command(command)
        except UnicodeEncodeError:  # SIP text that is no UTF-8 has its odd bytes as surrogates
            packed = pack_command(tuple(_bytes(argument) for argument in command))
        self._out.append(packed)
        self._waiting.append(then)
        self._commands += 1
        if not (self._flush_is_urgent or (patient and self._flush is not None)):
            self._schedule(urgent=not patient)

    def post(self, *command: Argument) -> bool:
        """Queue a command and forget it; False, and counted, when it cannot be."""
        try:
            self.send(None, *command, patient=True)
        except StoreUnavailable:
            self.dropped += 1
            return False
        return True

    def execute(self, *command: Argument) -> asyncio.Future[Any]:
        """Queue a command at once and return its reply to be awaited. Raise StoreUnavailable, now or then."""
        future = asyncio.get_running_loop().create_future()
        self.send(partial(_settle, future), *command)
        return future

    def call(
        self, script: Script, keys: Sequence[str], *arguments: Argument, patient: bool = False
    ) -> asyncio.Future[Any]:
        """Queue a script and return its reply to be awaited, like `execute`."""
        future = asyncio.get_running_loop().create_future()
        self._call(future, script, keys, arguments, patient)
        return future

    def ask(self, script: Script, keys: Sequence[str], *arguments: Argument, patient: bool = False) -> Awaited:
        """Like `call`, for a route: it goes on as soon as the reply has been read."""
        awaited = Awaited()
        self._call(awaited, script, keys, arguments, patient)
        return awaited

    def _call(
        self, awaited: AnyFuture, script: Script, keys: Sequence[str], arguments: tuple[Argument, ...], patient: bool
    ) -> None:
        again = (script.source, len(keys), *keys, *arguments)
        reply = partial(self._settle_script, awaited, again)
        self.send(reply, "EVALSHA", script.sha, *again[1:], patient=patient and self._busy())

    def send_script(
        self, then: Reply | None, script: Script, keys: Sequence[str], *arguments: Argument, patient: bool = False
    ) -> None:
        """Queue a script, like `send`. A server that has forgotten it is given the source."""
        again = (script.source, len(keys), *keys, *arguments)
        self.send(partial(self._script_reply, then, again), "EVALSHA", script.sha, *again[1:], patient=patient)

    def _settle_script(self, future: AnyFuture, again: tuple[Argument, ...], reply: Any) -> None:
        if type(reply) is int and not future.done():  # nearly always
            future.set_result(reply)
        else:
            self._script_reply(partial(_settle, future), again, reply)

    def _script_reply(self, then: Reply | None, again: tuple[Argument, ...], reply: Any) -> None:
        if isinstance(reply, ReplyError) and str(reply).startswith("NOSCRIPT"):
            try:
                self.send(then, "EVAL", *again)
                return
            except StoreUnavailable as error:
                reply = error
        if then is not None:
            then(reply)
        elif isinstance(reply, Exception):
            self._unheard_error(reply)

    # -- the connection

    def _opened(self) -> None:
        for script in SCRIPTS:
            self.post("SCRIPT", "LOAD", script.source)
        for hook in self.on_connect:
            hook()

    def _busy(self) -> bool:
        """Whether so much is going on that gathering pays."""
        now = asyncio.get_running_loop().time()
        if now >= self._window_ends:
            passed = now - self._window_ends + BUSY_WINDOW
            self._is_busy = (self._commands - self._commands_before) / passed >= BUSY
            self._commands_before = self._commands
            self._window_ends = now + BUSY_WINDOW
        return self._is_busy

    def _schedule(self, *, urgent: bool) -> None:
        loop = asyncio.get_running_loop()
        if urgent:
            if self._flush is not None:
                self._flush.cancel()
            self._flush = loop.call_soon(self._write)
            self._flush_is_urgent = True
        elif self._flush is None:
            self._flush = loop.call_later(self._gather, self._write)

    def _flush_soon(self) -> None:
        self._schedule(urgent=True)

    def _write(self) -> None:
        self._flush = None
        self._flush_is_urgent = False
        if not self._out or not self._link.is_open or self._link.is_paused:
            return
        self._link.write(self._out[0] if len(self._out) == 1 else b"".join(self._out))
        self._out.clear()
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(
                self._reply_timeout / 2, self._look, self._replies, False
            )

    def _look(self, replies: int, silent: bool) -> None:
        """Give a silent connection up at the second look: the first may be late because our own loop was held up."""
        self._watch = None
        if not self._waiting:
            return
        quiet = replies == self._replies
        if quiet and silent:
            self._link.abort(f"no reply for {self._reply_timeout:g} s")
            return
        loop = asyncio.get_running_loop()
        self._watch = loop.call_later(self._reply_timeout / 2, self._look, self._replies, quiet)

    def _received(self, reply: Any) -> None:
        self._replies += 1
        then = self._waiting.popleft()
        if then is None:
            if isinstance(reply, ReplyError):
                self._unheard_error(reply)
            return
        try:
            then(reply)
        except Exception:  # the replies behind it are somebody else's
            log.exception("redis: a reply could not be handled")

    def _unheard_error(self, error: Exception) -> None:
        self.errors += 1
        if self.errors == 1 or self.errors % 1000 == 0:
            log.warning("redis: %s (%d such replies so far)", error, self.errors)

    def _lost(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        self._flush_is_urgent = False
        self._out.clear()
        waiting, self._waiting = self._waiting, deque()
        error = StoreUnavailable("the connection to Redis was lost")
        for then in waiting:
            if then is not None:
                then(error)
        for hook in self.on_lost:
            hook()


def _settle(future: AnyFuture, reply: Any) -> None:
    if future.done():  # whoever waited was cancelled
        return
    if isinstance(reply, StoreUnavailable):
        future.set_exception(reply)
    elif isinstance(reply, hiredis.HiredisError):
        future.set_exception(StoreUnavailable(f"Redis answered: {reply}"))
    else:
        future.set_result(reply)


def _bytes(argument: Argument) -> Argument:
    return argument.encode("utf-8", "surrogateescape") if isinstance(argument, str) else argument
