"""URIs (RFC 3261 §19.1, RFC 3966): read into parts, never rewritten.

A `Uri` keeps the text it was read from and gives exactly that back: escapes, case and odd characters reach the next hop as
they came. Parts are for deciding, the text is for sending.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote as unescape_utf8

from ..errors import MalformedMessage
from .grammar import parse_number
from .parameters import MAX_PARAMETERS, NO_PARAMETERS

__all__ = ["Uri", "parse_host_port", "parse_uri", "uris_equal"]

MAX_URI = 4096
"Characters. Push parameters make a Contact long (a Web Push subscription has some 400)."
CACHED_URIS = 4096
MAX_CACHED_URI = 256
"Peers speak of the same few URIs and hosts again and again. Longer ones are read anew, so that the caches stay small."

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_HOST = re.compile(r"[A-Za-z0-9_.\-]+|\[[0-9A-Fa-f:.]+\]")
_UNSAFE = re.compile(r'[\x00-\x20\x7f<>"]')
_USER = re.compile(r"[^@:\[\]]*")
_COMPARED_WHEN_ON_ONE_SIDE = frozenset({"user", "ttl", "method", "maddr", "transport"})


def unescape(text: str) -> str:
    """Replace `%HH` by the octet it stands for."""
    return unescape_utf8(text, errors="surrogateescape") if "%" in text else text


def _none() -> Mapping[str, Any]:
    return NO_PARAMETERS


@dataclass(frozen=True, slots=True)
class Uri:
    """One URI. `str(uri)` is the text it was read from."""

    scheme: str
    "Lower-case. Only sip, sips and tel are taken apart; of other schemes only this is known."
    user: str = ""
    "As written, escapes included; the number of a tel URI."
    password: str | None = field(default=None, repr=False)
    "Deprecated by §19.1.1, carried all the same."
    host: str = ""
    "Lower-case; an IPv6 reference keeps its brackets."
    port: int | None = None
    "None when not given, which is not the same as 5060 (§19.1.4)."
    parameters: Mapping[str, str | None] = field(default_factory=_none, hash=False)
    "By lower-case name; values unescaped, None for a flag."
    headers: Mapping[str, str] = field(default_factory=_none, hash=False, repr=False)
    "What follows the question mark, by lower-case name."
    text: str = field(default="", repr=False, compare=False)

    def __str__(self) -> str:
        return self.text

    @property
    def aor(self) -> str:
        """`user@domain` as a key of the location service (§10.3 step 5): unescaped, without parameters and port."""
        return f"{unescape(self.user)}@{self.host}" if self.user else self.host

    @property
    def is_sip(self) -> bool:
        """Whether the scheme is sip or sips."""
        return self.scheme == "sip" or self.scheme == "sips"


def parse_uri(text: str) -> Uri:
    """Read a URI. Raise MalformedMessage when it is none; an unknown scheme is not an error here."""
    return _parse_cached(text) if len(text) <= MAX_CACHED_URI else _parse(text)


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Read `host[:port]`, the host lower-cased and with the brackets of an IPv6 reference."""
    return _host_port_cached(text) if len(text) <= MAX_CACHED_URI else _host_port(text)


def _host_port(text: str) -> tuple[str, int | None]:
    match = _HOST.match(text)
    if match is None:
        raise MalformedMessage("a host is neither a name nor an address")
    host = match.group().lower()
    end = match.end()
    if end == len(text):
        return host, None
    if text[end] != ":":
        raise MalformedMessage("a host is followed by something other than a port")
    port = parse_number(text[end + 1 :], 65535, "a port")
    if port == 0:
        raise MalformedMessage("port 0 cannot be reached")
    return host, port


def _parse(text: str) -> Uri:
    match = _SCHEME.match(text)
    if match is None:
        raise MalformedMessage("a URI has no scheme")
    if len(text) > MAX_URI:
        raise MalformedMessage(f"a URI is longer than {MAX_URI} characters")
    if _UNSAFE.search(text) is not None:
        raise MalformedMessage("a URI contains a space, a control character, a quote or a bracket")
    scheme = match.group(1).lower()
    rest = text[match.end() :]
    if scheme == "tel":
        number, semicolon, tail = rest.partition(";")
        if not number:
            raise MalformedMessage("a tel URI has no number")
        return Uri(scheme, user=number, parameters=_uri_parameters(tail) if semicolon else NO_PARAMETERS, text=text)
    if scheme not in ("sip", "sips"):
        return Uri(scheme, text=text)
    # The first @ ends the user part: within it an @ has to be escaped. A user may contain `;` and `?`.
    userinfo, at, rest = rest.partition("@")
    if at:
        user, colon, secret = userinfo.partition(":")
        if not user or _USER.fullmatch(user) is None:
            raise MalformedMessage("a user part is empty or has characters that must be escaped")
        password = secret if colon else None
    else:
        user, password, rest = "", None, userinfo
    rest, question, header_text = rest.partition("?")
    host_port, semicolon, parameter_text = rest.partition(";")
    host, port = parse_host_port(host_port)
    parameters = _uri_parameters(parameter_text) if semicolon else NO_PARAMETERS
    headers = _uri_headers(header_text) if question else NO_PARAMETERS
    return Uri(scheme, user, password, host, port, parameters, headers, text)


_host_port_cached = lru_cache(maxsize=CACHED_URIS)(_host_port)
_parse_cached = lru_cache(maxsize=CACHED_URIS)(_parse)


def _uri_parameters(text: str) -> Mapping[str, str | None]:
    parts = text.split(";")
    if len(parts) > MAX_PARAMETERS:
        raise MalformedMessage(f"more than {MAX_PARAMETERS} parameters in a URI")
    parameters: dict[str, str | None] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if not name:
            # `sip:host;` and `;;` mean nothing and hurt nobody: phones send them.
            continue
        parameters.setdefault(unescape(name).lower(), unescape(value) if equals else None)
    return MappingProxyType(parameters)


def _uri_headers(text: str) -> Mapping[str, str]:
    parts = text.split("&")
    if len(parts) > MAX_PARAMETERS:
        raise MalformedMessage(f"more than {MAX_PARAMETERS} headers in a URI")
    headers: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition("=")
        headers.setdefault(unescape(name).lower(), unescape(value))
    return MappingProxyType(headers)


def uris_equal(a: Uri, b: Uri) -> bool:
    """Compare by RFC 3261 §19.1.4: not transitive, and a default is not equal to the same value written out."""
    if a.scheme != b.scheme:
        return False
    if not a.is_sip:
        return a.text.lower() == b.text.lower()
    if unescape(a.user) != unescape(b.user) or a.host != b.host or a.port != b.port:
        return False
    if unescape(a.password or "") != unescape(b.password or "") or a.headers != b.headers:
        return False
    for name in a.parameters.keys() | b.parameters.keys():
        if name in a.parameters and name in b.parameters:
            if (a.parameters[name] or "").lower() != (b.parameters[name] or "").lower():
                return False
        elif name in _COMPARED_WHEN_ON_ONE_SIDE:
            return False
    return True
