"""Via branches of this edge: who made them, and whether a request has been here before (RFC 3261 §16.3 step 4).

    z9hG4bK <worker> . <token> . <loop hash>

The worker is readable so that a sibling behind the same port can hand a response over. The token is unique. The loop
hash covers what decided where the request went: its Request-URI and its Route as received. A request that comes back
with the same hash loops; one that comes back changed spirals, which is allowed (§6, §16.6 step 8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from ..syntax import Request
    from .edge import Edge

__all__ = ["MAGIC_COOKIE", "is_looped", "loop_hash", "owner_of_branch", "was_here"]

MAGIC_COOKIE = "z9hG4bK"  # §8.1.1.7


def owner_of_branch(branch: str) -> str:
    """The worker that made this Via branch; empty when it has not the form of ours.

    For siblings behind one port: a response whose top Via branch names another worker is handed to that worker.
    """
    parts = branch.split(".")
    if len(parts) != 3 or not branch.startswith(MAGIC_COOKIE):
        return ""
    return parts[0][len(MAGIC_COOKIE) :]


def loop_hash(request: Request) -> str:
    """Eight hex digits over what decides the way of a request. Not a secret: who forges it stops his own request."""
    value = crc32(request.target.encode("utf-8", "surrogateescape"))
    for route in request.route_lines:
        value = crc32(route.encode("utf-8", "surrogateescape"), value)
    return f"{value:08x}"


def was_here(request: Request, edge: Edge) -> bool:
    """Whether the request has passed this edge before."""
    return any(edge.is_this_edge(via.host, via.port) for via in request.vias)


def is_looped(request: Request, edge: Edge) -> bool:
    """Whether the request has been here before just as it is now."""
    if request.has_one_via:
        return False  # nearly every request comes from whoever made it
    ending = ""
    for via in request.vias:
        if owner_of_branch(via.branch) and edge.is_this_edge(via.host, via.port):
            ending = ending or "." + loop_hash(request)
            if via.branch.endswith(ending):
                return True
    return False
