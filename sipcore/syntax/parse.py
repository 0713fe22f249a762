"""Octets to messages (RFC 3261 §7): the start line, the header lines, the body; no header but Content-Length is interpreted.

Nearly all messages take the first way, `usual`. Every other goes through the index of its lines.

Line ends. SIP lines end with CRLF. A datagram whose lines end with a bare LF, as hand-made tools send, is read all the
same and *kept with CRLF*: what is forwarded then has the same lines for the next element as it had here, so nothing can be
smuggled past anybody. A bare CR is in no production of the grammar, not even escaped, and is refused. (On streams a bare LF
in the header block is refused as well, see `framing`: there the end of the message depends on it.)

Octets behind the body of a datagram are cut off and not forwarded (§18.3).
"""

from __future__ import annotations

import re

from ..errors import MalformedMessage
from .careful import CarefulRequest, CarefulResponse
from .grammar import LWS, MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_HEADER_LINES, is_token, parse_number, unfold
from .header_names import HEADER_KEYS, index_lines, join_folded
from .message import KNOWN_METHODS, Request, Response, join
from .source import note_source
from .usual import read_usual_message

__all__ = ["parse_message", "salvage_request"]

MAX_LENGTH = 2**31 - 1
"What a Content-Length may say; how much is taken is another matter."

_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_ANY_LINE_END = re.compile(r"\r\n|\r|\n")
_NEEDED_TO_ANSWER = ("via", "cseq")
"§17.1.3: by these two a response finds the transaction it belongs to."


def parse_message(data: bytes, host: str = "", port: int = 0) -> Request | Response:
    """Read one message. Raise MalformedMessage with status_hint 400 for a request that is broken, 0 for anything else
    (a response, or no SIP at all), which nobody can be told about.

    `host` and `port`, when given, say where it came from: that is noted in the top Via of a request (see `source`). Pass
    `data` of a broken request to `salvage_request` to answer it.
    """
    message: Request | Response | None = read_usual_message(data, host, port)
    if message is None:
        message = _parse_with_care(data)
        if host and isinstance(message, Request):
            return note_source(message, host, port)
    return message


def _parse_with_care(data: bytes) -> Request | Response:
    """As `parse_message`, for whatever the header block looks like."""
    if data.startswith((b"\r", b"\n")):
        data = data.lstrip(b"\r\n")  # §7.5: empty lines before the start line
    end = data.find(b"\r\n\r\n")
    if end < 0 or end > MAX_HEADER_BYTES:
        return _with_line_ends(data)
    lines = data[:end].decode("utf-8", "surrogateescape").split("\r\n")
    joined = "".join(lines)
    if "\n" in joined or "\r" in joined:
        return _with_line_ends(data)
    return _parse_lines(data, lines, end + 4)


def _with_line_ends(data: bytes) -> Request | Response:
    """Sort out line ends, then try again; or say what is wrong."""
    hint = _status_hint(data)
    match = _END_OF_HEADERS.search(data, 0, MAX_HEADER_BYTES + 4)
    if match is None:
        what = "the header lines are too long" if len(data) > MAX_HEADER_BYTES else "the header lines do not end"
        raise MalformedMessage(what, hint)
    head = data[: match.start()].replace(b"\r\n", b"\n")
    if b"\r" in head:
        raise MalformedMessage("a carriage return stands alone", hint)
    head = head.replace(b"\n", b"\r\n")
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    return _parse_lines(head + b"\r\n\r\n" + data[match.end() :], lines, len(head) + 4)


def _parse_lines(data: bytes, lines: list[str], body_start: int) -> Request | Response:
    start_line = lines.pop(0)
    try:
        if len(lines) > MAX_HEADER_LINES:
            raise MalformedMessage(f"more than {MAX_HEADER_LINES} header lines")
        lines, keys = index_lines(lines)
        message: Request | Response
        if start_line[:4].upper() == "SIP/":
            status, reason = _parse_status_line(start_line)
            message = CarefulResponse(data, status, reason)
        else:
            method, target, version = _parse_request_line(start_line)
            message = CarefulRequest(data, method, target, version)
        length = _content_length(lines, keys)
    except MalformedMessage as error:
        error.status_hint = _status_hint(data)
        raise
    message.usual_end = 0
    message.lines = lines
    message.keys = keys
    _cut_to_length(message, body_start, length)
    return message


def _cut_to_length(message: Request | Response, start: int, length: int | None) -> None:
    data = message.raw
    available = len(data) - start
    if length is None:
        length = available
    elif length > available:
        raise MalformedMessage("Content-Length is more than there is", _status_hint(data))
    if length > MAX_BODY_BYTES:
        raise MalformedMessage("the body is too long", _status_hint(data))
    if length < available:
        message.raw = data[: start + length]


def _parse_request_line(line: str) -> tuple[str, str, str]:
    # §7.1: exactly two single spaces. Guessing where the URI ends is how elements come to disagree.
    try:
        method, target, version = line.split(" ")
    except ValueError:
        raise MalformedMessage("the request line is not method, URI and version") from None
    if method not in KNOWN_METHODS and not is_token(method):
        raise MalformedMessage("the method is not a token")
    if not target:
        raise MalformedMessage("the Request-URI is empty")
    if version != "SIP/2.0":
        version = version.upper()  # §7.1: "SIP-Version is case-insensitive"
        if not version.startswith("SIP/"):
            raise MalformedMessage("the request line does not end with a SIP version")
    return method, target, version


def _parse_status_line(line: str) -> tuple[int, str]:
    version, _, rest = line.partition(" ")
    code, _, reason = rest.partition(" ")
    if version.upper() != "SIP/2.0" or len(code) != 3 or not (code.isdigit() and code.isascii()):
        raise MalformedMessage("the status line is not SIP/2.0 and three digits")
    status = int(code)
    if not 100 <= status <= 699:
        raise MalformedMessage("there are no status codes below 100 or above 699")
    return status, reason


def _content_length(lines: list[str], keys: list[str]) -> int | None:
    if "content-length" not in keys:
        return None
    if keys.count("content-length") > 1:
        # Even when they agree: an element behind us might take the other one of two that do not.
        raise MalformedMessage("Content-Length is given twice")
    line = lines[keys.index("content-length")]
    value = line[line.index(":") + 1 :]
    return parse_number((unfold(value) if "\n" in value else value).strip(LWS), MAX_LENGTH, "Content-Length")


def _status_hint(data: bytes) -> int:
    """400 for what looks like a SIP request other than ACK, else 0."""
    line = data[:MAX_HEADER_BYTES].partition(b"\n")[0].rstrip().upper()
    return 400 if b" SIP/" in line and not line.startswith((b"SIP/", b"ACK ")) else 0


def salvage_request(data: bytes) -> Request | None:
    """Read as much of a broken request as `make_response` needs; None when there is nothing that could be answered.

    Lines that are no headers are left out, the body is empty, and nothing has been checked: for answering 400, never for
    forwarding. ACK is never answered (§17.1.1.3).
    """
    text = data[:MAX_HEADER_BYTES].lstrip(b"\r\n").decode("utf-8", "surrogateescape")
    start_line, *rest = _ANY_LINE_END.split(text, MAX_HEADER_LINES)[:MAX_HEADER_LINES]
    words = start_line.split()
    if len(words) < 3 or not is_token(words[0]) or words[0] == "ACK" or not words[-1].upper().startswith("SIP/"):
        return None
    lines, keys = [], []
    for line in join_folded(rest):
        if not line:
            break
        name, colon, _ = line.partition(":")
        if colon and is_token(name.rstrip(LWS)):
            lines.append(unfold(line))
            keys.append(HEADER_KEYS[name])
    if any(name not in keys for name in _NEEDED_TO_ANSWER):
        return None
    target = words[1]
    request = CarefulRequest(join(f"{words[0]} {target} SIP/2.0", lines, b""), words[0], target)
    request.lines, request.keys = lines, keys  # as they are: what is written here need not be readable
    request.usual_end = 0
    return request
