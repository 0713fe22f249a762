"""Whether a request may be proxied at all (RFC 3261 §16.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .loops import is_looped

if TYPE_CHECKING:
    from ..syntax import Request
    from .edge import Edge

__all__ = ["Refusal", "refusal"]

_SCHEMES = frozenset({"sip", "sips", "tel"})


class Refusal(NamedTuple):
    """What to answer a request that goes no further."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


def refusal(request: Request, edge: Edge) -> Refusal | None:
    """Judge a well-formed request by §16.3 steps 2 to 5; None when nothing speaks against it.

    Step 6, authentication, is the script's. Extensions that a proxy would have to understand, Proxy-Require, are none.
    """
    uri = request.uri
    if uri.scheme not in _SCHEMES:
        return Refusal(416)
    if request.max_forwards == 0 and not (request.method == "OPTIONS" and edge.is_ours(uri.host, uri.port)):
        # Step 3: an OPTIONS that ends here may be answered in place of who it was meant for.
        return Refusal(483)
    if is_looped(request, edge):
        return Refusal(482)
    if request.has_proxy_fields and request.has("proxy-require"):
        return Refusal(420, (("Unsupported", ", ".join(request.values("proxy-require"))),))
    return None
