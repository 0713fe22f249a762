"""Via: the way a request came, and the way its responses go back (RFC 3261 §20.42, RFC 3581)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import MalformedMessage
from .grammar import LWS
from .parameters import NO_PARAMETERS, parse_parameters
from .uri import parse_host_port

__all__ = ["Via", "parse_via"]

_PROTOCOL = re.compile(r"\s*([^\s/;,]+)\s*/\s*([^\s/;,]+)\s*/\s*([^\s/;,]+)\s+([^;]+)", re.ASCII)


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
    match = _PROTOCOL.match(text)
    if match is None:
        raise MalformedMessage("a Via does not begin with protocol, version, transport and host")
    name, version, transport, sent_by = match.groups()
    sent_by = sent_by.strip(LWS)
    if " " in sent_by:
        # §25.1: COLON in sent-by may have white space around it. The last colon is the one before the port.
        before, colon, after = sent_by.rpartition(":")
        sent_by = before.rstrip(LWS) + colon + after.lstrip(LWS)
    host, port = parse_host_port(sent_by)
    end = match.end()
    parameters = parse_parameters(text[end:]) if end < len(text) else NO_PARAMETERS
    return Via(f"{name}/{version}".upper(), transport.upper(), host, port, parameters)
