"""`;name=value` lists, as they stand behind addresses, Via values and many other header values (RFC 3261 §25.1)."""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from types import MappingProxyType

from ..errors import MalformedMessage
from .grammar import LWS, find_outside_quotes, is_token, unquote

__all__ = ["MAX_PARAMETERS", "NO_PARAMETERS", "parse_parameters", "split_parameters"]

MAX_PARAMETERS = 64
"Of one value. A registered contact with everything RFC 8599 and RFC 5626 know has about ten."

MAX_LEARNT = 512
MAX_LEARNT_NAME = 32
"A flood of invented names is read slowly, not remembered."

NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


class _ParameterNames(dict[str, str]):
    """From a name as spelled to its lower-case form. New spellings are checked, and learnt within bounds."""

    def __missing__(self, spelled: str) -> str:
        name = spelled.strip(LWS)
        if not is_token(name):
            raise MalformedMessage("a parameter name is not a token")
        name = intern(name.lower())
        if len(self) < MAX_LEARNT and len(spelled) <= MAX_LEARNT_NAME:
            self[spelled] = name
        return name


_NAMES = _ParameterNames()


def parse_parameters(text: str) -> Mapping[str, str | None]:
    """Read `;name=value;flag`, white space allowed around each part, into a dict by lower-case name.

    A flag has the value None, an empty value is "". Quoted values come unquoted. A name that is given twice keeps its
    first value: every element on the way then reads the same one.
    """
    if text[:1] != ";" or text[-1] in LWS:
        text = text.strip(LWS)
        if not text:
            return NO_PARAMETERS
    if text[0] != ";":
        raise MalformedMessage("a parameter does not begin with a semicolon")
    parts = split_parameters(text[1:])
    if len(parts) > MAX_PARAMETERS:
        raise MalformedMessage(f"more than {MAX_PARAMETERS} parameters")
    parameters: dict[str, str | None] = {}
    for part in parts:
        spelled, equals, value = part.partition("=")
        name = _NAMES[spelled]
        if name not in parameters:
            if equals:
                value = value.strip(LWS)
                parameters[name] = unquote(value) if value[:1] == '"' else value
            else:
                parameters[name] = None
    return parameters


def split_parameters(text: str) -> list[str]:
    """Split at the semicolons that are not in quoted strings; nothing else is looked at."""
    if '"' not in text:
        return text.split(";")
    parts = []
    begin = 0
    while (end := find_outside_quotes(text, ";", begin)) >= 0:
        parts.append(text[begin:end])
        begin = end + 1
    parts.append(text[begin:])
    return parts
