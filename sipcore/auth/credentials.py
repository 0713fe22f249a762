"""Authorization and Proxy-Authorization values, read (RFC 3261 §20.7, §20.28)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from sipcore.errors import MalformedMessage
from sipcore.syntax import parse_challenge_like

__all__ = ["MAX_CREDENTIALS", "Credentials", "find_credentials", "parse_credentials"]

MAX_CREDENTIALS = 8  # header lines looked at; a phone behind several proxies sends one for each realm and algorithm


# Algorithm names compare without case (RFC 7616 §3.3); some phones leave the hyphen out.
_SPELLINGS = {"MD5": "MD5", "SHA-256": "SHA-256", "SHA256": "SHA-256"}

MAX_PLAIN_PAIRS = 32


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one Digest header value says. Its repr shows who and where, and nothing that could be replayed or cracked."""

    username: str
    realm: str
    uri: str = field(repr=False)
    nonce: str = field(repr=False)
    response: str = field(repr=False)
    algorithm: str
    "MD5 or SHA-256 in that spelling; any other as it came. MD5 when none was named (RFC 2617 §3.2.1)."
    qop: str = ""
    "As it came, for it is part of what was hashed; empty for RFC 2069 clients."
    nc_text: str = field(default="", repr=False)
    "As it came; `nc` is its value."
    cnonce: str = field(default="", repr=False)

    @property
    def nc(self) -> int:
        """The nonce count; 0 without one, or when it is not hexadecimal."""
        try:
            return int(self.nc_text, 16) if self.nc_text.isalnum() and len(self.nc_text) <= 8 else 0
        except ValueError:
            return 0


def parse_credentials(value: str) -> Credentials | None:
    """Read one header value. None when it is another scheme than Digest, or unreadable, or lacks a mandatory part."""
    fields = _fields(value)
    if fields is None:
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


# One pair as nearly every phone writes it: no escapes. `split` by it leaves what is between pairs, which must be nothing.
_PLAIN_PAIR = re.compile(r'[ \t]*([A-Za-z0-9_-]+)[ \t]*=[ \t]*(?:"([^"\\]*)"|([^\s,"\\]+))[ \t]*(?:,|$)', re.ASCII)
_PER_PAIR = 4  # what lies before it, name, quoted value, bare value


def _fields(value: str) -> dict[str, str] | None:
    """The parameters of a Digest value by lower-case name, or None.

    In one pass where it is written plainly, for every REGISTER comes through here; by the full grammar otherwise.
    """
    if value[:7].lower() == "digest ":
        parts: list[str | None] = _PLAIN_PAIR.split(value[7:])
        if not any(parts[::_PER_PAIR]):
            names = parts[1::_PER_PAIR]
            fields = {
                name.lower(): bare if quoted is None else quoted
                for name, quoted, bare in zip(names, parts[2::_PER_PAIR], parts[3::_PER_PAIR], strict=True)
            }
            if len(fields) == len(names) <= MAX_PLAIN_PAIRS:
                return fields
    try:
        scheme, fields = parse_challenge_like(value)
    except MalformedMessage:
        return None
    return fields if scheme.lower() == "digest" else None
