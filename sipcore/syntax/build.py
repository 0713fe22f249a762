"""New messages: forwarded ones by surgery on the received lines, our own from parts (RFC 3261 §8.2.6, §9.1, §16.6, §16.7, §17.1.1.3).

Everything that is not meant to change goes on byte for byte, folds, odd spacing and unknown headers included. A missing
Content-Length is added.

Each of the hot functions has two ways. Where the header block is a usual one (`usual`), the octets are cut at the places
that it names and put together again. Else the lines of the index are edited; the same comes out.
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
    raw = _forward_usual(request, target, via, max_forwards, record_route, skip_routes, routes, headers, remove)
    if raw is None:
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
        top = [f"Via: {via}", *(f"Record-Route: {value}" for value in record_route)]
        top += (f"Route: {value}" for value in routes)
        raw = join(f"{request.method} {target} SIP/2.0", top + lines, request.body)
    return Request(raw, request.method, target)


def _forward_usual(
    request: Request,
    target: str,
    via: str,
    max_forwards: int,
    record_route: Sequence[str],
    skip_routes: int,
    routes: Sequence[str],
    headers: Sequence[tuple[str, str]],
    remove: Sequence[str],
) -> bytes | None:
    head = request.usual
    if head is None or head["max_forwards"] is None or head["content_length"] is None:
        return None
    top = f"{request.method} {target} SIP/2.0\r\nVia: {via}\r\n"
    for value in record_route:
        top += f"Record-Route: {value}\r\n"
    for value in routes:
        top += f"Route: {value}\r\n"
    # What goes, in parts of the octets that are written anew, from the front to the back.
    begin, end = head.span("max_forwards")
    cuts = [(begin, end, b"%d" % max_forwards)]
    if skip_routes:
        if skip_routes > 1 or head["more_routes"] is not None or head["route"] is None or b"," in head["route"]:
            return None
        begin, end = head.span("route")
        cuts.append((begin - len("Route: "), end + 2, b""))
    for name in remove:
        cuts += [(begin, end, b"") for begin, end in request.spans(name)]
    if len(cuts) > 1:
        cuts = sorted(set(cuts))
    raw = request.raw
    parts = [_encode(top)]
    at = head.end("target") + len(" SIP/2.0\r\n")
    for begin, end, instead in cuts:
        parts += (raw[at:begin], instead)
        at = end
    if headers:
        end = head.end()
        parts += (raw[at:end], _encode("".join([_checked_line(name, value) for name, value in headers])))
        at = end
    parts.append(raw[at:])
    return b"".join(parts)


def forward_response(
    response: Response, *, remove: Sequence[str] = (), headers: Sequence[tuple[str, str]] = ()
) -> Response:
    """Take our Via off (§16.7 step 3): the topmost value, not the line, for others may stand behind it."""
    head = response.usual
    if head is not None and not remove and head["via"] is not None and head["content_length"] is not None:
        raw = response.raw
        begin, end = head.span("via")
        rest = raw[end + 2 :]
        if headers:
            end = head.end() - end - 2
            rest = rest[:end] + _encode("".join([_checked_line(name, value) for name, value in headers])) + rest[end:]
        return Response(raw[: begin - len("Via: ")] + rest, response.status, response.reason)
    lines = response.lines.copy()
    keys = response.keys.copy()
    _drop_values(lines, keys, "via", 1)
    lines, keys = _without(lines, keys, remove)
    _append(lines, keys, headers)
    if "content-length" not in keys:
        _append_length(lines, keys, response.body)
    return Response(join(response.start_line, lines, response.body), response.status, response.reason)


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
    start_line = f"SIP/2.0 {status} {_checked(reason)}"
    more = [_checked_line(name, value) for name, value in headers]
    if content_type:
        more.append(_checked_line("Content-Type", content_type))
    more.append(f"\r\nContent-Length: {len(body)}\r\n\r\n")
    copied = _copied_into_responses(request, to_tag if status > 100 else "", has_timestamp=status == 100)
    raw = b"".join((_encode(start_line), copied, _encode("".join(more)), body))
    return Response(raw, status, reason)


def _copied_into_responses(request: Request, to_tag: str, *, has_timestamp: bool) -> bytes:
    """The lines of a response that are those of the request, each with a line end in front; `to_tag` where there is none."""
    head = request.usual
    if head is not None and head["more_vias"] is None:
        via, caller, callee, call_id, number, method, tag = head.group(
            "via", "from", "to", "call_id", "cseq_number", "cseq_method", "to_tag"
        )
        if via and caller and callee and call_id and number:
            if to_tag and tag is None:
                callee = b"%b;tag=%b" % (callee, to_tag.encode())
            return b"\r\nVia: %b\r\nFrom: %b\r\nTo: %b\r\nCall-ID: %b\r\nCSeq: %b %b" % (
                via,
                caller,
                callee,
                call_id,
                number,
                method,
            )
    lines = []
    for line, key in zip(request.lines, request.keys, strict=True):
        if key in _COPIED_INTO_RESPONSES or (key == "timestamp" and has_timestamp):
            if key == "to" and to_tag and not _has_to_tag(request):
                line = f"{line.rstrip(LWS)};tag={to_tag}"
            lines.append(f"\r\n{line}")
    return _encode("".join(lines))


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
    return Request(raw, method, target)


def with_via_received(request: Request, received: str | None, rport: int | None) -> Request:
    """Write down in the top Via where the request came from (§18.2.1, RFC 3581 §4).

    `received` replaces what a peer may have claimed; `rport` is filled in only where it was asked for.
    """
    value = request.header("via")
    if value is None or (received is None and rport is None):
        return request
    position = request.keys.index("via")
    spelled = request.lines[position].partition(":")[0]
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
    raw = join(request.start_line, lines, request.body)
    return Request(raw, request.method, request.target, request.version)


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
