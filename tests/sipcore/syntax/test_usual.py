"""The short way and the careful way must lead to the same: same verdict, same values, same octets sent on."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipcore.errors import MalformedMessage
from sipcore.syntax import (
    Request,
    Response,
    check_request,
    check_response,
    forward_request,
    forward_response,
    make_response,
    note_source,
    parse_message,
)
from sipcore.syntax.parse import _parse_with_care
from tests.torture.messages import DATAGRAMS

from .samples import INVITE, RESPONSE, wire

PLAIN = [
    "Via: SIP/2.0/UDP 192.0.2.17:5062;branch=z9hG4bK-one;rport",
    "Max-Forwards: 70",
    'From: "Bob" <sip:102@pbx.example.org>;tag=a73',
    "To: <sip:101@pbx.example.org>",
    "Call-ID: 1j9@192.0.2.17",
    "CSeq: 1 INVITE",
    "Content-Length: 0",
]
ODD = [
    "",
    " folded",
    "\tfolded: too",
    "no colon",
    "v: SIP/2.0/UDP h",
    "VIA: SIP/2.0/UDP h",
    "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-ours",
    "Via: SIP/2.0/UDP h;branch=a;branch=b",
    "Via: SIP/2.0/UDP h;x;branch=a;Branch=b",
    "Via: SIP/2.0/UDP h;branch=",
    "Via: SIP/2.0/UDP h;branch",
    "Via: SIP/2.0/UDP h;branched=1;tag=2;branch=3",
    "Via: SIP/2.0/UDP H:65536;branch=a",
    "Via: SIP/2.0/UDP h:65535;branch=a;rport=1;received=1.1.1.1",
    "Via: SIP/2.0/UDP h:0",
    "Via: SIP/2.0/UDP h:05060;branch=a",
    "Via: SIP/2.0/TCP a, SIP/2.0/TLS b",
    "Via: SIP/3.0/TCP a",
    "Via: SIP/2.0/UDP a;branch=z9hG4bKa, SIP/2.0/TLS b;branch=z9hG4bKb",
    "Via: SIP/2.0/UDP a;branch=z9hG4bKa;rport, SIP/2.0/UDP b:5070;rport=1;branch=z9hG4bKb, SIP / 2.0 / TLS c",
    "Via: SIP/2.0/UDP a;branch=z9hG4bKa , SIP/2.0/TLS b",
    "Via: SIP/2.0/UDP a;branch=z9hG4bKa,SIP/2.0/TLS b",
    "Via: SIP/2.0/UDP a;branch=z9hG4bKa,  SIP/2.0/TLS b,",
    'Via: SIP/2.0/UDP a;branch=z9hG4bKa, SIP/2.0/TLS b;x="y, z"',
    'Via: SIP/2.0/UDP a;branch=z9hG4bKa, SIP/2.0/TLS "b',
    "Via: SIP/2.0/UDP a;branch=z9hG4bKa, ",
    "Via: SIP/2.0/UDP a;branch=z9hG4bKa" + ", SIP/2.0/UDP b" * 120,
    "From: <sip:102@pbx>;x=1;tag=2",
    "From: <sip:102@pbx>;tag=1;tag=2",
    "From: <sip:102@pbx>;TAG=1",
    "From: <sip:102@pbx>;tag=",
    'From: "a\\"b" <sip:102@pbx>;tag=1',
    'From: "a;tag=9>" <sip:102@pbx;tag=8>;tag=1;x="y;tag=7"',
    "From: a b <sip:102@pbx>;tag=1;epid=00",
    "From: sip:102@pbx;tag=1",
    "From: <nothing>;tag=1",
    "from: <sip:102@pbx>;tag=1",
    "f: <sip:102@pbx>;tag=1",
    "To: <sip:1@b>;tag=there",
    "To: <sip:1@b:99999>",
    "to: <sip:1@b>",
    "Call-ID: one two",
    "Call-ID:close",
    "call-id: other",
    "i: other",
    "CSeq: 1 BYE",
    "CSeq: 0001  INVITE",
    "CSeq: 4294967296 INVITE",
    "CSEQ: 1 INVITE",
    "Max-Forwards: 0",
    "Max-Forwards: 0070",
    "Max-Forwards: 256",
    "max-forwards: 3",
    "Content-Length: 3",
    "Content-Length: 99999",
    "Content-Length:   3",
    "Content-Length:3",
    "Content-Length:\t3",
    "l: 0",
    "Content-Type: a/b",
    "c: a/b",
    "Expires: 5",
    "expires: 6",
    "Route: <sip:token@192.0.2.1;lr>",
    "Route: <sip:a;lr>, <sip:b;lr>",
    "route: <sip:c;lr>",
    "Record-Route: <sip:d;lr>",
    "Proxy-Authorization: Digest a",
    "PROXY-Require: x",
    "proxy-require: x",
    "proxy-authorization : Digest b",
    "Timestamp: 54",
    "Subject: Route: <sip:not;lr>",
    "Subject: caf\u00e9",
    "Subject: nul \0 tab\t",
    "Subject: bare\rreturn",
    "Subject: bare\nfeed",
    "X-Odd.Name!%: kept   as  it is  ",
    "bad name: x",
    "Contact: *",
    "m: <sip:a@b>",
]
START = [
    "INVITE sip:101@pbx.example.org SIP/2.0",
    "INVITE sip:101@pbx.example.org?Route=x SIP/2.0",
    "INVITE <sip:101@pbx> SIP/2.0",
    "INVITE sip:101@pbx SIP/3.0",
    "INVITE sip:101@pbx sip/2.0",
    "invite sip:101@pbx SIP/2.0",
    "BYE sip:101@pbx SIP/2.0",
    "INVITE  sip:101@pbx SIP/2.0",
    "SIP/2.0 200 OK",
    "SIP/2.0 200",
    "SIP/2.0 99 Low",
    "SIP/2.0 699 \u043d\u0435\u0442",
]
OF_REQUESTS = ["route_lines", "sent_by", "has_one_via", "max_forwards", "has_proxy_fields", "version"]
ATTRIBUTES = [
    "call_id",
    "cseq",
    "cseq_method",
    "from_tag",
    "to_tag",
    "branch",
    "expires",
    "contact_star",
    "start_line",
    "body",
    "raw",
    "lines",
    "keys",
]
NAMES = (
    "Route",
    "route",
    "via",
    "Subject",
    "proxy-authorization",
    "x-odd.name!%",
    "contact",
    "content-type",
    "proxy-require",
    "absent",
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A plain message with some lines left out, moved or replaced by odd ones."""
    lines = PLAIN.copy()
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        what = draw(st.sampled_from(("insert", "replace", "delete")))
        if what != "insert":
            del lines[at]
        if what != "delete":
            lines.insert(at, draw(st.sampled_from(ODD)))
    text = "\r\n".join((draw(st.sampled_from(START)), *lines))
    return text.encode() + b"\r\n\r\n" + draw(st.sampled_from((b"", b"abc", b"abcdef")))


def outcome(look):
    try:
        return look()
    except MalformedMessage as error:
        return "malformed", error.status_hint


def everything(message) -> dict[str, object]:
    """What anybody could get out of a message."""
    seen = {name: outcome(lambda name=name: getattr(message, name)) for name in ATTRIBUTES}
    for name in NAMES:
        seen[f"header {name}"] = message.header(name), message.headers(name), message.has(name)
    if isinstance(message, Request):
        seen |= {name: outcome(lambda name=name: getattr(message, name)) for name in OF_REQUESTS}
    else:
        seen["check"] = outcome(lambda: check_response(message))
        seen["forwarded"] = [forward_response(message, headers=extra).raw for extra in ((), [("Reason", "x")])]
        return seen
    seen["check"] = outcome(lambda: check_request(message))
    for number, options in enumerate(
        (
            {},
            {"skip_routes": 1, "record_route": ["<sip:us;lr>"], "routes": ["<sip:next;lr>"]},
            {"skip_routes": 2, "headers": [("X-Added", "1")]},
            {"skip_routes": 1, "remove": ["route", "proxy-authorization", "Subject"]},
        )
    ):
        forwarded = forward_request(message, target="sip:x@y", via="SIP/2.0/UDP us;branch=b", max_forwards=9, **options)
        seen[f"forwarded {number}"] = forwarded.raw
    for status in (100, 486):
        answer = make_response(message, status, None, [("Server", "x")], "t", b"why", "text/plain").raw
        seen[f"answer {status}"] = sorted(answer.split(b"\r\n"))  # the short way has an order of its own
    return seen


def both_ways(data: bytes) -> tuple[object, object]:
    short = outcome(lambda: parse_message(data))
    careful = outcome(lambda: _parse_with_care(data))
    return tuple(way if isinstance(way, tuple) else everything(way) for way in (short, careful))


@given(messages())
@example(INVITE)
@example(RESPONSE)
def test_both_ways_lead_to_the_same(data):
    short, careful = both_ways(data)

    assert short == careful


@pytest.mark.parametrize("hostile", DATAGRAMS, ids=lambda hostile: hostile.name)
def test_both_ways_lead_to_the_same_for_hostile_messages(hostile):
    short, careful = both_ways(hostile.data)

    assert short == careful


@pytest.mark.parametrize("line", ODD)
def test_both_ways_lead_to_the_same_for_each_odd_line(line):
    for at in range(len(PLAIN) + 1):
        for start in START:
            for lines in ([*PLAIN[:at], line, *PLAIN[at:]], [*PLAIN[:at], line, *PLAIN[at + 1 :]]):
                data = "\r\n".join((start, *lines)).encode() + b"\r\n\r\nabc"
                short = outcome(lambda data=data: parse_message(data))
                careful = outcome(lambda data=data: _parse_with_care(data))
                if not isinstance(short, tuple) and short.usual_end:
                    assert everything(short) == everything(careful), data
                else:
                    assert isinstance(short, tuple) == isinstance(careful, tuple)


@given(messages())
@example(INVITE)
@example(INVITE.replace(b";rport", b";rport\r\n =9"))
@example(INVITE.replace(b";rport", b";rport;rport"))
@example(INVITE.replace(b";rport", b";rports;rport;x"))
@example(INVITE.replace(b";rport", b""))
def test_where_a_request_came_from_is_noted_alike_both_ways(data):
    for host in ("192.0.2.99", "192.0.2.17"):
        short = outcome(lambda host=host: parse_message(data, host, 4711))
        careful = outcome(lambda host=host: _noted_with_care(data, host))

        assert short == careful if isinstance(short, tuple) else everything(short) == everything(careful)


def _noted_with_care(data: bytes, host: str) -> Request | Response:
    message = _parse_with_care(data)
    return note_source(message, host, 4711) if isinstance(message, Request) else message


def test_a_request_from_where_it_says_it_is_stays_as_it_is():
    data = wire("\n".join((START[0], "Via: SIP/2.0/UDP 192.0.2.17:5062;branch=z9hG4bK-one", *PLAIN[1:])))

    assert parse_message(data, "192.0.2.17", 9).raw is data


def test_what_was_read_can_be_forgotten_and_read_again():
    request = parse_message(INVITE)
    before = everything(request)

    request.forget_readings()

    assert not vars(request)
    assert everything(request) == before
