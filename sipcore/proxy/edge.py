"""What a core is told once, when it is built: who it is, what it bounds, and where the RFC leaves a choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import ConfigurationError

__all__ = ["Address", "Edge", "Limits", "Policy"]

Address = tuple[str, int]

_TOKEN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~")


@dataclass(frozen=True, slots=True)
class Edge:
    """One worker's place in the network: its name, its addresses, its domains and its secret."""

    worker: str
    "Names this worker; written into each Via branch, so that a sibling knows whose response it holds."
    advertised: Mapping[str, Address]
    "Transport (udp, tcp, …) to the host and port written into Via and Record-Route."
    domains: frozenset[str] = frozenset()
    "Host names that are ours as the domain of an AoR, in lower case."
    secret: bytes = field(default=b"", repr=False)
    "Signs Record-Route; the same for all workers behind one address."
    listening: frozenset[Address] = frozenset()
    "Addresses bound, where these differ from the advertised ones."
    is_shared: bool = False
    "Whether siblings listen at these addresses too; Record-Route then names this worker beside the token."
    _hosts: frozenset[str] = field(init=False, repr=False, compare=False)
    _addresses: frozenset[Address] = field(init=False, repr=False, compare=False)
    _names: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.worker or not set(self.worker) <= _TOKEN:
            raise ConfigurationError(f"worker name {self.worker!r}: letters, digits, - _ ~ only")
        if not self.advertised:
            raise ConfigurationError("an edge needs at least one advertised address")
        if len(self.secret) < 16:
            raise ConfigurationError("the secret that signs Record-Route has fewer than 16 bytes")
        addresses = {(host.lower().strip("[]"), port) for host, port in (*self.advertised.values(), *self.listening)}
        hosts = {host for host, _ in addresses}
        object.__setattr__(self, "_addresses", frozenset(addresses))
        object.__setattr__(self, "_hosts", frozenset(hosts | self.domains))
        object.__setattr__(self, "_names", frozenset(self.domains - hosts))

    def is_ours(self, host: str, port: int | None = None) -> bool:
        """Whether a Request-URI with this host is for us.

        The port is not compared: some tools cut a five-digit port or leave it out, and no second SIP server of
        another owner is reached through us at our own address.
        """
        return host.lower().strip("[]") in self._hosts

    def is_this_edge(self, host: str, port: int | None) -> bool:
        """Whether a Route or Via with this host and port names this edge itself, and no phone on the same host."""
        host = host.lower().strip("[]")
        return (host, port) in self._addresses or host in self._names or (port is None and host in self._hosts)

    @property
    def name(self) -> str:
        """host:port, by which other nodes reach this edge; an IPv6 address in brackets."""
        host, port = self.address_for("udp")
        return f"[{host}]:{port}" if ":" in host and host[0] != "[" else f"{host}:{port}"

    def address_for(self, transport: str) -> Address:
        """The address that peers on this transport should see."""
        return self.advertised.get(transport) or next(iter(self.advertised.values()))


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds; each stops one kind of flood."""

    branches: int = 32
    "Branches of one request, over its whole life; the hold is none (Kamailio's ceiling, OpenSIPS's complaint #2143)."
    server_transactions: int = 200_000
    "Requests beyond are answered 503 without state. One lingers for 32 s on UDP: 6000 requests a second."
    client_transactions: int = 200_000
    "Branches beyond count as not sent."
    moved_flows: int = 4096
    "Dialog sides that are remembered because they now speak from another flow than the one they began with."
    closed_connections: int = 4096
    "Closed connections that are remembered, so that a stale binding does not make us call a dead one."
    hold_seconds: float = 300.0
    "The longest hold for an INVITE."
    non_invite_hold_seconds: float = 28.0
    "The longest hold for anything else: its sender gives up after 32 s (§17.1.2.2)."
    non_invite_seconds: float = 30.0
    "When anything else is answered at the latest, for the same reason."
    absorbed_answers: int = 8
    "Answers of one branch beyond the first (it leads to a forking proxy) that are acknowledged and hung up."


@dataclass(frozen=True, slots=True)
class Policy:
    """Where the RFC, or taste, leaves a choice."""

    global_decline: bool = False
    "Whether a 6xx of one device ends the call for all (§16.7 step 5); Linphone declines with 603."
    call_deadline: float = 120.0
    "Seconds after which an unanswered call ends whatever its phones say: ring_seconds + wake_seconds."
    timer_c: float = 185.0
    "Seconds without a provisional response before a branch is given up; §16.6 step 11: more than 3 minutes."
    caller_grace: float = 2.0
    "Seconds after a caller's connection closed before that counts as CANCEL."
    silence: float = 5.0
    "Seconds without any response after which a phone is not waited for once the hold has ended."
    takeover_sign: float = 5.0
    "Seconds within which a picker's phone must ring or answer while the call could still go on without it."
    takeover_answer: float = 15.0
    "Seconds within which it must answer while the original phones still ring."
    max_forwards: int = 70
    "For requests that come without, and for our own (§8.1.1.6)."
