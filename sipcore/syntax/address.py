"""`name-addr` and `addr-spec` with their parameters: From, To, Contact, Route, Record-Route, Path (RFC 3261 §20.10)."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import MalformedMessage
from .grammar import LWS, quote, skip_quoted, unquote
from .parameters import NO_PARAMETERS, parse_parameters
from .uri import Uri, parse_uri

__all__ = ["Address", "parse_address"]

_NOT_IN_A_BARE_NAME = frozenset('",;:@<>\\')


class Address:
    """One address. Treat as frozen; the URI is read when it is asked for."""

    __slots__ = ("_parsed", "display_name", "parameters", "uri_text")

    display_name: str
    "Unquoted; empty when there is none."
    uri_text: str
    "The URI as written, without brackets."
    parameters: Mapping[str, str | None]
    "Of the header, not of the URI; by lower-case name, quoted values unquoted."

    def __init__(
        self, uri_text: str, display_name: str = "", parameters: Mapping[str, str | None] = NO_PARAMETERS
    ) -> None:
        self.uri_text = uri_text
        self.display_name = display_name
        self.parameters = parameters
        self._parsed: Uri | None = None

    @property
    def uri(self) -> Uri:
        """The URI. Raises MalformedMessage when it is none."""
        parsed = self._parsed
        if parsed is None:
            parsed = self._parsed = parse_uri(self.uri_text)
        return parsed

    @property
    def tag(self) -> str:
        """The tag parameter, empty when there is none."""
        return self.parameters.get("tag") or ""

    def __str__(self) -> str:
        text = f"{quote(self.display_name)} <{self.uri_text}>" if self.display_name else f"<{self.uri_text}>"
        for name, value in self.parameters.items():
            text += (
                f";{name}" if value is None else f";{name}={value}" if _is_plain(value) else f";{name}={quote(value)}"
            )
        return text

    def __repr__(self) -> str:
        return f"Address({self!s})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Address):
            return NotImplemented
        return (
            self.uri_text == other.uri_text
            and self.display_name == other.display_name
            and self.parameters == other.parameters
        )

    def __hash__(self) -> int:
        return hash((self.uri_text, self.display_name))


def parse_address(text: str) -> Address:
    """Read one address; raise MalformedMessage when it is none.

    Without brackets everything behind the first semicolon belongs to the header, and a URI with a comma or a question mark
    must not be written so (§20.10). White space within the brackets is refused: elements disagree about what it means.
    """
    text = text.strip(LWS)
    if text[:1] == '"':
        end = text.find('"', 1)
        display_name = text[1:end]
        if end < 0 or "\\" in display_name:
            end = skip_quoted(text, 0) - 1
            display_name = unquote(text[: end + 1])
        opening = text.find("<", end)
        if opening < 0 or text[end + 1 : opening].strip(LWS):
            raise MalformedMessage("a display name is not followed by an address in brackets")
    else:
        opening = text.find("<")
        if opening < 0:
            return _parse_bare(text)
        display_name = text[:opening].rstrip(LWS)
        if display_name and not _NOT_IN_A_BARE_NAME.isdisjoint(display_name):
            raise MalformedMessage("a display name needs quotes")
    closing = text.find(">", opening)
    if closing < 0:
        raise MalformedMessage("an angle bracket is not closed")
    uri_text = text[opening + 1 : closing]
    if not uri_text or " " in uri_text or "\t" in uri_text:
        raise MalformedMessage("an address is empty or contains white space")
    tail = text[closing + 1 :]
    return Address(uri_text, display_name, parse_parameters(tail) if tail else NO_PARAMETERS)


def _parse_bare(text: str) -> Address:
    uri_text, semicolon, tail = text.partition(";")
    uri_text = uri_text.rstrip(LWS)
    if not uri_text or not {" ", "\t", ",", "?", '"', ">"}.isdisjoint(uri_text):
        raise MalformedMessage("an address without brackets is empty or has characters that need them")
    return Address(uri_text, "", parse_parameters(";" + tail) if semicolon else NO_PARAMETERS)


def _is_plain(value: str) -> bool:
    return value.isascii() and all(c.isalnum() or c in "-.!%*_+`'~[]:" for c in value)
