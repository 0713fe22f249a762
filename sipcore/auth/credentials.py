"""Authorization and Proxy-Authorization values, read (RFC 3261 §20.7, §20.28)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from sipcore.errors import MalformedMessage
from sipcore.syntax import parse_challenge_like

__all__ = ["MAX_CREDENTIALS", "Credentials", "find_credentials", "parse_credentials"]

MAX_CREDENTIALS = 8  # header lines looked at; a phone behind several proxies sends one for each realm and algorithm


# Algorithm names compare without case (RFC 7616 §3.3); some phones leave the hyphen out.
_SPELLINGS = {"MD5": "MD5", "SHA-256": "SHA-256", "SHA256": "SHA-256"}


class Credentials(NamedTuple):
    """What one Digest header value says. Its repr shows who and where, and nothing that could be replayed or cracked."""

    username: str
    realm: str
    uri: str
    nonce: str
    response: str
    algorithm: str
    "MD5 or SHA-256 in that spelling; any other as it came. MD5 when none was named (RFC 2617 §3.2.1)."
    qop: str = ""
    "As it came, for it is part of what was hashed; empty for RFC 2069 clients."
    nc_text: str = ""
    "As it came; `nc` is its value."
    cnonce: str = ""

    def __repr__(self) -> str:
        return f"<Credentials of {self.username!r} at {self.realm!r}, {self.algorithm}>"

    @property
    def nc(self) -> int:
        """The nonce count; 0 without one, or when it is not hexadecimal."""
        try:
            return int(self.nc_text, 16) if self.nc_text.isalnum() and len(self.nc_text) <= 8 else 0
        except ValueError:
            return 0


def parse_credentials(value: str) -> Credentials | None:
    """Read one header value. None when it is another scheme than Digest, or unreadable, or lacks a mandatory part."""
    usual = _match_usual(value)
    if usual is None:
        return _parse_with_care(value)
    given = usual.groups()
    username, realm, uri, nonce, response, algorithm, qop, nc, cnonce, _opaque = given
    if len(given) - given.count(None) != value.count(",") + 1 or not (
        username and realm and uri and nonce and response
    ):
        return _parse_with_care(value)  # a name twice, a comma in a value, a part that is missing or empty
    algorithm = _SPELLINGS.get(algorithm.upper(), algorithm) if algorithm else "MD5"
    return Credentials(username, realm, uri, nonce, response, algorithm, qop or "", nc or "", cnonce or "")


def _parse_with_care(value: str) -> Credentials | None:
    """As `parse_credentials`, for whatever the value looks like."""
    try:
        scheme, fields = parse_challenge_like(value)
    except MalformedMessage:
        return None
    if scheme.lower() != "digest":
        return None
    get = fields.get
    algorithm = get("algorithm", "MD5")
    try:
        return Credentials(
            fields["username"],
            fields["realm"],
            fields["uri"],
            fields["nonce"],
            fields["response"],
            _SPELLINGS.get(algorithm.upper(), algorithm),
            get("qop", ""),
            get("nc", ""),
            get("cnonce", ""),
        )
    except KeyError:
        return None


def find_credentials(
    values: Sequence[str], realm: str, algorithms: Sequence[str] = ("SHA-256", "MD5")
) -> Credentials | None:
    """Choose among the header values of a request: those for our realm, with the strongest algorithm we offered.

    A request may carry several: for other proxies on its way, and for each algorithm of one challenge (RFC 8760 §2.4).
    `-sess` variants are never offered, so they are not found.
    """
    best = None
    for value in values if len(values) <= MAX_CREDENTIALS else values[:MAX_CREDENTIALS]:
        found = parse_credentials(value)
        if found is None or found.realm != realm or found.algorithm not in algorithms:
            continue
        if best is None or algorithms.index(found.algorithm) < algorithms.index(best.algorithm):
            best = found
    return best


def _quoted(name: str) -> str:
    return rf'{name}="([^"\\]*+)"'


# Credentials as nearly every phone writes them: these names, no escapes. What may come next tells one way from the other, so
# that nothing is tried twice, whatever a hostile peer writes.
_match_usual = re.compile(
    r"Digest (?:(?:"
    + "|".join(map(_quoted, ("username", "realm", "uri", "nonce", "response")))
    + r'|algorithm="?([A-Za-z0-9\-]++)"?|qop="?([a-z\-]++)"?|nc=([0-9A-Fa-f]++)|'
    + "|".join(map(_quoted, ("cnonce", "opaque")))
    + r")(?:, ?|$))+",
    re.ASCII,
).fullmatch
