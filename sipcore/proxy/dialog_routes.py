"""Where a request within a dialog goes: along its Route, over the flows that our own entry names (RFC 3261 §16.4).

The right to be forwarded is the token in that entry (`flow_token.py`). A Route to us without one is just a Route, and
the request is the script's to answer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from ..contract.flow import Flow
from ..syntax import parse_uri
from .forwarding import flow_of, own_routes

if TYPE_CHECKING:
    from ..syntax import Address, Request
    from .flow_token import FlowTokens
    from .forwarding import Forwarder

__all__ = ["DialogRoutes", "Hop"]


class Hop(Struct):
    """The next hop of a request within a dialog."""

    uri: str
    "The Request-URI it leaves with."
    flow: Flow
    from_caller: bool
    skip_routes: int
    "Route values at the front that have been used up."
    routes: Sequence[str] | None = None
    "All Route values that it leaves with, where that cannot be said by dropping some."
    next_uri: str = ""
    "The URI of the next hop where that is not `uri`."
    is_cut_off: bool = False
    "Whether the connection is gone over which the other side is reached."

    @property
    def address(self) -> Flow:
        """Where the URI itself leads: for when the flow is a connection that is gone."""
        return flow_of(parse_uri(self.next_uri or self.uri))


class DialogRoutes:
    """Reads routes, and remembers those few dialog sides that have moved since the dialog began.

    The token names the flows of the beginning. A phone that changes networks in a call, or whose connection broke and
    came back, speaks from another one; from its first request on, that is where it is reached. Bounded, the least
    recently used side is forgotten; losing one costs what it costs without this: the request goes to the old place.
    """

    __slots__ = ("_forwarder", "_is_reachable", "_limit", "_moved", "_own_route", "_tokens")

    def __init__(
        self, forwarder: Forwarder, tokens: FlowTokens, is_reachable: Callable[[Flow], bool], limit: int
    ) -> None:
        self._forwarder = forwarder
        self._own_route = forwarder.own_route()
        self._tokens = tokens
        self._is_reachable = is_reachable
        self._limit = limit
        self._moved: OrderedDict[tuple[str, bool], Flow] = OrderedDict()

    def hop(self, request: Request, arrival: Flow) -> Hop | None:
        """Where a request that came over `arrival` goes; None when it carries no token that is valid for it."""
        values = request.route_lines
        if not values:
            return None
        if len(values) == 1:
            # Most phones give back our one entry as it was, and nothing else.
            match = self._own_route.fullmatch(values[0])
            if match is not None:
                return self._with_token(match[1], request, arrival, request.target, 1)
        return self._along(request, request.routes, arrival)

    def _along(self, request: Request, routes: Sequence[Address], arrival: Flow) -> Hop | None:
        edge = self._forwarder.edge
        if not routes:
            return None
        top = routes[0].uri
        uri, skip, kept = request.target, 0, None
        if edge.is_this_edge(top.host, top.port) and top.user:
            token, skip = top.user, own_routes(request, edge)
            rest = routes[skip:]
            next_uri = ""
        else:
            # §16.4: a strict router before us has put our entry into the Request-URI, and the URI last in the Route.
            here = request.uri
            if not (here.user and edge.is_this_edge(here.host, here.port)):
                return None
            token, uri, rest = here.user, routes[-1].uri_text, routes[:-1]
            kept = [f"<{route.uri_text}>" for route in rest]
            next_uri = ""
        token = token.partition(".")[0]  # behind it stands the worker that has the dialog, see `ownership.py`
        if rest:
            next_uri = rest[0].uri_text
            if "lr" not in rest[0].uri.parameters:
                # §16.6 step 6: a strict router after us wants itself in the Request-URI.
                kept = [*(f"<{route.uri_text}>" for route in rest[1:]), f"<{uri}>"]
                uri, next_uri = next_uri, ""
        return self._with_token(token, request, arrival, uri, skip, kept, next_uri)

    def _with_token(
        self,
        token: str,
        request: Request,
        arrival: Flow,
        uri: str,
        skip: int,
        routes: Sequence[str] | None = None,
        next_uri: str = "",
    ) -> Hop | None:
        content = self._tokens.read(token, request)
        if content is None:
            return None
        from_caller, here, flow = content
        if arrival != here:
            self._remember(token, from_caller, arrival)
        if self._moved:
            flow = self._moved.get((token, not from_caller), flow)
        hop = Hop(uri, flow, from_caller, skip, routes, next_uri)
        if not self._is_reachable(flow):
            hop.flow, hop.is_cut_off = hop.address, True
        return hop

    def _remember(self, token: str, is_caller: bool, flow: Flow) -> None:
        moved = self._moved
        moved[token, is_caller] = flow
        moved.move_to_end((token, is_caller))
        if len(moved) > self._limit:
            moved.popitem(last=False)
