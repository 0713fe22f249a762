"""All transports of a worker behind one `send`, and one set of callbacks for what arrives."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable
from typing import Any, Protocol

from ..contract.flow import Flow
from ..errors import ConfigurationError, MalformedMessage
from ..syntax import Request, Response
from .arrival import Arrival
from .connections import Connections, Observed
from .limits import TransportLimits
from .resolver import Resolver, is_numeric
from .udp import UdpSocket

__all__ = ["TransportSettings", "Transports"]

DEFAULT_PORT = 5060
MAX_NAME = 255  # octets, RFC 1035 §2.3.4; what is longer is refused by the resolver, and not remembered
BACKLOG = 512
SAME_PORT_ATTEMPTS = 16  # for port 0, in tests: a port free for TCP may be taken for UDP


class TransportSettings(Protocol):
    """What is needed of the configuration."""

    @property
    def sip_host(self) -> str: ...
    @property
    def sip_port(self) -> int: ...
    @property
    def share_port(self) -> bool: ...


class Transports:
    """UDP and TCP on one port.

    `on_message` and `on_malformed` are called for each message as it is read, `after_batch` once when everything that had
    arrived together has been handed over: that is the moment to pump the core. `on_closed` tells of each stream connection
    that ends. `on_error` tells, always in a later turn of the loop, that what was sent with that transaction did not go.
    `observed` is told of connections that open and close, and why. `elsewhere` is asked to send over a connection that is none of this worker's, and says whether it could.
    """

    def __init__(
        self,
        config: TransportSettings,
        on_message: Callable[[Request | Response, Flow], None],
        on_malformed: Callable[[bytes, MalformedMessage, Flow], None],
        on_closed: Callable[[Flow], None],
        on_error: Callable[[Any, Exception], None],
        after_batch: Callable[[], None] = lambda: None,
        limits: TransportLimits | None = None,
        elsewhere: Callable[[bytes, Flow, Any], bool] | None = None,
        observed: Observed = lambda flow, what: None,
    ) -> None:
        self._config = config
        self._limits = limits or TransportLimits()
        self._arrival = Arrival(on_message, on_malformed)
        self._on_closed = on_closed
        self._observed = observed
        self._on_error = on_error
        self._after_batch = after_batch
        self._elsewhere = elsewhere
        # Names must not come back after a restart: bindings in the store may still hold those from before.
        self.run = secrets.token_hex(4)
        "How the names of this worker's connections begin: `<run>-<number>`."
        self._numeric: dict[str, bool] = {}
        self._udp: UdpSocket
        self._streams: dict[str, Connections] = {}
        self._servers: list[asyncio.Server] = []
        self._resolver: Resolver
        self._local = ("", 0)
        self._socket_names: dict[str, str] = {}
        self._is_closed = False

    @property
    def addresses(self) -> list[str]:
        """What is listened on, as `udp:127.0.0.1:5060`."""
        return [self._socket_name(transport) for transport in ("udp", *self._streams)]

    @property
    def port(self) -> int:
        """The port that was bound; of interest where port 0 was asked for."""
        return self._local[1]

    async def start(self) -> None:
        """Bind and listen. Raise ConfigurationError when that cannot be."""
        loop = asyncio.get_running_loop()
        host, port = self._config.sip_host.strip("[]"), self._config.sip_port
        try:
            datagrams, listening = _bind_both(host, port, share=self._config.share_port)
        except OSError as error:
            raise ConfigurationError(
                f"PBX_SIP is {self._config.sip_host}:{port}, which cannot be listened on: {error.strerror or error}. "
                "Give an address of this host and a port that no other program uses."
            ) from error
        self._local = datagrams.getsockname()[:2]
        self._socket_names.clear()
        is_wildcard = host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        family = socket.AF_INET if datagrams.family == socket.AF_INET else socket.AF_UNSPEC
        self._resolver = Resolver(loop, self._limits, family)
        self._udp = UdpSocket(loop, datagrams, self._arrival, self._after_batch, self._failed, self._limits)
        tcp = self._streams["tcp"] = Connections(
            "tcp",
            loop,
            self._arrival,
            self._after_batch,
            self._on_closed,
            self._failed,
            self._limits,
            local_host=None if is_wildcard else host,
            run=self.run,
            elsewhere=self._elsewhere,
            observed=self._observed,
        )
        self._servers.append(await loop.create_server(tcp.accept, sock=listening, backlog=BACKLOG))

    def send(self, data: bytes, flow: Flow, transaction: Any = None) -> None:
        """Send one message. Never waits and never raises; `on_error` is told later."""
        if self._is_closed:
            return
        host = flow.host
        is_address = self._numeric.get(host)
        if is_address is None:
            is_address = self._learn(host)
        if not is_address:
            self._send_to_name(data, flow, transaction)
        elif flow.transport == "udp":
            self._udp.send(data, host, flow.port or DEFAULT_PORT, transaction)
        elif (connections := self._streams.get(flow.transport)) is not None:
            connections.send(data, flow if flow.port else flow._replace(port=DEFAULT_PORT), transaction)
        else:
            self._fail_later(transaction, OSError(f"there is no transport {flow.transport}"))

    def send_outbound(self, outbound: tuple[bytes, Flow, Any]) -> None:
        """Send what the core gives out: data, flow, transaction."""
        self.send(*outbound)

    def is_connected(self, flow: Flow) -> bool:
        """Whether `flow` can be sent to without a connection being made for it; always so for datagrams."""
        if flow.transport == "udp":
            return True
        connections = self._streams.get(flow.transport)
        connection = connections.find(flow) if connections is not None else None
        return connection is not None and connection.is_open

    def socket_of(self, flow: Flow) -> str:
        """The listening socket behind a flow, as `udp:127.0.0.1:5060`."""
        return self._socket_name(flow.transport)

    @property
    def connection_count(self) -> int:
        """Stream connections, accepted and made."""
        return sum(len(connections) for connections in self._streams.values())

    async def close(self) -> None:
        """Stop listening, let go of everything; streams get a moment for what has been written."""
        if self._is_closed:
            return
        self._is_closed = True
        for server in self._servers:
            server.close()
        for connections in self._streams.values():
            await connections.close()
        if self._servers:
            await self._resolver.close()
            self._udp.close()

    def _learn(self, host: str) -> bool:
        if len(host) > MAX_NAME:
            return False
        if len(self._numeric) >= self._limits.known_peers:
            self._numeric.clear()
        numeric = self._numeric[host] = is_numeric(host)
        return numeric

    def _send_to_name(self, data: bytes, flow: Flow, transaction: Any) -> None:
        """Send to a name once its address is known, or to an IPv6 reference without its brackets."""
        if flow.host[:1] == "[" and is_numeric(flow.host[1:-1]):
            self.send(data, flow._replace(host=flow.host[1:-1]), transaction)
            return

        def answer(address: str | None, problem: OSError | None) -> None:
            if address is None:
                self._fail_later(transaction, problem or OSError("no address"))
            else:
                self.send(data, flow._replace(host=address), transaction)

        self._resolver.resolve(flow.host, answer)

    def _failed(self, transaction: Any, error: Exception) -> None:
        if transaction is not None and not self._is_closed:
            self._on_error(transaction, error)

    def _fail_later(self, transaction: Any, error: Exception) -> None:
        asyncio.get_running_loop().call_soon(self._failed, transaction, error)

    def _socket_name(self, transport: str) -> str:
        name = self._socket_names.get(transport)
        if name is None:
            host, port = self._local
            name = f"{transport}:[{host}]:{port}" if ":" in host else f"{transport}:{host}:{port}"
            self._socket_names[transport] = name  # every binding has it: the same string, not one each
        return name


def _bind_both(host: str, port: int, *, share: bool) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on the same port."""
    attempts = SAME_PORT_ATTEMPTS if port == 0 else 1
    for attempt in range(1, attempts + 1):
        listening = _bind(socket.SOCK_STREAM, host, port, share=share)
        try:
            return _bind(socket.SOCK_DGRAM, host, listening.getsockname()[1], share=share), listening
        except OSError:
            listening.close()
            if attempt == attempts:
                raise
    raise AssertionError("unreachable")


def _bind(kind: socket.SocketKind, host: str, port: int, *, share: bool) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    try:
        if kind == socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if ":" in host:
            with contextlib.suppress(OSError):
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound
