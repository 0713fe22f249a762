"""Where a request within a dialog goes: along its Route, over the flows that our own entry names (RFC 3261 §16.4).

The right to be forwarded is the token in that entry (`flow_token.py`). A Route to us without one is just a Route, and
the request is the script's to answer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..contract.flow import Flow
from .forwarding import flow_of, own_routes

if TYPE_CHECKING:
    from ..syntax import Address, Request
    from .edge import Edge
    from .flow_token import FlowTokens

__all__ = ["DialogRoutes", "Hop"]


class Hop(NamedTuple):
    """The next hop of a request within a dialog."""

    uri: str
    "The Request-URI it leaves with."
    flow: Flow
    fallback: Flow
    "Where the URI itself leads: for when the flow is a connection that is gone."
    from_caller: bool
    skip_routes: int
    "Route values at the front that have been used up."
    routes: Sequence[str] | None
    "All Route values that it leaves with, where that cannot be said by dropping some."


class DialogRoutes:
    """Reads routes, and remembers those few dialog sides that have moved since the dialog began.

    The token names the flows of the beginning. A phone that changes networks in a call, or whose connection broke and
    came back, speaks from another one; from its first request on, that is where it is reached. Bounded, the least
    recently used side is forgotten; losing one costs what it costs without this: the request goes to the old place.
    """

    __slots__ = ("_edge", "_is_reachable", "_limit", "_moved", "_tokens")

    def __init__(self, edge: Edge, tokens: FlowTokens, is_reachable: Callable[[Flow], bool], limit: int) -> None:
        self._edge = edge
        self._tokens = tokens
        self._is_reachable = is_reachable
        self._limit = limit
        self._moved: OrderedDict[tuple[str, bool], Flow] = OrderedDict()

    def hop(self, request: Request, arrival: Flow) -> Hop | None:
        """Where a request that came over `arrival` goes; None when it carries no token that is valid for it."""
        routes: list[Address] = request.routes
        if not routes:
            return None
        top = routes[0].uri
        uri, skip, kept = request.target, 0, None
        if self._edge.is_this_edge(top.host, top.port) and top.user:
            token, skip = top.user, own_routes(request, self._edge)
            rest = routes[skip:]
        else:
            # §16.4: a strict router before us has put our entry into the Request-URI, and the URI last in the Route.
            here = request.uri
            if not (here.user and here.host and self._edge.is_this_edge(here.host, here.port)):
                return None
            token, uri, rest = here.user, routes[-1].uri_text, routes[:-1]
            kept = [f"<{route.uri_text}>" for route in rest]
        content = self._tokens.read(token, request.call_id, request.from_tag, request.to_tag)
        if content is None:
            return None
        next_uri = request.uri if kept is None else routes[-1].uri
        if rest:
            next_uri = rest[0].uri
            if "lr" not in next_uri.parameters:
                # §16.6 step 6: a strict router after us wants itself in the Request-URI.
                kept = [*(f"<{route.uri_text}>" for route in rest[1:]), f"<{uri}>"]
                uri = rest[0].uri_text
        flow = content.there
        if arrival != content.here:
            self._remember(token, content.from_caller, arrival)
        if self._moved:
            flow = self._moved.get((token, not content.from_caller), flow)
        fallback = flow_of(next_uri)
        if not self._is_reachable(flow):
            flow = fallback
        return Hop(uri, flow, fallback, content.from_caller, skip, kept)

    def _remember(self, token: str, is_caller: bool, flow: Flow) -> None:
        moved = self._moved
        moved[token, is_caller] = flow
        moved.move_to_end((token, is_caller))
        if len(moved) > self._limit:
            moved.popitem(last=False)
