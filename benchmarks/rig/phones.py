"""Phones as far as a benchmark needs them one at a time: to register callees, and to ask for nonces.

SIPp 3.6 gives up on challenges that offer SHA-256 first, and signing takes time of the machine. So the scenarios with
digest take their credentials from the CSV: signed here, on nonces that the server has issued a moment before. It has the
same to do as ever: a challenge with a new nonce, then credentials to check.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
import socket

__all__ = ["REALM", "Phone", "authorization", "ha1_of", "password_of"]

REALM = "example.org"
_MD5_NONCE = re.compile(
    rb"(?:WWW|Proxy)-Authenticate: (?=[^\r]*algorithm=\"?MD5|(?![^\r]*algorithm))[^\r]*nonce=\"([^\"]+)"
)


def password_of(user: str) -> str:
    """The password of a user of the benchmarks."""
    return f"secret-of-{user}"


def ha1_of(user: str, algorithm: str = "md5") -> str:
    """The HA1 of a user of the benchmarks."""
    return hashlib.new(algorithm, f"{user}:{REALM}:{password_of(user)}".encode()).hexdigest()


def authorization(name: str, user: str, method: str, uri: str, nonce: str, count: int) -> str:
    """An Authorization or Proxy-Authorization header line: MD5, qop=auth, the count-th use of the nonce."""
    ha2 = hashlib.md5(f"{method}:{uri}".encode()).hexdigest()
    response = hashlib.md5(f"{ha1_of(user)}:{nonce}:{count:08x}:0a4f113b:auth:{ha2}".encode()).hexdigest()
    return (
        f'{name}: Digest username="{user}", realm="{REALM}", nonce="{nonce}", uri="{uri}", response="{response}", '
        f'algorithm=MD5, cnonce="0a4f113b", qop=auth, nc={count:08x}'
    )


class Phone:
    """A UDP socket that sends one request at a time and waits for the answer."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.connect(server)
        self.socket.settimeout(5.0)
        self._numbers = itertools.count(1)
        self._life = secrets.token_hex(4)

    @property
    def address(self) -> str:
        """host:port."""
        return "{}:{}".format(*self.socket.getsockname())

    def close(self) -> None:
        """Let go of the port."""
        self.socket.close()

    def request(self, method: str, user: str, uri: str, *lines: str) -> bytes:
        """A request from a user; a REGISTER is to himself, all else to the URI."""
        number = next(self._numbers)
        to = f"sip:{user}@{REALM}" if method == "REGISTER" else uri
        head = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.address};branch=z9hG4bK{self._life}{number}",
            "Max-Forwards: 70",
            f"From: <sip:{user}@{REALM}>;tag={self._life}",
            f"To: <{to}>",
            f"Call-ID: {self._life}-{number}",
            f"CSeq: {number} {method}",
            *lines,
            "Content-Length: 0",
        ]
        return "\r\n".join([*head, "", ""]).encode()

    def ask(self, data: bytes) -> bytes:
        """Send a request and return its final answer."""
        self.socket.send(data)
        call_id = re.search(rb"Call-ID: [^\r]+", data)[0]
        while True:
            answer = self.socket.recv(65535)
            if not answer.startswith(b"SIP/2.0 1") and call_id in answer:
                return answer

    def nonce(self, user: str) -> str:
        """A nonce out of the challenge to a REGISTER; empty when there is no challenge."""
        answer = self.ask(self.request("REGISTER", user, f"sip:{REALM}"))
        found = _MD5_NONCE.search(answer)
        return found[1].decode() if found else ""

    def register(self, user: str, contact: str) -> None:
        """Bind a contact, with credentials when asked for them."""
        uri, lines = f"sip:{REALM}", [f"Contact: <{contact}>", "Expires: 7200", "User-Agent: benchmark"]
        answer = self.ask(self.request("REGISTER", user, uri, *lines))
        if answer.startswith(b"SIP/2.0 401"):
            nonce = _MD5_NONCE.search(answer)[1].decode()
            lines.append(authorization("Authorization", user, "REGISTER", uri, nonce, 1))
            answer = self.ask(self.request("REGISTER", user, uri, *lines))
        if not answer.startswith(b"SIP/2.0 200"):
            raise RuntimeError(f"REGISTER of {user}: {answer.splitlines()[0].decode()}")
