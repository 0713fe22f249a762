"""Microseconds per operation of `sipcore.auth`, best of several rounds: python benchmarks/auth.py

Each request is read anew, as from the wire, and has been checked by the core before the clock starts.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sipcore.auth import NonceCounts, Nonces, authenticate, challenges, find_credentials
from sipcore.contract.credentials import ha1
from sipcore.syntax import Request, check_request, parse_message

REALM = "pbx.example.org"
EPOCH = 1_800_000_000.0
HA1 = {name: ha1(name, "101", REALM, "secret") for name in ("MD5", "SHA-256")}
REQUESTS = 2000


def register(nonce: str, algorithm: str) -> bytes:
    """A REGISTER as a phone signs it."""
    hash_ = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}[algorithm]
    a2 = hash_(f"REGISTER:sip:{REALM}".encode()).hexdigest()
    response = hash_(f"{HA1[algorithm]}:{nonce}:00000001:0a4f113b:auth:{a2}".encode()).hexdigest()
    return (
        f"REGISTER sip:{REALM} SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.0.2.17:5062;branch=z9hG4bK-524287-1-1;rport\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:101@{REALM}>;tag=a73kszlfl\r\n"
        f"To: <sip:101@{REALM}>\r\n"
        "Call-ID: 1j9FpLxk3uxtm8tn@192.0.2.17\r\n"
        "CSeq: 2 REGISTER\r\n"
        "Contact: <sip:101@192.0.2.17:5062;transport=udp>;expires=3600\r\n"
        f'Authorization: Digest username="101", realm="{REALM}", nonce="{nonce}", uri="sip:{REALM}", '
        f'response="{response}", algorithm={algorithm}, cnonce="0a4f113b", qop=auth, nc=00000001\r\n'
        "Content-Length: 0\r\n\r\n"
    ).encode()


def read(messages: Sequence[bytes]) -> list[Request]:
    """Messages as the core hands them on."""
    requests = [parse_message(message) for message in messages]
    for request in requests:
        check_request(request)
    return requests


def measure(prepare: Callable[[], Sequence[object]], operation: Callable[[object], object], rounds: int = 5) -> float:
    """Microseconds for one of them; the best round, for the others were disturbed."""
    best = float("inf")
    for _ in range(rounds):
        arguments = prepare()
        begin = time.perf_counter()
        for argument in arguments:
            operation(argument)
        best = min(best, (time.perf_counter() - begin) / len(arguments))
    return best * 1e6


def main() -> None:
    tokens = count()
    nonces = Nonces(b"0123456789abcdef", new_token=lambda: f"Zk3uxtm8tnPq{next(tokens)}")
    counts = NonceCounts()

    def prepare(algorithm: str) -> Callable[[], Sequence[Request]]:
        return lambda: read([register(nonces.issue(EPOCH), algorithm) for _ in range(REQUESTS)])

    def decide(request: Request) -> None:
        """As the script does it: find whose credentials they are, look that user up, decide."""
        found = find_credentials(request.headers("authorization"), REALM)
        decision = authenticate(request, HA1, realm=REALM, nonces=nonces, counts=counts, epoch=EPOCH, credentials=found)
        assert decision.is_ok

    rows = [
        ("check a REGISTER, SHA-256", prepare("SHA-256"), decide),
        ("check a REGISTER, MD5", prepare("MD5"), decide),
        ("issue a nonce", lambda: range(REQUESTS), lambda _: nonces.issue(EPOCH)),
        ("write a challenge", lambda: range(REQUESTS), lambda _: challenges(REALM, "1a2b3c4d5e6.Zk3uxtm8tnPq.abcdef")),
    ]
    for name, make, operation in rows:
        print(f"{measure(make, operation):8.2f} us  {name}")


if __name__ == "__main__":
    main()
