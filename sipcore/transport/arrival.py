"""From received octets to a message for the core: parsed, and marked with where it came from (RFC 3261 §18.2.1)."""

from __future__ import annotations

from collections.abc import Callable

from ..contract.flow import Flow
from ..errors import MalformedMessage
from ..syntax import Request, Response, note_source_early, parse_message, with_via_received

__all__ = ["Arrival", "note_source"]


class Arrival:
    """Where every transport hands in what it has received."""

    __slots__ = ("_on_malformed", "_on_message")

    def __init__(
        self,
        on_message: Callable[[Request | Response, Flow], None],
        on_malformed: Callable[[bytes, MalformedMessage, Flow], None],
    ) -> None:
        self._on_message = on_message
        self._on_malformed = on_malformed

    def received(self, data: bytes, flow: Flow) -> None:
        """Take one whole message."""
        try:
            noted = note_source_early(data, flow.host, flow.port)
            if noted is not None:
                message = parse_message(noted)
            else:
                message = parse_message(data)
                if message.__class__ is Request:
                    message = note_source(message, flow)
        except MalformedMessage as error:
            self._on_malformed(data, error, flow)
        else:
            self._on_message(message, flow)

    def broken(self, error: MalformedMessage, flow: Flow) -> None:
        """A stream cannot be read any further; there is nothing to answer."""
        self._on_malformed(b"", error, flow)


def note_source(request: Request, flow: Flow) -> Request:
    """Fill `received` and `rport` of the topmost Via.

    RFC 3581 §4: with rport, both, always. RFC 3261 §18.2.1: without, `received` where sent-by says something else; also
    where the peer has written a `received` of its own, which would send the answers elsewhere.
    """
    via = request.top_via
    if "rport" in via.parameters:
        return with_via_received(request, flow.host, flow.port)
    if via.host.strip("[]") != flow.host or "received" in via.parameters:
        return with_via_received(request, flow.host, None)
    return request
