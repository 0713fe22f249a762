"""Messages for the tests of the syntax room."""

from __future__ import annotations

__all__ = ["INVITE", "RESPONSE", "wire"]


def wire(text: str, body: bytes = b"") -> bytes:
    """Lines as they are written in a test, to lines as they go over the wire."""
    return text.strip("\n").replace("\n", "\r\n").encode() + b"\r\n\r\n" + body


INVITE = wire(
    """
INVITE sip:101@pbx.example.org SIP/2.0
Via: SIP/2.0/UDP 192.0.2.17:5062;branch=z9hG4bK-one;rport
Via: SIP/2.0/TCP gate.example.net;branch=z9hG4bK-two , SIP/2.0/TLS [2001:db8::9]:5061;branch=z9hG4bK-three
Max-Forwards: 70
From: "Bob \\"the\\" Builder, again" <sip:102@pbx.example.org>;tag=a73kszlfl
To: <sip:101@pbx.example.org>
Call-ID: 1j9FpLxk3uxtm8tn@192.0.2.17
CSeq: 1 INVITE
Contact: <sip:102@192.0.2.17:5062;transport=udp>
Route: <sip:edge.example.org;lr>, <sip:next.example.org;lr>
Route: <sip:last.example.org;lr>
Record-Route: <sip:before.example.org;lr>
X-Odd.Name!%: kept   as  it is
Content-Type: application/sdp
Content-Length: 5
""",
    b"v=0\r\n",
)

RESPONSE = wire(
    """
SIP/2.0 180 Ringing
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-ours
Via: SIP/2.0/UDP 192.0.2.17:5062;branch=z9hG4bK-one;rport=5062;received=192.0.2.17
From: <sip:102@pbx.example.org>;tag=a73kszlfl
To: <sip:101@pbx.example.org>;tag=98
Call-ID: 1j9FpLxk3uxtm8tn@192.0.2.17
CSeq: 1 INVITE
Content-Length: 0
"""
)
