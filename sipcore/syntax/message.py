"""Requests and responses: octets, and what has been read from them.

A `Message` is frozen in spirit: nothing changes once it has been read, and `build` makes new ones by cutting up the octets.

What a proxy looks at has been read once for all and stands in slots. There are two ways to that: `usual` reads nearly every
message with one pattern, and `careful` reads all others, each value when it is first asked for. All else is read by the
properties here when it is asked for, and remembered.

What cannot be read raises MalformedMessage when it is asked for, each time; `check` asks for everything that a proxy relies
on. `parse` makes messages out of octets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from ..errors import MalformedMessage
from .address import Address, parse_address
from .grammar import LWS, first_value, is_token, parse_number, split_values, unfold
from .header_names import index_lines
from .uri import Uri, parse_uri
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
    """What requests and responses have in common. Made by `parse_message` and by the functions of `build`.

    Its slots, and a `__dict__` for what is read later, are those of the four classes in `usual` and `careful`.
    """

    if not TYPE_CHECKING:  # to a checker these would be all there are
        __slots__ = ()

    raw: bytes
    "The whole message as it goes, or came, over the wire."
    usual_end: int
    "Where the header block ends, without the empty line, if it is written as usual; else 0, and there is an index of it."
    branch: str
    "The branch of the topmost Via, empty when there is none."
    call_id: str
    "The Call-ID, compared octet by octet (§20.8)."
    cseq_digits: str
    "The number in CSeq, as written."
    cseq_method: str
    "The method in CSeq; case matters (§20.16)."
    from_tag: str
    "The tag in From, empty when there is none."
    to_tag: str
    "The tag in To, empty when there is none."

    @property
    def start_line(self) -> str:
        """The first line, without its line end."""
        raise NotImplementedError

    def __bytes__(self) -> bytes:
        return self.raw

    @remembered
    def body(self) -> bytes:
        """What stands behind the header block."""
        return self.raw[self.raw.find(b"\r\n\r\n") + 4 :]

    @property
    def has_body(self) -> bool:
        """Whether anything does."""
        return len(self.raw) > self.usual_end + 4 if self.usual_end else bool(self.body)

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
        """Let go of what was read later and can be read again: for messages that are kept, but hardly ever looked at."""
        if self.__dict__:
            self.__dict__ = {}

    # Headers by name ---------------------------------------------------------------------------------------------

    @remembered
    def _lower(self) -> bytes:
        """The header block in lower case, in which names are searched for that may be spelled in any case."""
        return self.raw[: self.usual_end].lower()

    def _find(self, name: str, start: int) -> tuple[int, int]:
        """Where a usual header block has a line of that name, from `start` on: its line feed, and where its value begins."""
        needle = SPELLED.get(name)
        if needle is not None:
            begin = self.raw.find(needle, start, self.usual_end)
        else:
            needle = _NEEDLES[name]
            begin = self._lower.find(needle, start)
        return begin, begin + len(needle)

    def _has_not(self, name: str) -> bool:
        """Whether a usual header block is known not to have what it is often asked for."""
        return False

    def header(self, name: str) -> str | None:
        """The value of the first line of that name, unfolded and stripped; None when there is none.

        `name` is the long form in any case; lower case is found fastest.
        """
        if self.usual_end:
            if self._has_not(name):
                return None
            begin, start = self._find(name, 0)
            if begin < 0:
                return None
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
        if self.usual_end:
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
        if self._has_not(name):
            return spans
        begin, start = self._find(name, 0)
        while begin >= 0:
            stop = self.raw.index(b"\r", start)
            spans.append((begin + 1, stop + 2))
            begin, start = self._find(name, stop)
        return spans

    def values(self, name: str) -> list[str]:
        """The values of that name, from all its lines, split at commas where these separate (§7.3.1)."""
        return [value for line in self.headers(name) for value in split_values(line)]

    def has(self, name: str) -> bool:
        """Whether there is a line of that name."""
        if self.usual_end:
            return not self._has_not(name) and self._find(name, 0)[0] >= 0
        return name.lower() in self.keys

    # Typed headers -----------------------------------------------------------------------------------------------

    def _required(self, name: str) -> str:
        value = self.header(name)
        if value is None:
            raise MalformedMessage(f"there is no {name} header")
        return value

    @remembered
    def cseq(self) -> tuple[int, str]:
        """The number and the method of CSeq."""
        number, _, method = self._required("cseq").partition(" ")
        if method not in KNOWN_METHODS:
            method = method.strip(LWS)
            if not is_token(method):
                raise MalformedMessage("CSeq has no method")
        return parse_number(number, MAX_CSEQ, "the number in CSeq"), method

    @property
    def cseq_number(self) -> int:
        """The number in CSeq."""
        return int(self.cseq_digits)

    @remembered
    def from_(self) -> Address:
        """The From address."""
        return parse_address(self._required("from"))

    @remembered
    def to(self) -> Address:
        """The To address."""
        return parse_address(self._required("to"))

    @remembered
    def top_via(self) -> Via:
        """The topmost Via value."""
        return parse_via(first_value(self._required("via")))

    @remembered
    def vias(self) -> list[Via]:
        """All Via values, the topmost first."""
        return [parse_via(value) for value in self.values("via")]

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

    __slots__ = ()

    method: str
    target: str
    version: str
    sent_by: str
    "`host:port` of the topmost Via, or `host` alone when no port was written; lower-case."
    has_one_via: bool
    "Whether nobody but its sender has had the message: there is one Via value."
    max_forwards: int | None
    "None when there is none."
    route_lines: tuple[str, ...]
    "The value of each Route line; one line may hold several values."
    has_proxy_fields: bool
    "Whether there is any header whose name begins with Proxy-."

    via_text: str
    from_text: str
    to_text: str
    "Only of a usual request: the topmost Via, From and To as written, one character for each octet."

    def _has_not(self, name: str) -> bool:
        return name in _PROXY_FIELDS and not self.has_proxy_fields

    @property
    def start_line(self) -> str:
        """`method target version`."""
        return f"{self.method} {self.target} {self.version}"

    def __repr__(self) -> str:
        # Nothing but the start line: headers hold credentials and push tokens.
        return f"<Request {self.start_line!r}>"

    @property
    def uri(self) -> Uri:
        """The Request-URI. Raises MalformedMessage when it is none. Not remembered here: `parse_uri` does that."""
        return parse_uri(self.target)


class Response(Message):
    """A response."""

    __slots__ = ()

    status: int
    reason: str

    @property
    def start_line(self) -> str:
        """`SIP/2.0 status reason`."""
        return f"SIP/2.0 {self.status} {self.reason}"

    def __repr__(self) -> str:
        return f"<Response {self.start_line!r}>"


class _Needles(dict[str, bytes]):
    """From a header name to what it looks like in the lower-case octets of a usual header block."""

    def __missing__(self, name: str) -> bytes:
        needle = f"\n{name.lower()}:".encode("utf-8", "surrogateescape")
        if len(self) < MAX_NEEDLES:
            self[name] = needle
        return needle


_NEEDLES = _Needles()

SPELLED = {
    name.lower(): f"\n{name}:".encode()
    for name in [
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Content-Length",
        "Content-Type",
        "Contact",
        "Max-Forwards",
        "Route",
        "Expires",
        "Record-Route",
    ]
}
"Headers that are spelled in this one way wherever a header block is usual, and how they begin."

_PROXY_FIELDS = frozenset({"proxy-authenticate", "proxy-authorization", "proxy-require"})
"Often asked for and seldom there."


def join(start_line: str, lines: Sequence[str], body: bytes) -> bytes:
    """Write a message."""
    return ("\r\n".join((start_line, *lines)) + "\r\n\r\n").encode("utf-8", "surrogateescape") + body
