"""The lexical ground (RFC 3261 §25.1): tokens, quoted strings, numbers, lists, and what every message is bounded by.

Everything here works on `str` that was decoded as UTF-8 with `surrogateescape`, so any octet survives the way through.
`str.strip()` and `int()` know Unicode, SIP does not: whitespace is `LWS`, digits are ASCII.
"""

from __future__ import annotations

import re

from ..errors import MalformedMessage

__all__ = [
    "LWS",
    "MAX_BODY_BYTES",
    "MAX_HEADER_BYTES",
    "MAX_HEADER_LINES",
    "MAX_VALUES",
    "find_outside_quotes",
    "first_value",
    "is_token",
    "parse_number",
    "quote",
    "skip_quoted",
    "split_values",
    "unfold",
    "unquote",
]

LWS = " \t\r\n"
"What may stand around a value once its line has been cut out; a line end is left only where it was folded."

MAX_HEADER_BYTES = 32_768
"Start line and header lines together. Half a datagram: the longest torture INVITE has under 4 kB."
MAX_HEADER_LINES = 256
"A proxied INVITE has 15 to 40; each costs an index entry."
MAX_BODY_BYTES = 65_535
"What a UDP datagram could carry; streams are held to the same."
MAX_VALUES = 256
"Values of one header of one message; a loop of 70 hops has 70 Via values."

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_FOLD = re.compile(r"\r\n[ \t]+")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_DELIMITER = re.compile(r'[",<>]')
_QUOTED = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def is_token(text: str) -> bool:
    """Tell whether `text` is a `token`: letters, digits and ``-.!%*_+`'~``, at least one of them."""
    return _TOKEN.fullmatch(text) is not None


def unfold(value: str) -> str:
    """Replace each fold (line end and the white space behind it) by one space (§7.3.1)."""
    return _FOLD.sub(" ", value) if "\r\n" in value else value


def quote(text: str) -> str:
    """Write a quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    """Read a quoted string; what is not quoted is returned as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return _ESCAPED.sub(r"\1", inner) if "\\" in inner else inner


def parse_number(text: str, maximum: int, what: str) -> int:
    """Read 1*DIGIT. Leading zeros are legal (`Max-Forwards: 0068`), signs, spaces within and other scripts are not."""
    if text.isdigit() and text.isascii() and len(text) <= 20 and (number := int(text)) <= maximum:
        return number
    raise MalformedMessage(f"{what} is not a number from 0 to {maximum}")


def skip_quoted(text: str, start: int) -> int:
    """Return the position behind the quoted string that begins at `start`."""
    match = _QUOTED.match(text, start)
    if match is None:
        raise MalformedMessage("a quoted string does not end")
    return match.end()


def find_outside_quotes(text: str, wanted: str, start: int = 0) -> int:
    """Like `text.find(wanted, start)`, passing over quoted strings; `wanted` is one character."""
    while True:
        found = text.find(wanted, start)
        opening = text.find('"', start, found if found >= 0 else len(text))
        if opening < 0:
            return found
        start = skip_quoted(text, opening)


def split_values(text: str) -> list[str]:
    """Split a header value at its commas, but not at those in quoted strings or in angle brackets (§7.3.1).

    Empty values between commas are left out: they mean nothing.
    """
    if "," not in text:
        value = text.strip(LWS)
        return [value] if value else []
    if '"' not in text and "<" not in text:
        values = text.split(",")
    else:
        values = []
        begin = position = 0
        while (match := _DELIMITER.search(text, position)) is not None:
            position = match.end()
            mark = match.group()
            if mark == '"':
                position = skip_quoted(text, match.start())
            elif mark == "<":
                position = text.find(">", position) + 1
                if not position:
                    raise MalformedMessage("an angle bracket is not closed")
            elif mark == ",":
                values.append(text[begin : match.start()])
                begin = position
        values.append(text[begin:])
    if len(values) > MAX_VALUES:
        raise MalformedMessage(f"more than {MAX_VALUES} values in one header")
    return [value for part in values if (value := part.strip(LWS))]


def first_value(text: str) -> str:
    """Return the first of the values, empty when there is none."""
    if "," not in text:
        return text.strip(LWS)
    values = split_values(text)
    return values[0] if values else ""
