"""`;name=value` lists, as they stand behind addresses, Via values and many other header values (RFC 3261 §25.1)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..errors import MalformedMessage
from .grammar import LWS, find_outside_quotes, is_token, unquote

__all__ = ["MAX_PARAMETERS", "NO_PARAMETERS", "parse_parameters"]

MAX_PARAMETERS = 64
"Of one value. A registered contact with everything RFC 8599 and RFC 5626 know has about ten."

NO_PARAMETERS: Mapping[str, str | None] = MappingProxyType({})


def parse_parameters(text: str) -> Mapping[str, str | None]:
    """Read `;name=value;flag`, white space allowed around each part, into a dict by lower-case name.

    A flag has the value None, an empty value is "". Quoted values come unquoted. A name that is given twice keeps its
    first value: every element on the way then reads the same one.
    """
    text = text.strip(LWS)
    if not text:
        return NO_PARAMETERS
    if text[0] != ";":
        raise MalformedMessage("a parameter does not begin with a semicolon")
    parts = text[1:].split(";") if '"' not in text else _split_quoted(text)
    if len(parts) > MAX_PARAMETERS:
        raise MalformedMessage(f"more than {MAX_PARAMETERS} parameters")
    parameters: dict[str, str | None] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.strip(LWS)
        if not is_token(name):
            raise MalformedMessage("a parameter name is not a token")
        name = name.lower()
        if name not in parameters:
            parameters[name] = unquote(value.strip(LWS)) if equals else None
    return parameters


def _split_quoted(text: str) -> list[str]:
    parts = []
    begin = 1
    while (end := find_outside_quotes(text, ";", begin)) >= 0:
        parts.append(text[begin:end])
        begin = end + 1
    parts.append(text[begin:])
    return parts
