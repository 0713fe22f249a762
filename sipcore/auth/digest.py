"""The digest arithmetic: what to challenge with, and whether an answer is right (RFC 7616 §3.4, RFC 8760 §2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from hmac import compare_digest

from sipcore.contract.credentials import ALGORITHMS
from sipcore.errors import MalformedMessage
from sipcore.syntax import Request, Uri, parse_uri, quote

from .credentials import Credentials

__all__ = ["OFFERED", "challenges", "offered_to", "uri_matches", "verify"]

OFFERED = ("MD5", "SHA-256")
"""Algorithms in the order they are offered.

RFC 8760 §2.3 would have the strongest on top, since a phone takes the topmost that it supports. Many look at no other,
though, and give up when they do not know it (JsSIP, PJSIP before 2.11, sipp, Asterisk as a client): with SHA-256 on top
they could not register at all, while a phone that refuses MD5 looks further and finds SHA-256.

`-sess` is not among them: it saves a third-party server from knowing HA1, and we know it anyway."""

MAX_REMEMBERED = 128  # characters of method and URI

MD5_ONLY = ("baresip ",)
"""How the User-Agent of phones begins that give up when any challenge names an algorithm they do not know."""


def offered_to(user_agent: str) -> Sequence[str]:
    """The algorithms to challenge a phone of that User-Agent with."""
    return ("MD5",) if user_agent.startswith(MD5_ONLY) else OFFERED


def challenges(realm: str, nonce: str, *, stale: bool = False, algorithms: Sequence[str] = OFFERED) -> list[str]:
    """Return the values of WWW-Authenticate or Proxy-Authenticate, one header line for each algorithm.

    `stale` tells a phone to try again by itself: its password was right, its nonce was not.
    """
    return [f"{before}{nonce}{after}" for before, after in _around_nonce(realm, stale, tuple(algorithms))]


@lru_cache(maxsize=64)
def _around_nonce(realm: str, stale: bool, algorithms: tuple[str, ...]) -> list[tuple[str, str]]:
    """What stands before and behind the nonce of a challenge, which is the same for everybody."""
    before = f'Digest realm={quote(realm)}, nonce="'
    mark = ", stale=true" if stale else ""
    return [(before, f'", algorithm={name}, qop="auth"{mark}') for name in algorithms]


def verify(credentials: Credentials, method: str, ha1: Mapping[str, str], body: bytes = b"") -> bool:
    """Tell whether whoever made the credentials knew the password. `ha1` is by algorithm; compared in constant time.

    With `qop=auth`, `qop=auth-int` (not offered, but some phones choose it) and without qop (RFC 2069). Neither the
    nonce nor the URI is judged here.
    """
    name = credentials.algorithm
    known = ha1.get(name)
    hash_ = ALGORITHMS.get(name)
    if known is None or hash_ is None:
        return False
    qop = credentials.qop
    ha2 = ""
    if not qop:
        middle = credentials.nonce
    else:
        kind = qop.lower()
        if kind not in ("auth", "auth-int") or not credentials.nc_text or not credentials.cnonce:
            return False
        if kind == "auth-int":
            ha2 = _digest_of(name, f"{method}:{credentials.uri}:{hash_(body).hexdigest()}")
        middle = f"{credentials.nonce}:{credentials.nc_text}:{credentials.cnonce}:{qop}"
    ha2 = ha2 or _ha2(name, f"{method}:{credentials.uri}")
    expected = _digest_of(name, f"{known}:{middle}:{ha2}")
    return compare_digest(expected.encode(), credentials.response.lower().encode("utf-8", "surrogateescape"))


def _digest_of(algorithm: str, text: str) -> str:
    return ALGORITHMS[algorithm](text.encode("utf-8", "surrogateescape")).hexdigest()


_remembered_ha2 = lru_cache(maxsize=1024)(_digest_of)


def _ha2(algorithm: str, text: str) -> str:
    """H(method ":" uri): all phones of a domain register with the same one."""
    return _remembered_ha2(algorithm, text) if len(text) <= MAX_REMEMBERED else _digest_of(algorithm, text)


def uri_matches(credentials: Credentials, request: Request, own_hosts: Collection[str] | None = None) -> bool:
    """Tell whether the digest was made for the resource that is asked for (RFC 7616 §3.4.6).

    The text need not be the same: sipp writes `sip:address:port` whatever it sends, phones add or lose a port or a
    parameter, and an outbound proxy may have rewritten the Request-URI. What must not differ is the user, where the
    digest names one; and with `own_hosts` (lower case) given, the host, unless both are ours.
    """
    if credentials.uri == request.target:
        return True
    try:
        signed, asked = parse_uri(credentials.uri), request.uri
    except MalformedMessage:
        return False
    if signed.user and _user(signed) != _user(asked):
        return False
    if own_hosts is None or signed.host == asked.host:
        return True
    return signed.host in own_hosts and asked.host in own_hosts


def _user(uri: Uri) -> str:
    return uri.aor.rpartition("@")[0] if uri.is_sip else uri.user
