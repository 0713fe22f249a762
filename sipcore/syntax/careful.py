"""Messages that are read piece by piece, each value when it is first asked for.

That is what becomes of a message that is not written as usual, and of one that was made here, of which hardly anything is
ever asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import MalformedMessage
from .grammar import parse_number
from .message import Message, Request, Response, remembered
from .usual import read_usual_message

__all__ = ["CarefulRequest", "CarefulResponse", "ForwardedRequest"]

MAX_MAX_FORWARDS = 255
"§20.22."

if TYPE_CHECKING:
    _Base = Message
else:
    _Base = object


class _ReadWhenAsked(_Base):
    """Everything but the first line."""

    __slots__ = ()

    @remembered
    def usual_end(self) -> int:
        """The quick way is tried once, for what we write ourselves is usual. All that it reads is kept."""
        usual = read_usual_message(self.raw)
        if usual is None:
            return 0
        for name in usual.__struct_fields__:
            setattr(self, name, getattr(usual, name))
        return usual.usual_end

    @remembered
    def call_id(self) -> str:
        value = self.header("call-id")
        if value is None:
            raise MalformedMessage("there is no call-id header")
        if not value or " " in value or "\t" in value:
            raise MalformedMessage("the Call-ID is empty or contains white space")
        return value

    @remembered
    def cseq_digits(self) -> str:
        return str(self.cseq[0])

    @remembered
    def cseq_method(self) -> str:
        return self.cseq[1]

    @remembered
    def from_tag(self) -> str:
        return self.from_.tag

    @remembered
    def to_tag(self) -> str:
        return self.to.tag

    @remembered
    def branch(self) -> str:
        return self.top_via.branch

    # of requests

    @remembered
    def sent_by(self) -> str:
        return self.top_via.sent_by

    @remembered
    def has_one_via(self) -> bool:
        return len(self.values("via")) == 1

    @remembered
    def max_forwards(self) -> int | None:
        value = self.header("max-forwards")
        return None if value is None else parse_number(value, MAX_MAX_FORWARDS, "Max-Forwards")

    @remembered
    def route_lines(self) -> tuple[str, ...]:
        return tuple(self.headers("route"))

    @remembered
    def has_proxy_fields(self) -> bool:
        return any(key.startswith("proxy-") for key in self.keys)


class CarefulRequest(_ReadWhenAsked, Request):
    """A request of which nothing has been read but its first line."""

    __slots__ = ("__dict__", "method", "raw", "target", "version")

    def __init__(self, raw: bytes, method: str, target: str, version: str = "SIP/2.0") -> None:
        self.raw = raw
        self.method = method
        self.target = target
        self.version = version


class ForwardedRequest(CarefulRequest):
    """A request as it leaves here; whoever wrote its Via says what the branch is."""

    __slots__ = ("branch",)


class CarefulResponse(_ReadWhenAsked, Response):
    """A response of which nothing has been read but its first line."""

    __slots__ = ("__dict__", "raw", "reason", "status")

    def __init__(self, raw: bytes, status: int, reason: str) -> None:
        self.raw = raw
        self.status = status
        self.reason = reason
