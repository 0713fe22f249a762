"""Making the copy of a request that goes out (RFC 3261 §16.6).

All forwarding is here: branches of the script's targets, requests within a dialog, and what we say on our own to a
phone whose answer nobody takes. The bytes are edited by `syntax`; this module decides what they should be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..contract.flow import Flow
from ..syntax import forward_request, make_request, parse_address
from .loops import MAGIC_COOKIE, loop_hash

if TYPE_CHECKING:
    from ..syntax import Address, Request, Response, Uri
    from .edge import Edge, Policy
    from .flow_token import FlowTokens
    from .target import Target

__all__ = ["Forwarder", "flow_of", "own_routes"]

_CREATES_DIALOG = frozenset({"INVITE", "SUBSCRIBE", "REFER"})
_DEFAULT_PORTS = {"tls": 5061, "ws": 80, "wss": 443}
TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")


class Forwarder:
    """Writes requests on behalf of one edge."""

    __slots__ = ("_max_forwards", "_new_token", "_record_route", "_tokens", "edge", "via")

    def __init__(self, edge: Edge, new_token: Callable[[], str], tokens: FlowTokens, policy: Policy) -> None:
        self.edge = edge
        self._new_token = new_token
        self._tokens = tokens
        self._max_forwards = policy.max_forwards
        prefix = f"{MAGIC_COOKIE}{edge.worker}."
        self.via: dict[str, str] = {}
        "By transport, for all that SIP is spoken over: the Via value of ours, up to the token."
        self._record_route: dict[str, str] = {}
        owner = f".{edge.worker}" if edge.is_shared else ""
        for transport in TRANSPORTS:
            address = _written(edge.address_for(transport))
            parameter = "" if transport == "udp" else f";transport={transport}"
            self.via[transport] = f"SIP/2.0/{transport.upper()} {address};rport;branch={prefix}"
            self._record_route[transport] = f"{owner}@{address}{parameter};lr>"

    def own_route(self) -> re.Pattern[str]:
        """Matches a Route value that is a Record-Route value of ours as it was written; its group is the token."""
        written = {ending[ending.index("@") :] for ending in self._record_route.values()}
        endings = "|".join(sorted(map(re.escape, written)))
        return re.compile(rf"<sip:([A-Za-z0-9_-]+)(?:\.[A-Za-z0-9_~-]+)?(?:{endings})")

    def to_target(self, request: Request, arrival: Flow, target: Target, *, keep_routes: bool = False) -> Request:
        """The copy for one target of a request outside any dialog, which came over `arrival`.

        Credentials for us stop here: what they prove has been proved (§22.3), and a phone has no use for them. So does
        a Route that the caller brought along, unless `keep_routes`: where the call goes is not his to say.
        """
        record_route: Sequence[str] = ()
        caller_side, callee_side = arrival.transport, target.flow.transport
        if request.method in _CREATES_DIALOG:
            token = self._tokens.make(request.call_id, request.from_tag, arrival, target.flow)
            record_route = (f"<sip:{token}{self._record_route[callee_side]}",)
            if caller_side != callee_side:
                # RFC 5658 §3.3: each side must see the transport that it is to use, so there are two entries. The
                # upper one is the callee's. They share the token, by which we know them to be one hop.
                record_route = (*record_route, f"<sip:{token}{self._record_route[caller_side]}")
        remove: tuple[str, ...] = ()
        if request.has_proxy_fields and request.has("proxy-authorization"):
            remove = ("proxy-authorization",)
        skip = 0
        if request.route_lines:
            if keep_routes:
                skip = own_routes(request, self.edge)
            else:
                remove = (*remove, "route")
        uri, routes, headers = target.uri, target.route, target.headers
        if target.behind is not None:
            token = self._tokens.make_for_edge(request.call_id, request.from_tag, target.behind)
            routes = (f"<sip:{token}@{_written((target.flow.host, target.flow.port))};lr>", *routes)
        first = _first_route(request, skip, routes) if routes or keep_routes else None
        if first is not None and "lr" not in first.parameters:
            # §16.6 step 6: the next hop is a strict router. It wants itself in the Request-URI, and the rest behind.
            rest = [*routes, *(f"<{route.uri_text}>" for route in request.routes[skip:] if keep_routes)]
            headers = (*headers, *(("Route", value) for value in (*rest[1:], f"<{uri}>")))
            uri, routes, skip, remove = str(first), (), 0, (*remove, "route")
        branch = f"{self._new_token()}.{loop_hash(request)}"
        return self._forward(request, uri, target.flow, branch, record_route, skip, routes, headers, remove)

    def in_dialog(
        self, request: Request, uri: str, flow: Flow, skip_routes: int, routes: Sequence[str] | None
    ) -> Request:
        """The copy of a request within a dialog. `routes`, when given, replace all that it has."""
        branch = f"{self._new_token()}.0"  # within a dialog Max-Forwards is what ends a loop
        if routes is not None:
            headers = tuple(("Route", value) for value in routes)
            return self._forward(request, uri, flow, branch, headers=headers, remove=("route",))
        return self._forward(request, uri, flow, branch, (), skip_routes)

    def _forward(
        self,
        request: Request,
        uri: str,
        flow: Flow,
        branch: str,
        record_route: Sequence[str] = (),
        skip_routes: int = 0,
        routes: Sequence[str] = (),
        headers: Sequence[tuple[str, str]] = (),
        remove: Sequence[str] = (),
    ) -> Request:
        hops = request.max_forwards
        left = self._max_forwards if hops is None else max(hops - 1, 0)
        via = self.via[flow.transport] + branch
        # By position: with keywords the interpreter takes a longer way.
        return forward_request(request, uri, via, left, record_route, skip_routes, routes, headers, remove)

    def farewell(self, invite: Request, answer: Response, flow: Flow) -> tuple[Request, Request]:
        """ACK and BYE for a 2xx that nobody takes, as the caller would have sent them (§13.2.2.4, §15.1.1).

        `invite` is the request as it left here. The route set is that part of the 2xx's Record-Route which was added
        behind us, reversed: the entries that the INVITE already had are our own and those of hops before us.
        """
        recorded = answer.record_routes
        behind_us = recorded[: max(len(recorded) - len(invite.record_routes), 0)]
        routes = [f"<{address.uri_text}>" for address in reversed(behind_us)]
        contacts = answer.contacts
        uri = contacts[0].uri_text if contacts else invite.target
        if routes and "lr" not in behind_us[-1].uri.parameters:
            routes, uri = [*routes[1:], f"<{uri}>"], behind_us[-1].uri_text
        dialog = (invite.header("from") or "", answer.header("to") or "", invite.call_id)
        number = invite.cseq_number
        return self._own("ACK", uri, flow, routes, *dialog, number), self._own(
            "BYE", uri, flow, routes, *dialog, number + 1
        )

    def originate(
        self, method: str, target: Target, from_: str, to: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> Request:
        """A request of ours to a phone, outside of any dialog (§8.1.1). `from_` and `to` are addresses without a tag."""
        from_, call_id = f"{from_};tag={self._new_token()}", self._new_token()
        return self._own(method, target.uri, target.flow, target.route, from_, to, call_id, 1, headers, body)

    def _own(
        self,
        method: str,
        uri: str,
        flow: Flow,
        routes: Sequence[str],
        from_: str,
        to: str,
        call_id: str,
        number: int,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Request:
        return make_request(
            method,
            uri,
            [
                ("Via", f"{self.via[flow.transport]}{self._new_token()}.0"),
                ("Max-Forwards", str(self._max_forwards)),
                *(("Route", value) for value in routes),
                ("From", from_),
                ("To", to),
                ("Call-ID", call_id),
                ("CSeq", f"{number} {method}"),
                *headers,
            ],
            body,
        )


def _written(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


def _first_route(request: Request, skip: int, routes: Sequence[str]) -> Uri | None:
    if routes:
        return parse_address(routes[0]).uri
    return request.routes[skip].uri if skip < len(request.routes) else None


def own_routes(request: Request, edge: Edge) -> int:
    """How many Route values at the front name this edge: one, or two where our Record-Route had two (RFC 5658)."""
    routes: list[Address] = request.routes
    if not routes or not edge.is_this_edge(routes[0].uri.host, routes[0].uri.port):
        return 0
    if len(routes) > 1:
        first, second = routes[0].uri, routes[1].uri
        if second.user == first.user and edge.is_this_edge(second.host, second.port):
            return 2
    return 1


def flow_of(uri: Uri) -> Flow:
    """Where a URI leads when no flow is known: its transport, host and port, or the defaults (RFC 3263, without DNS)."""
    transport = (uri.parameters.get("transport") or ("tls" if uri.scheme == "sips" else "udp")).lower()
    if transport not in TRANSPORTS:
        transport = "udp"
    host = (uri.parameters.get("maddr") or uri.host).strip("[]")
    return Flow(transport, host, uri.port or _DEFAULT_PORTS.get(transport, 5060))
