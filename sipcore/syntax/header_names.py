"""Header names: any spelling to one key, long and lower-case (RFC 3261 §7.3.3); and lines by these keys."""

from __future__ import annotations

from sys import intern

from ..errors import MalformedMessage
from .grammar import is_token

__all__ = ["COMPACT", "HEADER_KEYS", "index_lines", "join_folded"]

COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"The compact forms in the IANA registry."

MAX_LEARNT = 1024
"Spellings kept; a flood of invented names is read slowly, not remembered."
MAX_NAME = 64


class _HeaderKeys(dict[str, str]):
    """From a name as spelled before the colon to its key. New spellings are checked, and learnt within bounds."""

    def __missing__(self, spelled: str) -> str:
        name = spelled.rstrip(" \t")
        if not is_token(name):
            raise MalformedMessage("a header name is not a token")
        key = name.lower()
        key = intern(COMPACT.get(key, key))
        if len(self) < MAX_LEARNT and len(spelled) <= MAX_NAME:
            self[spelled] = key
        return key


HEADER_KEYS = _HeaderKeys()

_COMMON = (
    "Via From To Call-ID CSeq Max-Forwards Contact Content-Length Content-Type Route Record-Route Expires User-Agent Server Allow "
    "Supported Require Proxy-Require Unsupported Authorization Proxy-Authorization WWW-Authenticate Proxy-Authenticate "
    "Authentication-Info Path Service-Route Date Event Subscription-State Reason Retry-After Min-Expires Accept Warning "
    "Session-Expires Min-SE RSeq RAck Refer-To Referred-By Replaces P-Asserted-Identity Privacy Allow-Events Subject"
)
for _name in _COMMON.split():
    _ = HEADER_KEYS[_name], HEADER_KEYS[_name.lower()]
for _name in COMPACT:
    _ = HEADER_KEYS[_name], HEADER_KEYS[_name.upper()]


def index_lines(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return the header lines, those that were folded put together, and the key of each; raise MalformedMessage."""
    try:
        return lines, _keys(lines)
    except MalformedMessage:
        # Folds are rare enough to be found by failing: a continuation begins with white space, a name never does.
        lines = join_folded(lines)
        return lines, _keys(lines)


def join_folded(lines: list[str]) -> list[str]:
    """Put each continuation behind the line that it belongs to, the line end kept."""
    joined: list[str] = []
    for line in lines:
        if line[:1] in (" ", "\t") and joined:
            joined[-1] = f"{joined[-1]}\r\n{line}"
        else:
            joined.append(line)
    return joined


def _keys(lines: list[str]) -> list[str]:
    keys = []
    for line in lines:
        name, colon, _ = line.partition(":")
        if not colon:
            raise MalformedMessage("a header line has no colon")
        keys.append(HEADER_KEYS[name])
    return keys
