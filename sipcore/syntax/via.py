"""Via: the way a request came, and the way its responses go back (RFC 3261 §20.42, RFC 3581)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import MalformedMessage
from .grammar import LWS
from .parameters import NO_PARAMETERS, parse_parameters
from .uri import parse_host_port

__all__ = ["Via", "parse_via"]

_PROTOCOL = re.compile(r"\s*([^\s/,]+)\s*/\s*([^\s/,]+)\s*/\s*([^\s/,]+)\s+(.+)", re.ASCII)
_USUAL = {f"SIP/2.0/{transport}": transport for transport in ("UDP", "TCP", "TLS", "WS", "WSS")}


class Via:
    """One Via value. Treat as frozen."""

    __slots__ = ("host", "parameters", "port", "protocol", "transport")

    protocol: str
    "SIP/2.0, upper-case."
    transport: str
    "UDP, TCP, TLS, WS, WSS, or one unknown to us; upper-case."
    host: str
    "Lower-case; an IPv6 reference keeps its brackets."
    port: int | None
    parameters: Mapping[str, str | None]

    def __init__(
        self, protocol: str, transport: str, host: str, port: int | None, parameters: Mapping[str, str | None]
    ) -> None:
        self.protocol = protocol
        self.transport = transport
        self.host = host
        self.port = port
        self.parameters = parameters

    @property
    def branch(self) -> str:
        """The branch parameter, empty when there is none (RFC 2543)."""
        return self.parameters.get("branch") or ""

    @property
    def received(self) -> str:
        """The address the request came from, empty when it is not given."""
        return self.parameters.get("received") or ""

    @property
    def rport(self) -> str | None:
        """None when absent, "" when asked for, else the port as filled in (RFC 3581 §4)."""
        if "rport" not in self.parameters:
            return None
        return self.parameters["rport"] or ""

    @property
    def sent_by(self) -> str:
        """`host:port`, or `host` alone when no port was written; lower-case."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Via({self.transport} {self.sent_by} {self.branch})"


def parse_via(text: str) -> Via:
    """Read one Via value; raise MalformedMessage when it is none."""
    head, semicolon, tail = text.partition(";")
    start, _, sent_by = head.partition(" ")
    transport = _USUAL.get(start)
    protocol = "SIP/2.0"
    if transport is None or " " in sent_by:
        protocol, transport, sent_by = _parse_unusual(head)
    host, port = parse_host_port(sent_by)
    return Via(protocol, transport, host, port, parse_parameters(f";{tail}") if semicolon else NO_PARAMETERS)


def _parse_unusual(head: str) -> tuple[str, str, str]:
    """Any spelling §25.1 allows: white space around each slash and around the colon, any case, other transports."""
    match = _PROTOCOL.fullmatch(head)
    if match is None:
        raise MalformedMessage("a Via does not begin with protocol, version, transport and host")
    name, version, transport, sent_by = match.groups()
    # The last colon is the one before the port, or stands in an IPv6 reference where no space is.
    before, colon, after = sent_by.strip(LWS).rpartition(":")
    return f"{name}/{version}".upper(), transport.upper(), before.rstrip(LWS) + colon + after.lstrip(LWS)
