"""A request that another edge sends through this one to a phone that is registered here (RFC 3327, RFC 5626 §5.3).

The other edge has asked its script, authenticated the caller and chosen the phone; what is asked of this one is its flow,
the hole in the phone's NAT or its connection. The right to it is the token in the Route, which only an edge can make. An ordinary
hop for all else: this edge writes itself into Record-Route, and has a transaction on either side.

A flow that is gone is 430, nobody answering 408, as if the other edge had found out itself. It decides what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .dialog_relay import DialogRelay
from .forwarding import own_routes
from .target import Target

if TYPE_CHECKING:
    from ..contract.flow import Flow
    from ..syntax import Request
    from ..transaction import ClientTransaction
    from .core import ProxyCore

__all__ = ["EdgeHop", "asked_to_reach"]

_FLOW_FAILED = 430  # RFC 5626 §11.5
_NO_ANSWER = 408


def asked_to_reach(request: Request, core: ProxyCore) -> Flow | None:
    """The flow that the topmost Route asks for, by right; None when it asks for none."""
    if not own_routes(request, core.edge):
        return None
    user = request.routes[0].uri.user
    return core.tokens.read_for_edge(user, request) if user else None


class EdgeHop(DialogRelay, eq=False):
    """One such request."""

    def start(self, now: float) -> None:
        """Send it on."""
        self._core.edge_hops.setdefault(self._hop.flow, set()).add(self)
        super().start(now)

    def nudge(self, now: float) -> None:
        """The phone has just shown that it is awake: send an INVITE that it has not responded to once more."""
        if self._client is not None:
            self._core.layer.nudge(self._client, now)

    def timed_out(self, transaction: ClientTransaction, now: float) -> None:
        """The phone does not answer."""
        self._fail(_NO_ANSWER, now)

    def transport_failed(self, transaction: ClientTransaction, now: float) -> None:
        """Its flow is gone. It has no other: what its Contact says is an address behind its NAT."""
        self._fail(_FLOW_FAILED, now)

    def _send(self, flow: Flow, now: float) -> None:
        core, server = self._core, self._server
        assert server is not None  # noqa: S101 - sent only once, when it has just come
        target = Target(self._hop.uri, flow)
        forwarded = core.forwarder.to_target(self._request, server.flow, target, keep_routes=True)
        self._client = core.layer.start_client(forwarded, flow, now, self)
        if flow.connection:
            core.connections.watch(flow.connection, self)

    def _drop_client(self) -> None:
        super()._drop_client()
        under_way = self._core.edge_hops.get(self._hop.flow)
        if under_way is not None:
            under_way.discard(self)
            if not under_way:
                del self._core.edge_hops[self._hop.flow]
