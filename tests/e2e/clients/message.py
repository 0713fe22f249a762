"""Just enough SIP to read what a server says, and deliberately not the server's own parser."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from dataclasses import dataclass, field

__all__ = ["Message", "authorization", "between", "new_token"]

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "r": "refer-to"}
HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


@dataclass(frozen=True)
class Message:
    """One message as it came."""

    raw: bytes = field(repr=False)
    start_line: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    "Names in lower case and long form."
    body: bytes = field(repr=False)
    at: float = field(repr=False)
    "Monotonic seconds."

    @classmethod
    def parse(cls, raw: bytes) -> Message:
        head, _, body = raw.partition(b"\r\n\r\n")
        start_line, *lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
        pairs = ((name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
        headers = tuple((COMPACT.get(name, name), value) for name, value in pairs)
        return cls(raw, start_line, headers, body, time.monotonic())

    @property
    def status(self) -> int:
        """Its status code; 0 for a request."""
        return int(self.start_line.split()[1]) if self.start_line.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """The method of the request; "" for a response."""
        return "" if self.status else self.start_line.split()[0]

    @property
    def target(self) -> str:
        """The Request-URI."""
        return self.start_line.split()[1]

    @property
    def reason(self) -> str:
        """The text behind the status code."""
        return self.start_line.split(maxsplit=2)[2]

    @property
    def call_id(self) -> str:
        return self.header("call-id")

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method."""
        number, method = self.header("cseq").split()
        return int(number), method

    @property
    def contact_uri(self) -> str:
        """The URI of its first Contact."""
        return between(self.header("contact"), "<", ">")

    def header(self, name: str) -> str:
        """The first value of a header; "" when it has none."""
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        """All lines of a header."""
        return [value for key, value in self.headers if key == name]

    def tag(self, name: str) -> str:
        """The tag of its From or To."""
        found = re.search(r";tag=([^;]+)", self.header(name))
        return found[1] if found else ""

    def __str__(self) -> str:
        return self.raw.decode("utf-8", "replace")


def between(text: str, start: str, end: str) -> str:
    """What stands between the first `start` and the next `end`."""
    return text.partition(start)[2].partition(end)[0]


def new_token() -> str:
    """Something that nobody else has."""
    return secrets.token_hex(8)


def authorization(challenge: str, user: str, password: str, method: str, uri: str, *, count: int = 1) -> str:
    """Credentials for a challenge (RFC 2617 and RFC 7616, qop=auth), used for the `count`-th time."""
    given = {
        name.lower(): quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', challenge)
    }
    algorithm = given.get("algorithm", "MD5")

    def digest(*parts: str) -> str:
        return HASHES[algorithm](":".join(parts).encode()).hexdigest()

    nc, cnonce = f"{count:08x}", new_token()
    ha1, ha2 = digest(user, given["realm"], password), digest(method, uri)
    answer = digest(ha1, given["nonce"], nc, cnonce, "auth", ha2)
    return (
        f'Digest username="{user}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{uri}", '
        f'response="{answer}", algorithm={algorithm}, qop=auth, nc={nc}, cnonce="{cnonce}"'
    )
