"""A flow: the transport association over which one peer is reached (RFC 5626 §2)."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Flow"]


class Flow(NamedTuple):
    """One peer over one transport; hashable, compared by value.

    A tuple and not a dataclass: one is made for each datagram, on the hot path.
    """

    transport: str
    "udp, tcp, tls, ws or wss."
    host: str
    "The peer's address; a host name only when the shell has yet to resolve it."
    port: int
    "The peer's port."
    connection: str = ""
    "Names one connection of a stream transport. Empty: any connection to that peer, opened when there is none."

    @property
    def is_reliable(self) -> bool:
        """Whether the transport retransmits by itself (RFC 3261 §17)."""
        return self.transport != "udp"

    @property
    def id(self) -> str:
        """The flow in one word, as events name it: `udp:192.0.2.7:5060`, `tcp:192.0.2.7:40112#3f1a-2`."""
        text = f"{self.transport}:{self.host}:{self.port}"
        return f"{text}#{self.connection}" if self.connection else text
