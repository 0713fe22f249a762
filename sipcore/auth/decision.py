"""One decision about one request: who sent it, or why we do not know."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sipcore.contract.credentials import ALGORITHMS
from sipcore.syntax import Request

from .credentials import Credentials, find_credentials
from .digest import uri_matches, verify
from .nonce import NonceCounts, Nonces

__all__ = ["Decision", "authenticate"]

# What the password of a user who does not exist is compared with, so that the answer takes as long. It is public, hence
# `authenticate` looks at whether the user exists whatever the comparison says.
_NOBODY: Mapping[str, str] = {name: hash_(b"").hexdigest() for name, hash_ in ALGORITHMS.items()}


class Decision(NamedTuple):
    """What became of an attempt to authenticate."""

    outcome: str
    """ok, missing (no credentials for our realm), stale (the password is right, the nonce is not: challenge with
    `stale`), wrong, or forged (wrong, and the nonce was not even ours)."""
    reason: str = ""
    """For E_AUTH_FAILURE and nobody else: no-user, bad-password, bad-uri, stale-nonce or nonce-reuse. Never to be told to
    the peer, who would learn from it who exists."""
    username: str = ""
    credentials: Credentials | None = None

    @property
    def is_ok(self) -> bool:
        """Whether the request comes from the user it names."""
        return self.outcome == "ok"


MISSING = Decision("missing")


def authenticate(
    request: Request,
    ha1: Mapping[str, str] | None,
    *,
    realm: str,
    nonces: Nonces,
    counts: NonceCounts,
    epoch: float,
    header: str = "Authorization",
    credentials: Credentials | None = None,
    own_hosts: Collection[str] | None = None,
) -> Decision:
    """Decide about a request, given the HA1 values of the user it names (None: there is no such user).

    Whoever looked the user up has found the credentials already and hands them over; otherwise they are taken from
    `header`. The work is the same whether the user exists or not. A nonce count is used up only by an `ok`.
    """
    if credentials is None:
        credentials = find_credentials(request.headers(header.lower()), realm)
        if credentials is None:
            return MISSING
    username = credentials.username
    exists = ha1 is not None and credentials.algorithm in ha1
    freshness = nonces.check(credentials.nonce, epoch)
    right = verify(credentials, request.method, ha1 if exists and ha1 is not None else _NOBODY, request.body)
    fits = uri_matches(credentials, request, own_hosts)
    if not (right and exists):
        reason = "bad-password" if ha1 is not None else "no-user"
        return Decision("forged" if freshness == "forged" else "wrong", reason, username, credentials)
    if not fits:
        return Decision("wrong", "bad-uri", username, credentials)
    if freshness != "valid":
        # §3.3 of RFC 7616: stale says "the digest was right", so it may be said of any nonce, also of one made before
        # the secret was lost; the phone tries again without asking its user.
        return Decision("stale", "stale-nonce", username, credentials)
    if not counts.accept(credentials.nonce, credentials.nc if credentials.qop else 0):
        return Decision("stale", "nonce-reuse", username, credentials)
    return Decision("ok", "", username, credentials)
