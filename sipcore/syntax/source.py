"""Where a request came from, written into its top Via (RFC 3261 §18.2.1, RFC 3581 §4): that is where its responses go."""

from __future__ import annotations

from .careful import CarefulRequest
from .grammar import LWS, first_value
from .message import Request, join
from .parameters import split_parameters

__all__ = ["note_source", "with_via_received"]


def note_source(request: Request, host: str, port: int) -> Request:
    """Fill `received` and `rport` of the topmost Via.

    RFC 3581 §4: with rport, both, always. RFC 3261 §18.2.1: without, `received` where sent-by says something else; also
    where the peer has written a `received` of its own, which would send the answers elsewhere.
    """
    via = request.top_via
    if "rport" in via.parameters:
        return with_via_received(request, host, port)
    if via.host.strip("[]") != host or "received" in via.parameters:
        return with_via_received(request, host, None)
    return request


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
    return CarefulRequest(raw, request.method, request.target, request.version)
