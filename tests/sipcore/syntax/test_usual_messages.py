"""The short way is taken by what phones and gateways write, and no message can make it long. On every interpreter."""

from __future__ import annotations

import time

import pytest

from sipcore.syntax import parse_message
from sipcore.syntax.grammar import MAX_HEADER_BYTES
from sipcore.syntax.usual import read_usual_message

from .samples import RESPONSE, wire
from .test_usual import ODD, PLAIN, START

USUAL = {
    "baresip registers": """
REGISTER sip:pbx.example.org SIP/2.0
Via: SIP/2.0/UDP 192.0.2.30:41873;branch=z9hG4bK2ee5cba2af5ee26a;rport
Contact: <sip:101-0x55d1c0@192.0.2.30:41873>;expires=3600;+sip.instance="<urn:uuid:4a1b>"
Max-Forwards: 70
Authorization: Digest username="101", realm="pbx.example.org", nonce="6a-1", uri="sip:pbx.example.org", response="0b", qop=auth
To: <sip:101@pbx.example.org>
From: <sip:101@pbx.example.org>;tag=5a6d6c5e0c45d6c3
Call-ID: 6c1c1a9b0d6e7d0e
CSeq: 6126 REGISTER
User-Agent: baresip v1.0.0 (x86_64/linux)
Supported: gruu,outbound,path
Allow: INVITE,ACK,BYE,CANCEL,OPTIONS,NOTIFY,SUBSCRIBE,INFO,MESSAGE,REFER
Content-Length: 0
""",
    "linphone calls": """
INVITE sip:102@pbx.example.org SIP/2.0
Via: SIP/2.0/TCP 192.0.2.31:50612;alias;branch=z9hG4bK.Zx~Kbn-1u;rport
From: "Alice" <sip:101@pbx.example.org>;tag=Q8~ZmX0vT
To: <sip:102@pbx.example.org>
CSeq: 20 INVITE
Call-ID: k5WqPJkTzr
Max-Forwards: 70
Supported: replaces, outbound, gruu, path
Contact: <sip:101@192.0.2.31:50612;transport=tcp>;+sip.instance="<urn:uuid:1f>"
User-Agent: Linphone-Desktop/5.2
Content-Type: application/sdp
Content-Length: 0
""",
    "a desk phone calls with its password": """
INVITE sip:102@pbx.example.org:5060;user=phone SIP/2.0
Via: SIP/2.0/UDP 192.0.2.32:5060;branch=z9hG4bK1403288921;rport;received=192.0.2.32
From: "Reception 1" <sip:101@pbx.example.org:5060>;tag=1403297123
To: <sip:102@pbx.example.org:5060;user=phone>
Call-ID: 0_1403286655@192.0.2.32
CSeq: 2 INVITE
Contact: <sip:101@192.0.2.32:5060>
Proxy-Authorization: Digest username="101", realm="r", nonce="n", uri="sip:102@pbx.example.org:5060;user=phone", response="x"
Content-Type: application/sdp
Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, PUBLISH, UPDATE, MESSAGE
Max-Forwards: 70
User-Agent: Deskphone SIP-T46S 66.86.0.15
Allow-Events: talk,hold,conference,refer,check-sync
P-Preferred-Identity: <sip:101@pbx.example.org>
Session-Expires: 1800;refresher=uac
Min-SE: 90
MIME-Version: 1.0
Expires: 120
Content-Length: 0
""",
    "sipp acknowledges": """
ACK sip:bob@192.0.2.20:5070;ob SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-4711-1-5
Route: <sip:Zk3uxtm8tnPq@192.0.2.1:5060;lr>
From: sipp <sip:sipp@192.0.2.10:5060>;tag=4711SIPpTag001
To: bob <sip:bob@192.0.2.1:5060>;tag=8152SIPpTag011
Call-ID: 1-4711@192.0.2.10
CSeq: 1 ACK
Contact: sip:sipp@192.0.2.10:5060
Max-Forwards: 70
Subject: Performance Test
Content-Length: 0
""",
    "a caller gives up": """
CANCEL sip:102@pbx.example.org SIP/2.0
Via: SIP/2.0/UDP 192.0.2.32:5060;branch=z9hG4bK1403288921;rport
From: "Alice" <sip:101@pbx.example.org>;tag=1
To: <sip:102@pbx.example.org>
Call-ID: 0_1403286655@192.0.2.32
CSeq: 2 CANCEL
Max-Forwards: 70
Reason: SIP;cause=487
User-Agent: Deskphone
Content-Length: 0
""",
    "a proxy before us sends a call": """
INVITE sip:102@pbx.example.org SIP/2.0
Record-Route: <sip:203.0.113.1;lr;ftag=as1>
Record-Route: <sip:203.0.113.2;lr>
Via: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKcydzigwkX
Via: SIP/2.0/UDP 203.0.113.2;rport=5060;branch=z9hG4bK11;received=203.0.113.2
Max-Forwards: 16
From: <sip:+4930123456@trunk.example;user=phone>;tag=as58f4201b
To: <sip:102@pbx.example.org>
Contact: <sip:+4930123456@203.0.113.2>
Call-ID: 326371826c80e17e6cf6c29861eb2933@203.0.113.2:5060
CSeq: 102 INVITE
Date: Mon, 23 Nov 2026 19:01:31 GMT
X-Account: 17
P-Asserted-Identity: <sip:+4930123456@trunk.example>
Content-Type: application/sdp
Content-Length: 0
""",
    "a phone answers 100": """
SIP/2.0 100 Trying
Via: SIP/2.0/UDP 192.0.2.1:5060;rport=5060;branch=z9hG4bKw1.T0000000000000001;received=192.0.2.1
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKcall1;rport=5060;received=192.0.2.10
From: "Alice" <sip:alice@example.org>;tag=a1
To: <sip:bob@example.org>
Call-ID: 1-6f1c2a90@192.0.2.10
CSeq: 20 INVITE
Content-Length: 0
""",
    "a phone answers 200": """
SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKw1.T0000000000000001;rport=5060;received=192.0.2.1
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKcall1;rport=5060;received=192.0.2.10
Record-Route: <sip:Zk3uxtm8tnPq@192.0.2.1:5060;lr>
From: "Alice" <sip:alice@example.org>;tag=a1
To: <sip:bob@example.org>;tag=b1
Call-ID: 1-6f1c2a90@192.0.2.10
CSeq: 20 INVITE
Contact: <sip:bob@192.0.2.20:5070;ob>
Server: Softphone 5
Content-Type: application/sdp
Content-Length: 0
""",
    "sipp answers: the Vias in one line, a padded length": """
SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKw1.cd.2e, SIP/2.0/UDP 192.0.2.33:5061;branch=z9hG4bK-2-1-0
Record-Route: <sip:31e54fbe@192.0.2.1:5060;lr>
From: "Alice" <sip:101@pbx.example.org>;tag=1a1
To: <sip:102@pbx.example.org>;tag=1b1
Call-ID: 1-2@192.0.2.33
CSeq: 20 INVITE
Contact: <sip:192.0.2.34:5062>
Content-Length:   0
""",
}


@pytest.mark.parametrize("text", USUAL.values(), ids=USUAL.keys())
def test_what_phones_write_takes_the_short_way(text):
    assert parse_message(wire(text)).usual_end > 0


@pytest.mark.parametrize("data", [wire("\n".join((START[0], *PLAIN))), RESPONSE])
def test_the_other_samples_take_it_too(data):
    assert parse_message(data).usual_end > 0


@pytest.mark.parametrize("name", ["baresip registers", "linphone calls", "sipp acknowledges", "a caller gives up"])
def test_where_they_come_from_is_noted_the_short_way_too(name):
    request = parse_message(wire(USUAL[name]), "198.51.100.1", 4711)

    assert request.usual_end > 0
    assert ";received=198.51.100.1" in request.header("via")


# What would take long if there were two ways to read a line, a parameter or a digit: each fails at its very end only.
PARAMETERS = ";rport;alias;x=1;y;z=22;keep;ob;lr;maddr=h;ttl=1;c;d=e;f;g;h;i"
TEMPTING = [
    *PLAIN,
    *ODD,
    "Contact: <sip:a@b>",
    "Record-Route: <sip:a;lr>",
    "RECORD-ROUTE: <sip:a;lr>",
    "Proxy-Thing: a",
    "Via: SIP/2.0/UDP h:65535" + PARAMETERS,
    "Via: SIP/2.0/UDP h:65535" + PARAMETERS + ";branch=a" + PARAMETERS,
    "Via: SIP/2.0/UDP h;branch=z9hG4bKa" + ", SIP/2.0/UDP h x y" * 32,
    "From: <sip:102@pbx>;tag=1" + PARAMETERS,
    "From: <sip:102@pbx>" + PARAMETERS,
    "Subject: " + "a" * 100,
    "A-B.c: d",
    "a: b",
]
ENDS = ["Subject: nul \0", "bad name: x", "Call-ID: one two", "CSeq: 1", "Via: x", "From: <sip:102@pbx>;tag=1;="]
PATIENCE = 0.1  # seconds for what takes well under a millisecond


def seconds_to_judge(data: bytes) -> float:
    begin = time.process_time()
    read_usual_message(data, "192.0.2.99", 4711)
    return time.process_time() - begin


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("line", TEMPTING, ids=range(len(TEMPTING)))
def test_no_line_that_is_repeated_makes_it_slow(line, end):
    for times in (1, 2, 4, 8, 12, 16, 20, 24, 64, 256):  # an exponential way is noticed long before it never ends
        for start in (START[0], START[8]):
            data = wire("\n".join((start, *PLAIN[:3], *[line] * times, *PLAIN[3:], end)))
            assert seconds_to_judge(data) < PATIENCE, (times, start)


@pytest.mark.parametrize(
    "octets",
    [b";a", b";a=b", b" ", b" a", b", a", b", a b", b'"', b"9", b".", b"a", b";rport", b"<", b"\r", b"\r\n", b"\r\nA:"],
)
@pytest.mark.parametrize(
    "before",
    [
        b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h",
        b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;rport",
        b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=a",
        b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa",
        b"INVITE sip:x SIP/2.0\r\nFrom: ",
        b"INVITE sip:x SIP/2.0\r\nFrom: <sip:x>;tag=1",
        b"INVITE sip:x SIP/2.0\r\nCSeq: 1",
        b"INVITE sip:x SIP/2.0\r\nA",
        b"INVITE sip:x",
        b"SIP/2.0 200 ",
    ],
)
def test_no_octets_that_are_repeated_make_it_slow(before, octets):
    for size in (10, 20, 30, 100, 1000, MAX_HEADER_BYTES):
        data = (before + octets * (size // len(octets)) + b"\0")[:MAX_HEADER_BYTES] + b"\r\n\r\n"
        assert seconds_to_judge(data) < PATIENCE, size
