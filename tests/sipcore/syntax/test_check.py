from __future__ import annotations

import pytest

from sipcore.errors import MalformedMessage
from sipcore.syntax import check_request, check_response, parse_message

from .samples import INVITE, RESPONSE


@pytest.mark.parametrize(
    ("_case", "old", "new"),
    [
        ("as it is", b"", b""),
        ("no Max-Forwards", b"Max-Forwards: 70\r\n", b""),
        ("an unknown scheme", b"INVITE sip:101@pbx.example.org", b"INVITE nobodyKnows:this"),
        ("no branch", b";branch=z9hG4bK-one", b""),
        ("no tag in From", b";tag=a73kszlfl", b""),
        ("a Date that is none", b"X-Odd", b"Date: yesterday\r\nX-Odd"),
        ("a Contact that is none", b"Contact: <", b"Contact: <<"),
    ],
)
def test_what_a_proxy_can_live_with_passes(_case, old, new):
    check_request(parse_message(INVITE.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("_case", "old", "new", "status"),
    [
        ("version", b"SIP/2.0\r\n", b"SIP/3.0\r\n", 505),
        ("no To", b"To: <sip:101@pbx.example.org>\r\n", b"", 400),
        ("two To", b"Route:", b"To: <sip:x@y>\r\nRoute:", 400),
        ("two Call-ID", b"Route:", b"i: 2\r\nRoute:", 400),
        ("two CSeq", b"Route:", b"CSeq: 1 INVITE\r\nRoute:", 400),
        ("two Max-Forwards", b"Route:", b"Max-Forwards: 3\r\nRoute:", 400),
        ("no Via", INVITE[INVITE.index(b"Via") : INVITE.index(b"Max-F")], b"", 400),
        ("Via of another protocol", b"Via: SIP/2.0", b"Via: SIP/7.0", 400),
        ("method differs", b"CSeq: 1 INVITE", b"CSeq: 1 BYE", 400),
        ("method differs in case", b"CSeq: 1 INVITE", b"CSeq: 1 invite", 400),
        ("CSeq too large", b"CSeq: 1 ", b"CSeq: 36893488147419103232 ", 400),
        ("Max-Forwards too large", b"Max-Forwards: 70", b"Max-Forwards: 300", 400),
        ("Request-URI in brackets", b"INVITE sip:101@pbx.example.org", b"INVITE <sip:101@pbx.example.org>", 400),
        ("Request-URI without scheme", b"INVITE sip:101@pbx.example.org", b"INVITE 101", 400),
        (
            "Request-URI with headers",
            b"INVITE sip:101@pbx.example.org",
            b"INVITE sip:101@pbx.example.org?Route=%3Csip:x%3E",
            400,
        ),
        ("quotes not closed in From", b', again"', b", again", 400),
        ("To is no URI", b"To: <sip:101@pbx.example.org>", b"To: <pbx>", 400),
    ],
)
def test_what_a_proxy_cannot_live_with_is_refused(_case, old, new, status):
    assert old in INVITE

    with pytest.raises(MalformedMessage) as caught:
        check_request(parse_message(INVITE.replace(old, new, 1)))
    assert caught.value.status_hint == status


def test_a_good_response_passes():
    check_response(parse_message(RESPONSE))


@pytest.mark.parametrize("old", [b"CSeq: 1 ", b"Call-ID: ", b"To: ", b"Via: "])
def test_a_response_is_never_answered(old):
    with pytest.raises(MalformedMessage) as caught:
        check_response(parse_message(RESPONSE.replace(old, b"X: ", 2)))
    assert caught.value.status_hint == 0
