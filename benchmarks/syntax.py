"""Microseconds per operation of `sipcore.syntax`, best of several rounds: python benchmarks/syntax.py"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sipcore.syntax import (
    check_request,
    forward_request,
    forward_response,
    make_response,
    parse_message,
    with_via_received,
)

SDP = b"v=0\r\no=bob 2890 2890 IN IP4 192.0.2.17\r\ns=-\r\nc=IN IP4 192.0.2.17\r\nt=0 0\r\nm=audio 49172 RTP/AVP 0 8 101\r\n"
SDP += b"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"

INVITE = (
    b"INVITE sip:101@pbx.example.org:5060 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.17:5062;branch=z9hG4bK-524287-1-1;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Bob" <sip:102@pbx.example.org>;tag=a73kszlfl\r\n'
    b"To: <sip:101@pbx.example.org>\r\n"
    b"Call-ID: 1j9FpLxk3uxtm8tn@192.0.2.17\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Contact: <sip:102@192.0.2.17:5062;transport=udp>\r\n"
    b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE\r\n"
    b"Supported: replaces, outbound, path, gruu\r\n"
    b"User-Agent: Example Softphone 5.2.1 (build 20261104; x86_64; some/other/product 1.0.2)\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: %d\r\n\r\n" % len(SDP)
) + SDP

OWN_VIA = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKw0.1.Zk3uxtm8tnPq"
RECORD_ROUTE = ("<sip:192.0.2.1:5060;lr;t=Zk3uxtm8tnPq>",)

RESPONSE = bytes(
    forward_request(parse_message(INVITE), target="sip:101@192.0.2.4", via=OWN_VIA, max_forwards=69)
).replace(b"INVITE sip:101@192.0.2.4 SIP/2.0", b"SIP/2.0 200 OK", 1)


def measure(operation: Callable[[], object], rounds: int = 7, times: int = 5000) -> float:
    """Microseconds for one operation; the best round, for the others were disturbed."""
    return min(timeit.repeat(operation, repeat=rounds, number=times)) / times * 1e6


def main() -> None:
    invite = parse_message(INVITE)
    check_request(invite)
    response = parse_message(RESPONSE)
    _ = response.branch

    def checked() -> None:
        check_request(parse_message(INVITE))

    def response_key() -> object:
        fresh = parse_message(RESPONSE)
        return fresh.branch, fresh.cseq_method

    rows = [
        (f"index an INVITE of {len(INVITE)} octets", lambda: parse_message(INVITE)),
        ("index and check an INVITE", checked),
        ("index a 200 and read its transaction key", response_key),
        (
            "forward a request",
            lambda: forward_request(invite, target="sip:101@192.0.2.4:5060", via=OWN_VIA, max_forwards=69),
        ),
        (
            "forward a request, recording the route",
            lambda: forward_request(
                invite, target="sip:101@192.0.2.4:5060", via=OWN_VIA, max_forwards=69, record_route=RECORD_ROUTE
            ),
        ),
        ("forward a response", lambda: forward_response(response)),
        ("fill in received and rport", lambda: with_via_received(invite, "192.0.2.17", 5062)),
        ("answer 100", lambda: make_response(invite, 100)),
        ("answer 480 with a tag", lambda: make_response(invite, 480, to_tag="abcdef")),
    ]
    for name, operation in rows:
        print(f"{measure(operation):8.2f} us  {name}")


if __name__ == "__main__":
    main()
