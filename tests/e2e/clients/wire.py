"""One socket of a scripted phone: what came over it, each message once, and waiting for what has not come yet."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import time
from collections import Counter
from collections.abc import Callable

from .message import Message

__all__ = ["Wire"]

T1 = 0.5  # seconds; RFC 3261 §17.1.1.1


class Wire:
    """A UDP socket or TCP connection to the server, read only while something is waited for.

    What is received again, byte for byte, is answered again and otherwise not noticed.
    """

    def __init__(self, server: tuple[str, int], *, transport: str = "udp", port: int = 0) -> None:
        self.transport = transport
        self.history: list[Message] = []
        "Every message received, once, oldest first."
        self.is_closed = False
        "The server has closed the connection."
        self._copies: Counter[bytes] = Counter()
        self._inbox: list[Message] = []
        self._replies: dict[bytes, bytes] = {}
        self._buffer = b""
        self._socket = socket.socket(type=socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
        if transport == "udp":
            self._socket.bind(("127.0.0.1", port))
        self._socket.connect(server)
        self.port: int = self._socket.getsockname()[1]

    def close(self) -> None:
        """Close the socket; what was registered stays registered."""
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Put octets on the wire as they are."""
        if self.transport == "tcp":
            self._socket.sendall(data)
            return
        with contextlib.suppress(ConnectionError):  # nobody listens just now: lost, like any datagram
            self._socket.send(data)

    def reply_to(self, message: Message, data: bytes) -> None:
        """Send what answers a message, now and whenever the same octets come again."""
        self._replies[message.raw] = data
        self.send(data)

    def reply_given(self, message: Message) -> bytes:
        """What `reply_to` sent last for that message."""
        return self._replies[message.raw]

    def put_back(self, message: Message) -> None:
        """Have a message that was taken waited for once more."""
        self._inbox.insert(0, message)

    def wait_for(self, wanted: Callable[[Message], bool], seconds: float, what: str, *, again: bytes = b"") -> Message:
        """Take the first message that is wanted; fails with all that was received when none comes in time."""
        begun = time.monotonic()
        gap, resend_at = T1, begun + T1
        while True:
            for message in self._inbox:
                if wanted(message):
                    self._inbox.remove(message)
                    return message
            now = time.monotonic()
            if now >= begun + seconds or self.is_closed:
                seen = "\n".join(f"  {m.at - begun:+.2f} {m.start_line} [{m.header('cseq')}]" for m in self.history)
                raise AssertionError(f"{self}: no {what} within {now - begun:.1f} s; it received\n{seen}")
            if again and self.transport == "udp" and now >= resend_at:
                self.send(again)
                gap *= 2
                resend_at = now + gap
            self.read(min(begun + seconds, resend_at if again else begun + seconds) - now)

    def expect_silence(self, wanted: Callable[[Message], bool], seconds: float, what: str) -> None:
        """Watch the socket that long and fail if such a message comes."""
        begun = time.monotonic()
        while (left := begun + seconds - time.monotonic()) > 0:
            self.read(left)
        assert not any(map(wanted, self._inbox)), f"{self}: {what} came:\n{next(filter(wanted, self._inbox))}"

    def read(self, seconds: float = 0) -> None:
        """Take in what has arrived; wait for it at most that long when there is nothing."""
        while select.select([self._socket], [], [], max(0.0, seconds))[0]:
            seconds = 0
            try:
                data = self._socket.recv(65536)
            except ConnectionError:
                continue  # ICMP says that nobody listened a moment ago
            if not data and self.transport == "tcp":
                self.is_closed = True
            if self.is_closed:
                return
            for raw in self._split(data):
                self._take(raw)

    def copies(self, message: Message) -> int:
        """How often a message has arrived, after reading what is there."""
        self.read()
        return self._copies[message.raw]

    def _split(self, data: bytes) -> list[bytes]:
        if self.transport == "udp":
            return [data]
        self._buffer += data
        found = []
        while b"\r\n\r\n" in self._buffer.lstrip(b"\r\n"):
            self._buffer = self._buffer.lstrip(b"\r\n")
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            length = re.search(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(\d+)", head, re.IGNORECASE)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                break
            found.append(head + b"\r\n\r\n" + rest[:size])
            self._buffer = rest[size:]
        return found

    def _take(self, raw: bytes) -> None:
        self._copies[raw] += 1
        if self._copies[raw] > 1:
            if raw in self._replies:
                self.send(self._replies[raw])
            return
        message = Message.parse(raw)
        self.history.append(message)
        self._inbox.append(message)

    def __str__(self) -> str:
        return f"port {self.port} ({self.transport})"
