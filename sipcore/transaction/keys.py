"""Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3).

A request is matched by the branch and sent-by of its top Via and its method, an ACK as if it were the INVITE. Requests of
RFC 2543 clients have no unique branch; they are matched by what else does not change between retransmissions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipcore.syntax import Request

__all__ = ["MAGIC_COOKIE", "ClientKey", "ServerKey", "invite_key", "is_rfc2543", "server_key"]

MAGIC_COOKIE = "z9hG4bK"  # §8.1.1.7

ServerKey = tuple[str | int, ...]
"(branch, sent-by, method); longer for RFC 2543 clients, so the two kinds never meet."
ClientKey = tuple[str, str]
"(branch, method) of a response (§17.1.3): our own branch, and the method, since CANCEL shares it."


def server_key(request: Request) -> ServerKey:
    """The server transaction of a request. ACK has the key of its INVITE; CANCEL has one of its own (§9.2)."""
    method = request.method
    if method == "ACK":
        method = "INVITE"
    branch = request.branch
    # A branch of nothing but the cookie is not unique either (RFC 4475 §3.1.2.15, "badbranch").
    if len(branch) > len(MAGIC_COOKIE) and branch.startswith(MAGIC_COOKIE):
        return branch, request.sent_by, method
    return _rfc2543_key(request, method)


def invite_key(cancel: Request) -> ServerKey:
    """The server transaction that a CANCEL is meant for (§9.2); only an INVITE can be cancelled."""
    key = server_key(cancel)
    return *key[:2], "INVITE", *key[3:]


def is_rfc2543(key: ServerKey) -> bool:
    """Whether the key is that of a client without unique branches."""
    return len(key) > 3


def _rfc2543_key(request: Request, method: str) -> ServerKey:
    # §17.2.3 also compares the To tag. An INVITE and its ACK differ in it, so the layer looks at it for ACK; two
    # requests that differ in nothing else do not exist. Of the top Via, what transport adds to it is left out.
    return (
        request.branch,
        request.sent_by,
        method,
        request.top_via.transport,
        request.target,
        request.from_tag,
        request.call_id,
        request.cseq_number,
    )
