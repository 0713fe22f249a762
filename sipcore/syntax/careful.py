"""Messages that are read piece by piece, each value when it is first asked for.

That is what becomes of a message that is not written as usual, and of one that was made here, of which hardly anything is
ever asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import MalformedMessage
from .grammar import parse_number
from .message import Message, Request, Response
from .usual import UsualRequest, UsualResponse, read_usual_message

__all__ = ["CarefulRequest", "CarefulResponse"]

MAX_MAX_FORWARDS = 255
"§20.22."


class _ReadsWhenAsked:
    """Fills a slot of a Message when it is first looked at."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        reader = _READERS.get(name)
        if reader is None:
            raise AttributeError(name)
        value = reader(self)  # type: ignore[arg-type]
        setattr(self, name, value)
        return value


class CarefulRequest(_ReadsWhenAsked, Request):
    """A request of which nothing has been read but its first line."""

    __slots__ = (*UsualRequest.__struct_fields__, "__dict__")

    def __init__(self, raw: bytes, method: str, target: str, version: str = "SIP/2.0") -> None:
        self.raw = raw
        self.method = method
        self.target = target
        self.version = version


class CarefulResponse(_ReadsWhenAsked, Response):
    """A response of which nothing has been read but its first line."""

    __slots__ = (*UsualResponse.__struct_fields__, "__dict__")

    def __init__(self, raw: bytes, status: int, reason: str) -> None:
        self.raw = raw
        self.status = status
        self.reason = reason


def _usual_end(message: Message) -> int:
    """The quick way is tried once, for what we write ourselves is usual. All that it reads is kept."""
    usual = read_usual_message(message.raw)
    if usual is None:
        return 0
    for name in usual.__struct_fields__:
        setattr(message, name, getattr(usual, name))
    return usual.usual_end


def _call_id(message: Message) -> str:
    value = message.header("call-id")
    if value is None:
        raise MalformedMessage("there is no call-id header")
    if not value or " " in value or "\t" in value:
        raise MalformedMessage("the Call-ID is empty or contains white space")
    return value


def _max_forwards(message: Message) -> int | None:
    value = message.header("max-forwards")
    return None if value is None else parse_number(value, MAX_MAX_FORWARDS, "Max-Forwards")


_READERS: dict[str, Callable[[Message], Any]] = {
    "usual_end": _usual_end,
    "call_id": _call_id,
    "cseq_digits": lambda message: str(message.cseq[0]),
    "cseq_method": lambda message: message.cseq[1],
    "from_tag": lambda message: message.from_.tag,
    "to_tag": lambda message: message.to.tag,
    "branch": lambda message: message.top_via.branch,
    "sent_by": lambda message: message.top_via.sent_by,
    "has_one_via": lambda message: len(message.values("via")) == 1,
    "max_forwards": _max_forwards,
    "route_lines": lambda message: tuple(message.headers("route")),
    "has_proxy_fields": lambda message: any(key.startswith("proxy-") for key in message.keys),
}
