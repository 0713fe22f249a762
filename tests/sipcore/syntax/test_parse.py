from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipcore.errors import MalformedMessage
from sipcore.syntax import Request, Response, check_request, check_response, make_response
from sipcore.syntax.grammar import MAX_HEADER_BYTES, MAX_HEADER_LINES
from sipcore.syntax.parse import parse_message, salvage_request

from .samples import INVITE, RESPONSE, wire

HEADERS = """Via: SIP/2.0/UDP 192.0.2.17;branch=z9hG4bK1
From: <sip:a@b>;tag=1
To: <sip:c@d>
Call-ID: one
CSeq: 1 OPTIONS
"""
OPTIONS = "OPTIONS sip:c@d SIP/2.0\n" + HEADERS


def test_a_request_keeps_its_octets():
    request = parse_message(INVITE)

    assert isinstance(request, Request)
    assert (request.method, request.target, request.version) == ("INVITE", "sip:101@pbx.example.org", "SIP/2.0")
    assert (request.raw, bytes(request), request.body) == (INVITE, INVITE, b"v=0\r\n")


def test_a_response_keeps_its_octets():
    response = parse_message(RESPONSE)

    assert isinstance(response, Response)
    assert (response.status, response.reason, response.raw) == (180, "Ringing", RESPONSE)


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        ("SIP/2.0 100 ", 100, ""),
        ("SIP/2.0 100", 100, ""),
        ("sip/2.0 200 = 2**3 * 5**2", 200, "= 2**3 * 5**2"),
        ("SIP/2.0 486 но занято", 486, "но занято"),
    ],
)
def test_status_lines_may_have_any_reason_or_none(line, status, reason):
    response = parse_message(wire(line + "\n" + HEADERS))

    assert (response.status, response.reason) == (status, reason)


@pytest.mark.parametrize(
    "line", ["SIP/2.0 4294967301 x", "SIP/2.0 99 x", "SIP/2.0 700 x", "SIP/2.0 ٢٠٠ x", "SIP/3.0 200 OK"]
)
def test_other_status_lines_are_dropped(line):
    with pytest.raises(MalformedMessage) as caught:
        parse_message(wire(line + "\n" + HEADERS))
    assert caught.value.status_hint == 0


@pytest.mark.parametrize(
    "line",
    [
        "INVITE  sip:a@b SIP/2.0",
        "INVITE sip:a@b; lr SIP/2.0",
        "INVITE sip:a@b SIP/2.0 ",
        " INVITE sip:a@b SIP/2.0",
        "IN@VITE sip:a@b SIP/2.0",
        "INVITE  SIP/2.0",
    ],
)
def test_request_lines_have_exactly_three_words(line):
    with pytest.raises(MalformedMessage) as caught:
        parse_message(wire(line + "\n" + HEADERS))
    assert caught.value.status_hint == 400


@pytest.mark.parametrize(
    "data", [b"", b"\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b"ACK sip:a@b SIP/2.0\r\nx\r\n\r\n"]
)
def test_what_is_not_sip_or_cannot_be_answered_is_dropped(data):
    with pytest.raises(MalformedMessage) as caught:
        parse_message(data)
    assert caught.value.status_hint == 0


def test_another_version_is_for_the_check_to_refuse():
    assert parse_message(wire(OPTIONS.replace("SIP/2.0\nVia", "SIP/7.0\nVia"))).version == "SIP/7.0"


def test_empty_lines_before_the_start_line_are_skipped():
    assert parse_message(b"\r\n\r\n" + RESPONSE).raw == RESPONSE


def test_folded_lines_are_one_header():
    request = parse_message(
        wire("OPTIONS sip:c@d SIP/2.0\nCSeq : 0009\n  OPTIONS\nSubject: a\n\t: b\n" + "To :\n <sip:c@d>")
    )

    assert request.keys == ["cseq", "subject", "to"]
    assert request.cseq == (9, "OPTIONS")
    assert request.header("subject") == "a : b"


def test_bare_line_feeds_in_a_datagram_are_read_and_kept_as_crlf():
    data = OPTIONS.replace("Call-ID: one", "Call-ID:\n one").encode() + b"Content-Length: 3\n\na\nbc"

    request = parse_message(data)

    assert (
        request.raw
        == (OPTIONS.replace("Call-ID: one", "Call-ID:\n one") + "Content-Length: 3\n\n").replace("\n", "\r\n").encode()
        + b"a\nb"
    )
    assert request.call_id == "one"


def test_a_bare_line_feed_ends_a_line_for_us_as_it_might_for_others():
    request = parse_message(INVITE.replace(b"kept   as", b"kept\nX-Hidden: as"))

    assert request.header("x-hidden") == "as  it is"
    assert b"\r\nX-Hidden: as" in request.raw


def test_a_bare_carriage_return_is_refused():
    with pytest.raises(MalformedMessage, match="carriage return"):
        parse_message(INVITE.replace(b"kept   as", b"kept\rX-Hidden: as"))


def test_octets_behind_the_body_are_cut_off():
    assert parse_message(INVITE + b"INVITE more").raw == INVITE


def test_without_content_length_the_body_goes_to_the_end_of_the_datagram():
    assert parse_message(wire(OPTIONS, b"\x00binary\xff")).body == b"\x00binary\xff"


@pytest.mark.parametrize(
    "value", ["6", "-999", "5 5", "", "+5", "5\nl: 5", "5\nContent-Length: 0", "99999999999999999999999"]
)
def test_a_content_length_that_cannot_be_trusted_is_refused(value):
    data = INVITE.replace(b"Content-Length: 5", b"Content-Length: " + value.replace("\n", "\r\n").encode())

    with pytest.raises(MalformedMessage) as caught:
        parse_message(data)
    assert caught.value.status_hint == 400


@pytest.mark.parametrize("line", ["no colon", "no-colon-but-a-token", ": no name", "bad name: x", "näme: x", " : x"])
def test_a_line_that_is_no_header_is_refused(line):
    with pytest.raises(MalformedMessage) as caught:
        parse_message(wire("OPTIONS sip:c@d SIP/2.0\n" + line.strip("\n") + "\n" + HEADERS))
    assert caught.value.status_hint == 400


@pytest.mark.parametrize(
    "data",
    [
        wire(OPTIONS + "X: 1\n" * MAX_HEADER_LINES),
        wire(OPTIONS + "X: " + "1" * MAX_HEADER_BYTES),
        wire(OPTIONS + "X: 1\n" + " 2\n" * MAX_HEADER_LINES),
        b"OPTIONS sip:c@d SIP/2.0\r\nX: " + b"1" * MAX_HEADER_BYTES,
        wire(OPTIONS)[:-2],
    ],
)
def test_header_blocks_have_bounds_and_an_end(data):
    with pytest.raises(MalformedMessage):
        parse_message(data)


def test_a_broken_request_is_salvaged_for_its_answer():
    data = wire(OPTIONS + "this is no header\nContent-Length: 99", b"short")

    request = salvage_request(data)

    assert request is not None
    assert make_response(request, 400, to_tag="t").raw == wire(
        "SIP/2.0 400 Bad Request\n" + HEADERS.replace("<sip:c@d>", "<sip:c@d>;tag=t") + "Content-Length: 0"
    )


def test_a_salvaged_request_brings_no_line_ends_into_its_answer():
    data = wire(OPTIONS.replace("Call-ID: one", "Call-ID: one\r\r two\n three"))

    response = make_response(salvage_request(data), 400)

    assert response.raw.count(b"\r") == response.raw.count(b"\n") == response.raw.count(b"\r\n")
    assert parse_message(response.raw).call_id == "one"


@pytest.mark.parametrize(
    "data",
    [
        wire(OPTIONS.replace("OPTIONS sip", "ACK sip")),
        wire(OPTIONS.replace("CSeq: 1 OPTIONS\n", "")),
        wire(OPTIONS.replace("Via:", "X:")),
        wire("OPTIONS sip:c@d\n" + HEADERS),
        RESPONSE,
        b"",
        b"\xff" * 100,
    ],
)
def test_what_cannot_be_answered_is_not_salvaged(data):
    assert salvage_request(data) is None


LINES = st.sampled_from(
    [*INVITE.split(b"\r\n"), *RESPONSE.split(b"\r\n"), b" fold", b"\tfold", b"x", b"", b":", b"Via: ,", b"m: *"]
)
SHUFFLED = st.lists(LINES, max_size=20).map(b"\r\n".join)
EDITED = st.tuples(
    st.sampled_from([INVITE, RESPONSE]), st.integers(0, 700), st.integers(0, 30), st.binary(max_size=8)
).map(lambda edit: edit[0][: edit[1]] + edit[3] + edit[0][edit[1] + edit[2] :])


@given(st.one_of(st.binary(max_size=300), SHUFFLED, EDITED))
@example(INVITE)
@example(RESPONSE)
def test_nothing_but_malformed_message_is_ever_raised(data):
    try:
        message = parse_message(data)
    except MalformedMessage as error:
        assert error.status_hint in (0, 400)
        salvage_request(data)
        return
    if isinstance(message, Request):
        with_errors(lambda: check_request(message))
        make_response(message, 400, to_tag="x")
        with_errors(lambda: message.max_forwards)
    else:
        with_errors(lambda: check_response(message))
    for name in ("vias", "contacts", "contact_star", "routes", "record_routes", "expires", "branch"):
        with_errors(lambda name=name: getattr(message, name))


def with_errors(look) -> None:
    try:
        look()
    except MalformedMessage as error:
        assert error.status_hint in (0, 400, 505)
