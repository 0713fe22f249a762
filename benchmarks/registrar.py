"""Microseconds per operation of `sipcore.registrar`, best of several rounds: python benchmarks/registrar.py

Each request is read anew, as from the wire, and has been checked by the core before the clock starts.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sipcore.contract.flow import Flow
from sipcore.contract.location import Binding, BindingChanges
from sipcore.registrar import Limits, Register, apply_register, ok_headers
from sipcore.syntax import Request, check_request, parse_message

AOR = "101@pbx.example.org"
EPOCH = 1_800_000_000.0
FLOW = Flow("udp", "198.51.100.7", 40001)
LIMITS = Limits()
REQUESTS = 2000


def register(cseq: int, port: int = 5062, push: str = "") -> Request:
    """A REGISTER as the core hands it on."""
    request = parse_message(
        (
            "REGISTER sip:pbx.example.org SIP/2.0\r\n"
            "Via: SIP/2.0/UDP 192.0.2.17:5062;branch=z9hG4bK-524287-1-1;rport\r\n"
            "Max-Forwards: 70\r\n"
            "From: <sip:101@pbx.example.org>;tag=a73kszlfl\r\n"
            "To: <sip:101@pbx.example.org>\r\n"
            "Call-ID: 1j9FpLxk3uxtm8tn@192.0.2.17\r\n"
            f"CSeq: {cseq} REGISTER\r\n"
            f"Contact: <sip:101@192.0.2.17:{port};transport=udp{push}>;expires=3600"
            ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>"\r\n'
            "User-Agent: Deskphone 1.0\r\n"
            "Supported: path, outbound\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()
    )
    check_request(request)
    return request


def apply(request: Request, current: tuple[Binding, ...]) -> BindingChanges:
    """Register with AOR."""
    return apply_register(
        Register(request),
        AOR,
        current,
        limits=LIMITS,
        epoch=EPOCH,
        flow=FLOW,
        worker="w0",
        socket="udp:203.0.113.1:5060",
        push_providers=("fcm",),
    )


def measure(prepare: Callable[[], Sequence[Request]], operation: Callable[[Request], object], rounds: int = 5) -> float:
    """Microseconds for one of them; the best round, for the others were disturbed."""
    best = float("inf")
    for _ in range(rounds):
        requests = prepare()
        begin = time.perf_counter()
        for request in requests:
            operation(request)
        best = min(best, (time.perf_counter() - begin) / len(requests))
    return best * 1e6


def main() -> None:
    one = apply(register(1), ()).bindings
    ports = count(10000)
    ten = one
    for number in range(9):
        ten += (Binding(AOR, f"key-{number}", f"sip:101@192.0.2.{number}", EPOCH + 600, f"call-{number}", 1),)
    push = ";pn-provider=fcm;pn-param=project;pn-prid=APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx"
    woken = apply(register(1, push=push), ()).bindings

    def answer(request: Request, current: tuple[Binding, ...]) -> None:
        changes = apply(request, current)
        ok_headers(Register(request), changes.bindings, epoch=EPOCH, limits=LIMITS, push_providers=("fcm",))

    def refreshes() -> list[Request]:
        return [register(number + 2) for number in range(REQUESTS)]

    rows = [
        ("refresh of one binding, with its answer", refreshes, lambda request: answer(request, one)),
        ("of these: what changes", refreshes, lambda request: apply(request, one)),
        (
            "refresh with a contact never seen before",
            lambda: [register(number + 2, port=next(ports)) for number in range(REQUESTS)],
            lambda request: answer(request, one),
        ),
        ("refresh of one binding of ten", refreshes, lambda request: answer(request, ten)),
        (
            "refresh with push parameters",
            lambda: [register(number + 2, push=push) for number in range(REQUESTS)],
            lambda request: answer(request, woken),
        ),
    ]
    for name, prepare, operation in rows:
        print(f"{measure(prepare, operation):8.2f} us  {name}")


if __name__ == "__main__":
    main()
