"""How much of everything the network may make us hold."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TransportLimits"]


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """Bounds of the transport room; seconds and octets unless said otherwise."""

    datagrams_per_wakeup: int = 64
    "Datagrams read before everything else gets its turn."
    rest: float = 0.005
    "Between two wake-ups for datagrams while many come, see `udp`. Half of it is less than a called phone may take to be rung."
    many: float = 8.0
    "Datagrams in that time that begin it: 230 calls a second. It ends when there are fewer than two thirds of them."
    receive_buffer: int = 4 * 2**20
    "Asked of the kernel for the UDP socket: some 4000 messages, two seconds of them while the worker is busy elsewhere."
    queued_datagrams: int = 4096
    "Datagrams that wait for room in the socket. Further ones are lost, as the network may lose them too."
    known_peers: int = 16_384
    "UDP peers whose flow is kept. When full it is emptied: making a flow anew costs a microsecond."
    connections: int = 8192
    "Stream connections in all, both ways."
    connections_per_host: int = 1024
    "Of one address; a company behind one NAT has that many phones, a single phone has no need for them."
    connect_seconds: float = 4.0
    "§18.1.1 leaves it open. Less than Timer B leaves time for another target."
    waiting_messages: int = 64
    "Messages that wait for one connection to be made."
    write_buffer: int = 512 * 2**10
    "Unsent octets of one connection; a peer that reads so slowly is given up."
    idle_seconds: float = 7500.0
    "A connection without a sign of life. More than the longest ordinary registration (7200 s): its phone may sleep."
    complete_seconds: float = 32.0
    "64*T1: until the first message, and from the first octet of a message to its last one."
    sweep_seconds: float = 5.0
    "How often connections are looked over for the two above."
    close_seconds: float = 1.0
    "For what has been written when the worker ends."
    names: int = 1024
    "Host names whose address is kept."
    name_seconds: float = 60.0
    "How long; getaddrinfo does not tell the TTL."
    failed_name_seconds: float = 5.0
    "How long a name that could not be resolved is not asked for again."
    lookups: int = 32
    "Names asked for at the same time."
    messages_per_lookup: int = 64
    "Messages that wait for one name."
