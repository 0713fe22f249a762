"""Several headers of a message in one pass, for whoever needs half a dozen that are seldom all there."""

from __future__ import annotations

import re

from .grammar import LWS
from .message import Message

__all__ = ["Fields"]


class Fields:
    """Reads the headers of these long, lower-case names; made once, for `re` takes its time to compile."""

    __slots__ = ("_find", "_names")

    def __init__(self, *names: str) -> None:
        self._names = names
        pattern = "|".join(map(re.escape, names))
        self._find = re.compile(rf"\n({pattern}):([^\r]*)".encode(), re.IGNORECASE).findall

    def octets(self, message: Message) -> tuple[tuple[bytes, bytes], ...] | None:
        """Name and value of each line as it is written, top to bottom; None where the header block is not usual.

        The same octets are the same fields, so what was made of them may be remembered by them.
        """
        return tuple(self._find(message.raw, 0, message.usual_end)) if message.usual_end else None

    def read(self, message: Message) -> dict[str, list[str]]:
        """The value of each line, unfolded and stripped, by name and top to bottom; names that are not there are missing."""
        fields: dict[str, list[str]] = {}
        lines = self.octets(message)
        if lines is None:
            return {name: values for name in self._names if (values := message.headers(name))}
        for name, value in lines:
            text = value.decode("utf-8", "surrogateescape").strip(LWS)
            fields.setdefault(name.decode().lower(), []).append(text)
        return fields
