"""New messages: forwarded ones by surgery on the received lines, our own from parts (RFC 3261 §8.2.6, §9.1, §16.6, §16.7, §17.1.1.3).

Everything that is not meant to change goes on byte for byte, folds, odd spacing and unknown headers included. A missing
Content-Length is added.

Each of the hot functions has two ways. Where the header block is a usual one, the octets are cut at the places that this
makes easy to find, and put together again. Else the lines of the index are edited; the same comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import InvalidWord, MalformedMessage
from .careful import CarefulRequest, CarefulResponse, ForwardedRequest
from .grammar import LWS, first_value, is_token, split_values
from .header_names import HEADER_KEYS
from .message import SPELLED, Request, Response, join
from .status import reason_phrase

__all__ = [
    "check_header",
    "forward_request",
    "forward_response",
    "make_ack",
    "make_cancel",
    "make_request",
    "make_response",
    "with_headers",
]

_COPIED_INTO_RESPONSES = frozenset({"via", "from", "to", "call-id", "cseq"})
MAX_FORWARDS = 70
"§8.1.1.6."

# How lines begin in usual header blocks, and Max-Forwards as a whole. The line end in front of one is part of all of them.
_VIA, _ROUTE = b"\r" + SPELLED["via"], b"\r" + SPELLED["route"]
_HOPS = [b"\r\nMax-Forwards: %d\r\n" % number for number in range(256)]
_new = object.__new__


def forward_request(
    request: Request,
    target: str,
    via: str,
    max_forwards: int,
    record_route: Sequence[str] = (),
    skip_routes: int = 0,
    routes: Sequence[str] = (),
    headers: Sequence[tuple[str, str]] = (),
    remove: Sequence[str] = (),
) -> Request:
    """Make the copy that goes to one target (§16.6).

    `via`, which ends with its branch, is put on top. `record_route` and `routes` are values put in front of those that are there already; `skip_routes`
    values are dropped from the front first. Lines named in `remove` (lower case) go, `headers` are appended.
    """
    method = request.method
    top = f"{method} {target} SIP/2.0\r\nVia: {via}\r\n"
    for value in record_route:
        top += f"Record-Route: {value}\r\n"
    for value in routes:
        top += f"Route: {value}\r\n"
    if request.usual_end and (not skip_routes or _has_in_one_line(request, skip_routes)):
        # Cut from the back to the front, so that places stay what they are.
        raw = request.raw
        if headers:
            raw = _with_headers(raw, request.usual_end, headers)
        if remove:
            for begin, end in sorted({span for name in remove for span in request.spans(name)}, reverse=True):
                raw = raw[:begin] + raw[end:]
        if skip_routes and "route" not in remove:
            begin = raw.index(_ROUTE)
            raw = raw[:begin] + raw[raw.index(b"\r", begin + 2) :]
        rest = raw[len(method) + len(request.target) + len("  SIP/2.0\r\n") :]
        rest = rest.replace(_HOPS[request.max_forwards or 0], _HOPS[max_forwards], 1)
    else:
        rest = _edit_lines(request, max_forwards, skip_routes, headers, remove)
    forwarded = _new(ForwardedRequest)
    forwarded.raw = top.encode("utf-8", "surrogateescape") + rest
    forwarded.branch = via.rpartition(";branch=")[2]
    forwarded.method = method
    forwarded.target = target
    forwarded.version = "SIP/2.0"
    return forwarded


def _has_in_one_line(request: Request, routes: int) -> bool:
    """Whether so many Route values are the first Route line."""
    return routes == 1 and bool(request.route_lines) and "," not in request.route_lines[0]


def _with_headers(raw: bytes, end: int, headers: Sequence[tuple[str, str]]) -> bytes:
    return raw[:end] + _encode("".join([_checked_line(name, value) for name, value in headers])) + raw[end:]


def _edit_lines(
    request: Request, max_forwards: int, skip_routes: int, headers: Sequence[tuple[str, str]], remove: Sequence[str]
) -> bytes:
    """What follows the start line, of any header block."""
    lines = request.lines.copy()
    keys = request.keys.copy()
    if "max-forwards" in keys:
        lines[keys.index("max-forwards")] = f"Max-Forwards: {max_forwards}"
    else:
        lines.append(f"Max-Forwards: {max_forwards}")
        keys.append("max-forwards")
    _drop_values(lines, keys, "route", skip_routes)
    lines, keys = _without(lines, keys, remove)
    _append(lines, keys, headers)
    if "content-length" not in keys:
        _append_length(lines, keys, request.body)
    return _encode("\r\n".join(lines) + "\r\n\r\n") + request.body


def forward_response(
    response: Response, *, remove: Sequence[str] = (), headers: Sequence[tuple[str, str]] = ()
) -> Response:
    """Take our Via off (§16.7 step 3): the topmost value, not the line, for others may stand behind it."""
    if response.usual_end and not remove:
        raw = response.raw
        if headers:
            raw = _with_headers(raw, response.usual_end, headers)
        begin = raw.index(_VIA)
        end = raw.index(b"\r", begin + 2)
        comma = raw.find(b",", begin, end)  # a usual top value has none in itself
        forwarded = _new(CarefulResponse)
        forwarded.raw = raw[:begin] + (raw[end:] if comma < 0 else b"\r\nVia:" + raw[comma + 1 :])
        forwarded.status = response.status
        forwarded.reason = response.reason
        return forwarded
    lines = response.lines.copy()
    keys = response.keys.copy()
    _drop_values(lines, keys, "via", 1)
    lines, keys = _without(lines, keys, remove)
    _append(lines, keys, headers)
    if "content-length" not in keys:
        _append_length(lines, keys, response.body)
    return CarefulResponse(join(response.start_line, lines, response.body), response.status, response.reason)


def with_headers(response: Response, headers: Sequence[tuple[str, str]]) -> Response:
    """The same response with some headers more, each of which has been checked by `check_header`."""
    head, _, body = response.raw.partition(b"\r\n\r\n")
    more = _encode("".join([_checked_line(name, value) for name, value in headers]))
    return CarefulResponse(b"".join((head, more, b"\r\n\r\n", body)), response.status, response.reason)


def check_header(name: str, value: str) -> None:
    """Raise InvalidWord for what cannot be a header: a name that is no token, or a line end in it."""
    if not is_token(name):
        raise InvalidWord(f"{name!r} is no header name")
    _checked_line(name, value)


def make_response(
    request: Request,
    status: int,
    reason: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
    to_tag: str = "",
    body: bytes = b"",
    content_type: str = "",
) -> Response:
    """Answer a request ourselves (§8.2.6). `to_tag` is added when To has none, except to a 100.

    Works for a request that failed `check_request`, with the headers that it has.
    """
    phrase = reason_phrase(status) if reason is None else _checked(reason)
    more = "".join([_checked_line(name, value) for name, value in headers]) if headers else ""
    if content_type:
        more += _checked_line("Content-Type", content_type)
    copied = _copied_into_responses(request, to_tag if status > 100 else "", has_timestamp=status == 100)
    head = f"SIP/2.0 {status} {_octets(phrase)}{copied}{_octets(more)}\r\nContent-Length: {len(body)}\r\n\r\n"
    return CarefulResponse(head.encode("latin-1") + body, status, phrase)


def _copied_into_responses(request: Request, to_tag: str, *, has_timestamp: bool) -> str:
    """The lines of a response that are those of the request, each with a line end in front; `to_tag` where there is none.

    As text of one character for each octet.
    """
    if request.usual_end and request.has_one_via:  # a usual request has no Timestamp
        to = request.to_text
        if to_tag and not request.to_tag:
            to = f"{to};tag={to_tag}"
        return (
            f"\r\nVia: {request.via_text}\r\nFrom: {request.from_text}\r\nTo: {to}"
            f"\r\nCall-ID: {request.call_id}\r\nCSeq: {request.cseq_digits} {request.method}"
        )
    lines = []
    for line, key in zip(request.lines, request.keys, strict=True):
        if key in _COPIED_INTO_RESPONSES or (key == "timestamp" and has_timestamp):
            if key == "to" and to_tag and not _has_to_tag(request):
                line = f"{line.rstrip(LWS)};tag={to_tag}"
            lines.append(f"\r\n{line}")
    return _octets("".join(lines))


def make_ack(invite: Request, response: Response) -> Request:
    """Acknowledge a final response other than 2xx (§17.1.1.3): part of the INVITE's own transaction, same branch."""
    to = response.header("to")
    if to is None:
        to = invite.header("to") or ""
    return _same_transaction(invite, "ACK", to, ())


def make_cancel(invite: Request, headers: Sequence[tuple[str, str]] = ()) -> Request:
    """Cancel an INVITE that was sent (§9.1): same target, Route, From, To, Call-ID, CSeq number and top Via."""
    return _same_transaction(invite, "CANCEL", invite.header("to") or "", headers)


def make_request(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> Request:
    """Write a request in full; Content-Length is added."""
    text = "".join([_checked_line(name, value) for name, value in headers])
    start_line = f"{_checked(method)} {_checked(target)} SIP/2.0"
    raw = _encode(f"{start_line}{text}\r\nContent-Length: {len(body)}\r\n\r\n") + body
    return CarefulRequest(raw, method, target)


def _same_transaction(invite: Request, method: str, to: str, headers: Sequence[tuple[str, str]]) -> Request:
    wanted = [
        ("Via", first_value(invite.header("via") or "")),
        ("Max-Forwards", str(MAX_FORWARDS)),
        *(("Route", value) for value in invite.headers("route")),
        ("From", invite.header("from") or ""),
        ("To", to),
        ("Call-ID", invite.header("call-id") or ""),
        ("CSeq", f"{invite.cseq_number} {method}"),
        *headers,
    ]
    return make_request(method, invite.target, wanted)


def _has_to_tag(request: Request) -> bool:
    try:
        return bool(request.to_tag)
    except MalformedMessage:
        return False


def _checked(text: str) -> str:
    """Refuse line ends in what the script or another room gave: they would begin a header of their own."""
    if "\n" in text or "\r" in text:
        raise InvalidWord("a header name, value or reason contains a line end")
    return text


def _checked_line(name: str, value: str) -> str:
    line = _checked(f"{name}: {value}")
    _ = HEADER_KEYS[name]  # raises where the name is no token
    return f"\r\n{line}"


def _octets(text: str) -> str:
    """Text as text of one character for each octet."""
    return text if text.isascii() else _encode(text).decode("latin-1")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _append(lines: list[str], keys: list[str], headers: Iterable[tuple[str, str]]) -> None:
    for name, value in headers:
        lines.append(_checked(f"{name}: {value}"))
        keys.append(HEADER_KEYS[name])


def _append_length(lines: list[str], keys: list[str], body: bytes) -> None:
    """§16.6 step 10, §18.3: datagrams may do without Content-Length, and the next hop may be a stream."""
    lines.append(f"Content-Length: {len(body)}")
    keys.append("content-length")


def _without(lines: list[str], keys: list[str], remove: Sequence[str]) -> tuple[list[str], list[str]]:
    if not remove:
        return lines, keys
    unwanted = {name.lower() for name in remove}
    kept = [(line, key) for line, key in zip(lines, keys, strict=True) if key not in unwanted]
    return [line for line, _ in kept], [key for _, key in kept]


def _drop_values(lines: list[str], keys: list[str], name: str, count: int) -> None:
    """Drop the first `count` values of a header in place, whole lines where they become empty."""
    while count > 0 and name in keys:
        position = keys.index(name)
        spelled, _, value = lines[position].partition(":")
        values = split_values(value)
        if len(values) > count:
            lines[position] = f"{spelled}: {', '.join(values[count:])}"
            return
        count -= len(values)
        del lines[position], keys[position]
