"""`scheme name=value, …`: Authorization, Proxy-Authorization, WWW-Authenticate, Proxy-Authenticate (RFC 3261 §20.7, §20.44)."""

from __future__ import annotations

import re

from ..errors import MalformedMessage
from .grammar import LWS, is_token, unquote

__all__ = ["parse_challenge_like"]

MAX_AUTH_PARAMETERS = 32

_PAIR = re.compile(r'\s*([^\s=,"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]*)\s*(?:,|$)', re.ASCII | re.DOTALL)


def parse_challenge_like(value: str) -> tuple[str, dict[str, str]]:
    """Split into the scheme, as written, and its parameters by lower-case name, quoted strings unquoted.

    A name given twice is refused: which of the two was meant decides who gets in.
    """
    scheme, _, rest = value.strip(LWS).partition(" ")
    if not is_token(scheme):
        raise MalformedMessage("credentials do not begin with a scheme")
    parameters: dict[str, str] = {}
    rest = rest.strip(LWS)
    position = 0
    while position < len(rest):
        match = _PAIR.match(rest, position)
        if match is None:
            raise MalformedMessage("credentials are not a list of name=value")
        name = match.group(1).lower()
        if name in parameters or len(parameters) >= MAX_AUTH_PARAMETERS:
            raise MalformedMessage("credentials name a parameter twice or have too many")
        parameters[name] = unquote(match.group(2))
        position = match.end()
    return scheme, parameters
