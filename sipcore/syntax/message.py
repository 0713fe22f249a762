"""Requests and responses: octets, and values read when they are asked for.

A `Message` is frozen in spirit: nothing changes once it has been read, and `build` makes new ones by cutting up the octets.
What has been read from it is remembered, so that each header is interpreted at most once on its way through.

There are two ways to each value. Where the header block is a usual one (`usual`), what a proxy asks for is found already,
and other headers are searched for in the octets. Else there is the index: `lines`, `keys`, and careful readers. Both ways
lead to the same values; the index costs several times as much, so it is made only when somebody needs it.

What a property cannot read raises MalformedMessage from that property, each time it is asked; `check` asks for everything
that a proxy relies on. `parse` makes messages out of octets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, overload

from ..errors import MalformedMessage
from .address import Address, parse_address
from .grammar import LWS, first_value, is_token, parse_number, split_values, unfold
from .header_names import index_lines
from .uri import Uri, parse_uri
from .usual import ABSENCE, UsualHead, read_usual_head
from .via import Via, parse_via

__all__ = ["KNOWN_METHODS", "Message", "Request", "Response"]

KNOWN_METHODS = frozenset(
    {
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "REGISTER",
        "OPTIONS",
        "INFO",
        "UPDATE",
        "PRACK",
        "SUBSCRIBE",
        "NOTIFY",
        "PUBLISH",
    }
    | {"MESSAGE", "REFER"}
)
"No more than a short cut: these need not be checked for being tokens."

MAX_CSEQ = 2**31 - 1
"§8.1.1.5: less than 2**31."
MAX_SECONDS = 2**32 - 1
"delta-seconds, §20.19. A larger value is read as this one, as §20.19 asks for malformed ones to be survived."
MAX_MAX_FORWARDS = 255
"§20.22."
MAX_NEEDLES = 512
"Header names that are kept in the form in which they are searched for; the script may ask for any."

_T = TypeVar("_T")


class remembered(Generic[_T]):
    """A property that is computed at the first look and is a plain attribute from then on.

    Not `functools.cached_property`: in Python 3.11 that takes a lock, which costs more than most of the readings here.
    """

    def __init__(self, compute: Callable[[Any], _T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> remembered[_T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> _T: ...
    def __get__(self, instance: object | None, owner: type) -> Any:
        if instance is None:
            return self
        value = self._compute(instance)
        setattr(instance, self._name, value)
        return value


class Message:
    """What requests and responses have in common. Made by `parse_message` and by the functions of `build`."""

    raw: bytes
    "The whole message as it goes, or came, over the wire."

    @property
    def start_line(self) -> str:
        """The first line, without its line end."""
        raise NotImplementedError

    def __bytes__(self) -> bytes:
        return self.raw

    def __repr__(self) -> str:
        # Nothing but the start line: headers hold credentials and push tokens.
        return f"<{type(self).__name__} {self.start_line!r}>"

    @remembered
    def usual(self) -> UsualHead | None:
        """The header block where it is written as usual; None: look into the index."""
        return read_usual_head(self.raw, self.raw.find(b"\r\n\r\n"))

    @remembered
    def body(self) -> bytes:
        """What stands behind the header block."""
        return self.raw[self.raw.find(b"\r\n\r\n") + 4 :]

    # The index ---------------------------------------------------------------------------------------------------

    @remembered
    def lines(self) -> list[str]:
        """Header lines without their line ends, folds kept. Read only."""
        head = self.raw[: self.raw.find(b"\r\n\r\n")].decode("utf-8", "surrogateescape")
        lines, self.keys = index_lines(head.split("\r\n")[1:])
        return lines

    @remembered
    def keys(self) -> list[str]:
        """The lower-case long name of each line. Read only."""
        _ = self.lines
        return self.keys

    def forget_readings(self) -> None:
        """Let go of all that can be read again: for messages that are kept, but hardly ever looked at again."""
        readings = self.__dict__
        for name in _READINGS & readings.keys():
            del readings[name]

    # Headers by name ---------------------------------------------------------------------------------------------

    @remembered
    def _lower(self) -> bytes:
        """The octets in lower case, in which the names of a usual header block are searched for."""
        return self.raw.lower()

    def header(self, name: str) -> str | None:
        """The value of the first line of that name, unfolded and stripped; None when there is none.

        `name` is the long form in any case; lower case is found fastest.
        """
        usual = self.usual
        if usual is not None:
            if name in ABSENCE and usual[ABSENCE[name]] is None:
                return None
            needle = _NEEDLES[name]
            position = self._lower.find(needle, 0, usual.end())
            if position < 0:
                return None
            start = position + len(needle)
            return self.raw[start : self.raw.index(b"\r", start)].decode("utf-8", "surrogateescape").strip(LWS)
        keys = self.keys
        if name not in keys:
            name = name.lower()
            if name not in keys:
                return None
        value = self.lines[keys.index(name)].partition(":")[2].strip(LWS)
        return unfold(value) if "\n" in value else value

    def headers(self, name: str) -> list[str]:
        """The value of each line of that name, top to bottom."""
        if self.usual is not None:
            raw, skip = self.raw, len(name) + 1
            return [
                raw[begin + skip : end - 2].decode("utf-8", "surrogateescape").strip(LWS)
                for begin, end in self.spans(name)
            ]
        name = name.lower()
        values = [
            line.partition(":")[2].strip(LWS) for line, key in zip(self.lines, self.keys, strict=True) if key == name
        ]
        return [unfold(value) if "\n" in value else value for value in values]

    def spans(self, name: str) -> list[tuple[int, int]]:
        """Where in the octets of a usual header block the lines of that name begin, and where they end, line end included."""
        spans: list[tuple[int, int]] = []
        usual = self.usual
        if usual is not None and not (name in ABSENCE and usual[ABSENCE[name]] is None):
            needle, lower, end = _NEEDLES[name], self._lower, usual.end()
            begin = lower.find(needle, 0, end)
            while begin >= 0:
                stop = lower.index(b"\r", begin)
                spans.append((begin + 1, stop + 2))
                begin = lower.find(needle, stop, end)
        return spans

    def values(self, name: str) -> list[str]:
        """The values of that name, from all its lines, split at commas where these separate (§7.3.1)."""
        return [value for line in self.headers(name) for value in split_values(line)]

    def has(self, name: str) -> bool:
        """Whether there is a line of that name."""
        usual = self.usual
        if usual is not None:
            if name in ABSENCE and usual[ABSENCE[name]] is None:
                return False
            return self._lower.find(_NEEDLES[name], 0, usual.end()) >= 0
        return name.lower() in self.keys

    # Typed headers -----------------------------------------------------------------------------------------------

    def _required(self, name: str) -> str:
        value = self.header(name)
        if value is None:
            raise MalformedMessage(f"there is no {name} header")
        return value

    @remembered
    def call_id(self) -> str:
        """The Call-ID, compared octet by octet (§20.8)."""
        usual = self.usual
        if usual is not None and (call_id := usual["call_id"]) is not None:
            return call_id.decode()
        value = self._required("call-id")
        if not value or " " in value or "\t" in value:
            raise MalformedMessage("the Call-ID is empty or contains white space")
        return value

    @remembered
    def cseq(self) -> tuple[int, str]:
        """The number and the method of CSeq."""
        usual = self.usual
        if usual is not None and (digits := usual["cseq_number"]) is not None:
            return int(digits), usual["cseq_method"].decode()
        number, _, method = self._required("cseq").partition(" ")
        if method not in KNOWN_METHODS:
            method = method.strip(LWS)
            if not is_token(method):
                raise MalformedMessage("CSeq has no method")
        return parse_number(number, MAX_CSEQ, "the number in CSeq"), method

    @property
    def cseq_number(self) -> int:
        """The number in CSeq."""
        return self.cseq[0]

    @remembered
    def cseq_method(self) -> str:
        """The method in CSeq; case matters (§20.16)."""
        usual = self.usual
        if usual is not None and (method := usual["cseq_method"]) is not None:
            return method.decode()
        return self.cseq[1]

    @remembered
    def from_(self) -> Address:
        """The From address."""
        return parse_address(self._required("from"))

    @remembered
    def to(self) -> Address:
        """The To address."""
        return parse_address(self._required("to"))

    @remembered
    def from_tag(self) -> str:
        """The tag in From, empty when there is none."""
        usual = self.usual
        if usual is not None and usual["from"] is not None:
            return (usual["from_tag"] or b"").decode()
        return self.from_.tag

    @remembered
    def to_tag(self) -> str:
        """The tag in To, empty when there is none."""
        usual = self.usual
        if usual is not None and usual["to"] is not None:
            return (usual["to_tag"] or b"").decode()
        return self.to.tag

    @remembered
    def top_via(self) -> Via:
        """The topmost Via value."""
        return parse_via(first_value(self._required("via")))

    @remembered
    def branch(self) -> str:
        """The branch of the topmost Via, empty when there is none."""
        usual = self.usual
        if usual is not None and usual["via"] is not None:
            return (usual["branch"] or b"").decode()
        return self.top_via.branch

    @remembered
    def sent_by(self) -> str:
        """`host:port` of the topmost Via, or `host` alone when no port was written; lower-case."""
        usual = self.usual
        if usual is not None and usual["via"] is not None:
            return usual["sent_by"].decode()
        return self.top_via.sent_by

    @property
    def has_one_via(self) -> bool:
        """Whether nobody but its sender has had the message: there is one Via value."""
        usual = self.usual
        if usual is not None and usual["via"] is not None:
            return usual["more_vias"] is None
        return len(self.values("via")) == 1

    @remembered
    def vias(self) -> list[Via]:
        """All Via values, the topmost first."""
        return [parse_via(value) for value in self.values("via")]

    @remembered
    def max_forwards(self) -> int | None:
        """Max-Forwards; None when there is none."""
        usual = self.usual
        if usual is not None:
            digits = usual["max_forwards"]
            return None if digits is None else int(digits)
        value = self.header("max-forwards")
        return None if value is None else parse_number(value, MAX_MAX_FORWARDS, "Max-Forwards")

    @remembered
    def contact_star(self) -> bool:
        """Whether Contact is `*` alone (§10.2.2). Mixed with addresses, `contacts` raises."""
        return self.values("contact") == ["*"]

    @remembered
    def contacts(self) -> list[Address]:
        """The Contact addresses; none when Contact is `*`."""
        values = self.values("contact")
        if "*" in values:
            if len(values) > 1:
                raise MalformedMessage("Contact is * and something else")
            return []
        return [parse_address(value) for value in values]

    @property
    def route_lines(self) -> list[str]:
        """The value of each Route line; one line may hold several values."""
        usual = self.usual
        if usual is not None and usual["more_routes"] is None:
            route = usual["route"]
            return [] if route is None else [route.decode("utf-8", "surrogateescape").strip(LWS)]
        return self.headers("route")

    @remembered
    def routes(self) -> list[Address]:
        """The Route values, the next hop first."""
        return self.addresses("route")

    @remembered
    def record_routes(self) -> list[Address]:
        """The Record-Route values, the last hop that added one first."""
        return self.addresses("record-route")

    @remembered
    def expires(self) -> int | None:
        """Expires in seconds; None when there is none, or when it cannot be read (§20.19: take the default then)."""
        value = self.header("expires")
        if value is None or not (value.isdigit() and value.isascii()):
            return None
        return min(int(value[:20]), MAX_SECONDS)

    def addresses(self, name: str) -> list[Address]:
        """The values of any header that holds addresses, such as Path."""
        return [parse_address(value) for value in self.values(name)]


class Request(Message):
    """A request. `method` is compared with case (§7.1), `target` is the Request-URI byte for byte."""

    method: str
    target: str
    version: str

    def __init__(self, raw: bytes, method: str, target: str, version: str = "SIP/2.0") -> None:
        self.raw = raw
        self.method = method
        self.target = target
        self.version = version

    @property
    def start_line(self) -> str:
        """`method target version`."""
        return f"{self.method} {self.target} {self.version}"

    @remembered
    def uri(self) -> Uri:
        """The Request-URI. Raises MalformedMessage when it is none."""
        return parse_uri(self.target)


class Response(Message):
    """A response."""

    status: int
    reason: str

    def __init__(self, raw: bytes, status: int, reason: str) -> None:
        self.raw = raw
        self.status = status
        self.reason = reason

    @property
    def start_line(self) -> str:
        """`SIP/2.0 status reason`."""
        return f"SIP/2.0 {self.status} {self.reason}"


class _Needles(dict[str, bytes]):
    """From a header name to what it looks like in the lower-case octets of a usual header block."""

    def __missing__(self, name: str) -> bytes:
        needle = f"\n{name.lower()}:".encode("utf-8", "surrogateescape")
        if len(self) < MAX_NEEDLES:
            self[name] = needle
        return needle


_NEEDLES = _Needles()

_READINGS = frozenset(
    name
    for kind in (Message, Request, Response)
    for name, attribute in vars(kind).items()
    if isinstance(attribute, remembered)
)


def join(start_line: str, lines: Sequence[str], body: bytes) -> bytes:
    """Write a message."""
    return ("\r\n".join((start_line, *lines)) + "\r\n\r\n").encode("utf-8", "surrogateescape") + body
