"""Messages out of a stream of octets (RFC 3261 §18.3), and the keep-alives between them (RFC 5626 §4.4.1)."""

from __future__ import annotations

import re

from ..errors import MalformedMessage
from .grammar import LWS, MAX_HEADER_BYTES

__all__ = ["PING", "StreamFramer"]

PING = b"\r\n\r\n"
"A double CRLF between messages; the answer is one CRLF."

_CONTENT_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:([^\r]*(?:\r\n[ \t][^\r]*)*)", re.IGNORECASE)
_LEADING_LINE_ENDS = re.compile(rb"(?:\r\n)*")


class StreamFramer:
    """Cuts a stream into messages, however it was split on the way.

    A stream that breaks the rules once cannot be trusted again, for nobody knows where its next message begins: `error`
    says why, and the connection is to be closed. Its header block must use CRLF throughout. A missing
    Content-Length counts as 0, for phones leave it out where there is no body.
    """

    __slots__ = ("_buffer", "_max_size", "_needed", "_searched", "error")

    def __init__(self, max_size: int = 65_536) -> None:
        self._buffer = bytearray()
        self.error: MalformedMessage | None = None
        "Why the stream is not read any further."
        self._max_size = max_size
        self._needed = 0
        "Size of the message at the front of the buffer, once its header block has been seen."
        self._searched = 0
        "How far the end of the header block has been looked for, so that octets sent one by one cost no square."

    @property
    def pending(self) -> int:
        """Octets that wait for the rest of their message."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take octets, return the messages they complete, in order; a ping is returned as `PING`.

        Raise MalformedMessage when the stream is broken and there is no message in front of the break to be returned.
        Otherwise only `error` is set, and the next call raises it.
        """
        messages: list[bytes] = []
        try:
            if self.error is not None:
                raise self.error
            self._buffer += data
            self._cut(messages)
        except MalformedMessage as error:
            self.error = error
            self._buffer.clear()
            if not messages:
                raise
        return messages

    def _cut(self, messages: list[bytes]) -> None:
        buffer = self._buffer
        while buffer:
            if not self._needed and not self._find_end(messages):
                break
            needed = self._needed
            if len(buffer) < needed:
                break
            messages.append(bytes(buffer[:needed]))
            del buffer[:needed]
            self._needed = 0

    def _find_end(self, messages: list[bytes]) -> bool:
        """Look for the end of the first message. False: more octets are needed to tell."""
        buffer = self._buffer
        if buffer[0] == 13 and not self._skip_line_ends(messages):
            return False
        end = buffer.find(b"\r\n\r\n", self._searched)
        if (end if end >= 0 else len(buffer)) > MAX_HEADER_BYTES:
            raise MalformedMessage("the header lines on a stream are too long", 0)
        if end < 0:
            self._searched = max(0, len(buffer) - 3)
            return False
        self._searched = 0
        head = bytes(buffer[: end + 2])
        if head.count(b"\n") != head.count(b"\r\n"):
            raise MalformedMessage("a line feed stands alone on a stream", 0)
        size = end + 4 + _content_length(head)
        if size > self._max_size:
            raise MalformedMessage("a message on a stream is too long", 0)
        self._needed = size
        return True

    def _skip_line_ends(self, messages: list[bytes]) -> bool:
        """Take CRLFs from the front: each two are a ping, a single one before a start line is nothing (§7.5)."""
        buffer = self._buffer
        match = _LEADING_LINE_ENDS.match(buffer)
        size = match.end() if match is not None else 0
        rest = buffer[size : size + 2]
        if not rest or rest == b"\r":
            # Half a ping may become a whole one.
            size -= size % 4
        elif rest[0] == 13:
            raise MalformedMessage("a carriage return stands alone on a stream", 0)
        messages.extend([PING] * (size // 4))
        del buffer[:size]
        return bool(buffer) and buffer[0] != 13


def _content_length(head: bytes) -> int:
    found = _CONTENT_LENGTH.findall(head)
    if not found:
        return 0
    value = found[0].decode("latin-1").strip(LWS)
    if len(found) > 1 or not (value.isascii() and value.isdigit()) or len(value) > 9:
        raise MalformedMessage("Content-Length on a stream is given twice or is not a number", 0)
    return int(value)
