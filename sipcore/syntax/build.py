"""New messages: forwarded ones by surgery on the received lines, our own from parts (RFC 3261 §8.2.6, §9.1, §16.6, §16.7, §17.1.1.3).

Everything that is not meant to change goes on byte for byte, folds, odd spacing and unknown headers included. A missing
Content-Length is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import InvalidWord, MalformedMessage
from .grammar import LWS, first_value, split_values
from .header_names import HEADER_KEYS
from .message import Request, Response, join
from .parameters import split_parameters
from .status import reason_phrase

__all__ = [
    "forward_request",
    "forward_response",
    "make_ack",
    "make_cancel",
    "make_request",
    "make_response",
    "with_via_received",
]

_SAME_DIALOG = ("call_id", "cseq", "from_", "to", "from_tag", "to_tag")
_COPIED_INTO_RESPONSES = frozenset({"via", "from", "to", "call-id", "cseq"})
MAX_FORWARDS = 70
"§8.1.1.6."


def forward_request(
    request: Request,
    *,
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

    `via` is put on top. `record_route` and `routes` are values put in front of those that are there already; `skip_routes`
    values are dropped from the front first. Lines named in `remove` (lower case) go, `headers` are appended.
    """
    lines = request.lines.copy()
    keys = request.keys.copy()
    if "max-forwards" in keys:
        lines[keys.index("max-forwards")] = f"Max-Forwards: {max_forwards}"
    else:
        lines.append(f"Max-Forwards: {max_forwards}")
        keys.append("max-forwards")
    if skip_routes:
        _drop_values(lines, keys, "route", skip_routes)
    if remove:
        lines, keys = _without(lines, keys, remove)
    if headers:
        _append(lines, keys, headers)
    if "content-length" not in keys:
        _append_length(lines, keys, request.body)
    top = [f"Via: {via}"]
    top_keys = ["via"]
    for value in record_route:
        top.append(f"Record-Route: {value}")
        top_keys.append("record-route")
    for value in routes:
        top.append(f"Route: {value}")
        top_keys.append("route")
    top += lines
    top_keys += keys
    method = request.method
    text = "\r\n".join(top)
    raw = f"{method} {target} SIP/2.0\r\n{text}\r\n\r\n".encode("utf-8", "surrogateescape") + request.body
    forwarded = Request(raw, method, target, top, top_keys, request.body)
    forwarded.remember(request, _SAME_DIALOG)
    return forwarded


def forward_response(
    response: Response, *, remove: Sequence[str] = (), headers: Sequence[tuple[str, str]] = ()
) -> Response:
    """Take our Via off (§16.7 step 3): the topmost value, not the line, for others may stand behind it."""
    lines = response.lines.copy()
    keys = response.keys.copy()
    if "via" in keys:
        position = keys.index("via")
        if "," in lines[position]:
            _drop_values(lines, keys, "via", 1)
        else:
            del lines[position], keys[position]
    if remove:
        lines, keys = _without(lines, keys, remove)
    if headers:
        _append(lines, keys, headers)
    if "content-length" not in keys:
        _append_length(lines, keys, response.body)
    text = "\r\n".join(lines)
    raw = f"SIP/2.0 {response.status} {response.reason}\r\n{text}\r\n\r\n".encode("utf-8", "surrogateescape")
    forwarded = Response(raw + response.body, response.status, response.reason, lines, keys, response.body)
    forwarded.remember(response, _SAME_DIALOG)
    return forwarded


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
    if reason is None:
        reason = reason_phrase(status)
    lines: list[str] = []
    keys: list[str] = []
    for line, key in zip(request.lines, request.keys, strict=True):
        if key in _COPIED_INTO_RESPONSES or (key == "timestamp" and status == 100):
            if key == "to" and to_tag and status > 100 and not _has_to_tag(request):
                line = f"{line.rstrip(LWS)};tag={to_tag}"
            lines.append(line)
            keys.append(key)
    if headers:
        _append(lines, keys, headers)
    if content_type:
        _append(lines, keys, (("Content-Type", content_type),))
    _append_length(lines, keys, body)
    start_line = f"SIP/2.0 {status} {_checked(reason)}"
    return Response(join(start_line, lines, body), status, reason, lines, keys, body)


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
    lines: list[str] = []
    keys: list[str] = []
    _append(lines, keys, (*headers, ("Content-Length", str(len(body)))))
    raw = join(f"{_checked(method)} {_checked(target)} SIP/2.0", lines, body)
    return Request(raw, method, target, lines, keys, body)


def with_via_received(request: Request, received: str | None, rport: int | None) -> Request:
    """Write down in the top Via where the request came from (§18.2.1, RFC 3581 §4).

    `received` replaces what a peer may have claimed; `rport` is filled in only where it was asked for.
    """
    if (received is None and rport is None) or "via" not in request.keys:
        return request
    position = request.keys.index("via")
    spelled = request.lines[position].partition(":")[0]
    value = request.line_value(position)
    top = first_value(value)
    parts = []
    for part in split_parameters(top):
        name = part.partition("=")[0].strip(LWS).lower()
        if name == "rport" and rport is not None:
            part = f"rport={rport}"
        elif name == "received" and received is not None:
            continue
        parts.append(part)
    if received is not None:
        parts.append(f"received={received}")
    lines = request.lines.copy()
    lines[position] = f"{spelled}: {';'.join(parts)}{value[value.index(top) + len(top) :]}"
    changed = Request(None, request.method, request.target, lines, request.keys, request.body, request.version)
    changed.remember(request, (*_SAME_DIALOG, "uri", "max_forwards", "branch"))
    return changed


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


def _append(lines: list[str], keys: list[str], headers: Iterable[tuple[str, str]]) -> None:
    for name, value in headers:
        lines.append(_checked(f"{name}: {value}"))
        keys.append(HEADER_KEYS[name])


def _append_length(lines: list[str], keys: list[str], body: bytes) -> None:
    """§16.6 step 10, §18.3: datagrams may do without Content-Length, and the next hop may be a stream."""
    lines.append(f"Content-Length: {len(body)}")
    keys.append("content-length")


def _without(lines: list[str], keys: list[str], remove: Sequence[str]) -> tuple[list[str], list[str]]:
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
