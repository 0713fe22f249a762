"""Frames between the siblings of one host: a socket for each worker in a directory that only their account may enter.

SOCK_SEQPACKET keeps the bounds of frames and their order, waits when the reader is slow instead of losing, and ends at once when a
process dies, however it dies. Each worker writes to the others over connections of its own and reads from those they have made,
so nobody has to agree on anything. A name that no process listens at is a dead worker's and is removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
from collections import deque
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from ..errors import ConfigurationError
from .frames import HELLO, hello, unpack

__all__ = ["SiblingLink"]

log = logging.getLogger("sipcore.siblings")

LARGEST_FRAME = 2**17  # octets; a message of a stream may be 64 kB of headers and 64 kB of body
FRAMES_PER_WAKEUP = 64  # read before everything else gets its turn
QUEUED_FRAMES = 4096  # that wait for one sibling to read; further ones are lost, as on a network
BUFFER = 4 * 2**20  # octets asked of the kernel for what a sibling has not read yet
BACKLOG = 64
GREETING_SECONDS = 1.0


class SiblingLink:
    """The way to all siblings, from `start` to `close`.

    `joined(name, run)` and `left(name)` tell who is there, `received(name, frame)` gives what they say, and `after_batch` is called when
    everything that had arrived together has been given.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        run: str,
        *,
        joined: Callable[[str, str], None],
        left: Callable[[str], None],
        received: Callable[[str, bytes], None],
        after_batch: Callable[[], None],
    ) -> None:
        self._directory = directory
        self._name = name
        self._hello = hello(name, run)
        self._joined = joined
        self._left = left
        self._received = received
        self._after_batch = after_batch
        self._loop = asyncio.get_running_loop()
        self._own_path = directory / _file_name(name, run)
        self._buffer = memoryview(bytearray(LARGEST_FRAME))
        self._listening: socket.socket | None = None
        self._reading: dict[socket.socket, tuple[str, Path] | None] = {}
        "Who speaks on a connection, and where he listens; None before he has said so."
        self._writers: dict[Path, _Writer] = {}
        "Connections of our own, by where they lead."
        self._places: dict[str, Path] = {}
        "Where siblings listen, by name."
        self._awaited: set[Path] = set()
        "Where siblings listen that have not greeted back yet."
        self._met = asyncio.Event()

    async def start(self) -> None:
        """Listen, greet those who are there, and return when they have greeted back; then messages of theirs may come.

        One that does not within a second is busy, and will. Raises ConfigurationError when the directory cannot be used.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self._directory.stat()
            if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
                raise PermissionError(0, "it must belong to this account, and be closed to others (mode 0700)")
            self._listening = _socket()
            # Nobody is to find it before it listens: who finds a socket that refuses him takes its owner for dead.
            hidden = self._directory / f".{self._own_path.name}"
            self._listening.bind(str(hidden))
            self._listening.listen(BACKLOG)
            hidden.rename(self._own_path)
        except OSError as error:
            self.close()
            raise ConfigurationError(
                f"PBX_SIP_SIBLINGS is {str(self._directory)!r}, and workers behind one port cannot meet there: "
                f"{error.strerror or error}."
            ) from error
        self._loop.add_reader(self._listening.fileno(), self._accept)
        for path in sorted(self._directory.iterdir()):
            if path != self._own_path and path.name[0] != "." and self._greet(path):
                self._awaited.add(path)
        if self._awaited:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GREETING_SECONDS):
                    await self._met.wait()

    def close(self) -> None:
        """Leave; siblings notice at once."""
        for connection in list(self._reading):
            self._hang_up(connection)
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
        self._places.clear()
        if self._listening is not None:
            self._loop.remove_reader(self._listening.fileno())
            self._listening.close()
            self._listening = None
            self._own_path.unlink(missing_ok=True)

    def post(self, name: str, frame: bytes) -> bool:
        """Send a frame to a sibling; False when it is not there, or does not read."""
        place = self._places.get(name)
        return place is not None and self._writers[place].send(frame)

    # Reading.

    def _accept(self) -> None:
        assert self._listening is not None  # noqa: S101 - it is what has become readable
        with contextlib.suppress(OSError):  # gone again
            connection, _ = self._listening.accept()
            connection.setblocking(False)
            self._reading[connection] = None
            self._loop.add_reader(connection.fileno(), self._readable, connection)

    def _readable(self, connection: socket.socket) -> None:
        receive, buffer, received = connection.recv_into, self._buffer, self._received
        speaker = self._reading[connection]
        for _ in range(FRAMES_PER_WAKEUP):
            try:
                octets = bytes(buffer[: receive(buffer)])
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                octets = b""
            if not octets:
                self._ended(connection)
                break
            if speaker is not None:
                received(speaker[0], octets)
                continue
            speaker = self._greeted(octets)
            if speaker is None:
                self._hang_up(connection)
                break
            self._reading[connection] = speaker
        self._after_batch()

    def _greeted(self, octets: bytes) -> tuple[str, Path] | None:
        """Take the first frame of a connection, and greet whoever it is from unless that has been done."""
        try:
            frame = unpack(octets)
            name, run = frame.names
        except ValueError:
            return None
        place = self._directory / _file_name(name, run)
        if frame.kind != HELLO or (place not in self._writers and not self._greet(place)):
            return None
        if name == self._name:
            log.error("another worker behind this port is called %s too: PBX_WORKER_ID must differ", name)
            return None
        if name in self._places:  # started anew, and the end of its earlier life is not known yet
            self._lose(name)
        self._places[name] = place
        self._joined(name, run)
        self._awaited.discard(place)
        if not self._awaited:
            self._met.set()
        return name, place

    def _ended(self, connection: socket.socket) -> None:
        """A sibling has ended, in whatever way."""
        speaker = self._reading[connection]
        self._hang_up(connection)
        if speaker is not None and self._places.get(speaker[0]) == speaker[1]:
            self._lose(speaker[0])

    def _hang_up(self, connection: socket.socket) -> None:
        del self._reading[connection]
        self._loop.remove_reader(connection.fileno())
        connection.close()

    def _lose(self, name: str) -> None:
        self._writers.pop(self._places.pop(name)).close()
        self._left(name)

    # Writing.

    def _greet(self, place: Path) -> bool:
        """Connect to whoever listens at a place, and say who we are; False when nobody does."""
        connection = _socket()
        try:
            connection.connect(str(place))
        except OSError as error:
            connection.close()
            if isinstance(error, ConnectionRefusedError):
                place.unlink(missing_ok=True)
            return False
        writer = self._writers[place] = _Writer(self._loop, connection)
        return writer.send(self._hello)


class _Writer:
    """A connection of our own to one sibling. Only written to; that it has ended is noticed where the sibling is read from."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
        self._loop = loop
        self._socket = connection
        self._queue: deque[bytes] = deque()

    def send(self, frame: bytes) -> bool:
        """Write a frame, or keep it until there is room; False when there are too many."""
        if not self._queue:
            try:
                self._socket.send(frame)
            except (BlockingIOError, InterruptedError):
                self._loop.add_writer(self._socket.fileno(), self._writable)
            except OSError:
                return False
            else:
                return True
        if len(self._queue) >= QUEUED_FRAMES:
            return False
        self._queue.append(frame)
        return True

    def _writable(self) -> None:
        queue = self._queue
        try:
            while queue:
                self._socket.send(queue[0])
                queue.popleft()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            queue.clear()
        self._loop.remove_writer(self._socket.fileno())

    def close(self) -> None:
        if self._queue:
            self._loop.remove_writer(self._socket.fileno())
        self._socket.close()


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made.setblocking(False)
    with contextlib.suppress(OSError):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    return made


def _file_name(name: str, run: str) -> str:
    """Where a worker listens. Its name itself may be too long: the path of a socket has 107 octets."""
    return blake2b(f"{name} {run}".encode(), digest_size=5).hexdigest()
