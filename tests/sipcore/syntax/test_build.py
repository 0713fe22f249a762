from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipcore.errors import InvalidWord
from sipcore.syntax import (
    check_request,
    forward_request,
    forward_response,
    make_ack,
    make_cancel,
    make_request,
    make_response,
    parse_message,
    with_via_received,
)

from .samples import INVITE, RESPONSE, wire

OURS = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-ours"


def forwarded(**changes):
    return forward_request(parse_message(INVITE), target="sip:101@192.0.2.4", via=OURS, max_forwards=69, **changes)


def test_forwarding_a_request_changes_nothing_but_what_it_must():
    request = forwarded()

    assert request.raw == INVITE.replace(
        b"INVITE sip:101@pbx.example.org SIP/2.0\r\n",
        b"INVITE sip:101@192.0.2.4 SIP/2.0\r\nVia: " + OURS.encode() + b"\r\n",
    ).replace(b"Max-Forwards: 70", b"Max-Forwards: 69")
    assert (request.target, request.max_forwards, request.branch) == ("sip:101@192.0.2.4", 69, "z9hG4bK-ours")


def test_a_forwarded_message_is_what_would_be_read_from_its_octets():
    for message in (
        forwarded(record_route=["<sip:us;lr>"], skip_routes=1, routes=["<sip:new;lr>"], headers=[("X-A", "1")]),
        forward_response(parse_message(RESPONSE), headers=[("X-A", "1")]),
        make_ack(parse_message(INVITE), parse_message(RESPONSE)),
        make_response(parse_message(INVITE), 486, to_tag="x", body=b"why", content_type="text/plain"),
        with_via_received(parse_message(INVITE), "192.0.2.99", 4711),
    ):
        read = parse_message(message.raw)
        assert (read.lines, read.keys, read.body, read.start_line) == (
            message.lines,
            message.keys,
            message.body,
            message.start_line,
        )


def test_record_route_goes_in_front_of_those_before():
    request = forwarded(record_route=["<sip:tcp.us;lr>", "<sip:udp.us;lr>"])

    assert request.values("record-route") == ["<sip:tcp.us;lr>", "<sip:udp.us;lr>", "<sip:before.example.org;lr>"]


@pytest.mark.parametrize(
    ("skip", "left"),
    [
        (0, ["edge", "next", "last"]),
        (1, ["next", "last"]),
        (2, ["last"]),
        (3, []),
        (9, []),
    ],
)
def test_routes_are_dropped_by_value_from_the_front(skip, left):
    request = forwarded(skip_routes=skip)

    assert request.values("route") == [f"<sip:{name}.example.org;lr>" for name in left]
    assert [route.uri.host for route in request.routes] == [f"{name}.example.org" for name in left]


def test_routes_are_put_in_front_of_what_is_left():
    request = forwarded(skip_routes=2, routes=["<sip:a;lr>", "<sip:b;lr>"])

    assert request.values("route") == ["<sip:a;lr>", "<sip:b;lr>", "<sip:last.example.org;lr>"]


def test_max_forwards_is_added_where_it_was_missing():
    request = forward_request(
        parse_message(INVITE.replace(b"Max-Forwards: 70\r\n", b"")), target="sip:x@y", via=OURS, max_forwards=70
    )

    assert request.max_forwards == 70


@pytest.mark.parametrize("length", ["", "Content-Length: 4\r\n", "l: 4\r\n"])
def test_a_datagram_without_content_length_gets_one_for_a_stream(length):
    """§16.6 step 10, §18.3."""
    head = f"Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\nVia: SIP/2.0/TCP b;branch=z9hG4bK2\r\nCall-ID: 1\r\n{length}\r\nbody"
    request = parse_message(f"MESSAGE sip:b@c SIP/2.0\r\n{head}".encode())
    response = parse_message(f"SIP/2.0 200 OK\r\n{head}".encode())

    forwarded = forward_request(request, target="sip:b@c", via="SIP/2.0/TCP d;branch=z9hG4bK3", max_forwards=70)

    for message in (forwarded, forward_response(response)):
        assert message.headers("content-length") == ["4"]
        assert parse_message(message.raw + b"the next one").body == b"body"


def test_headers_are_removed_by_name_and_added_at_the_end():
    request = forwarded(remove=["Route", "x-odd.name!%"], headers=[("P-Asserted-Identity", "<sip:102@pbx>")])

    assert (request.has("route"), request.has("x-odd.name!%")) == (False, False)
    assert request.lines[-1] == "P-Asserted-Identity: <sip:102@pbx>"
    assert request.body == b"v=0\r\n"


def test_the_request_that_is_forwarded_stays_as_it_was():
    request = parse_message(INVITE)

    forward_request(
        request, target="sip:x@y", via=OURS, max_forwards=1, skip_routes=3, remove=["via"], headers=[("A", "b")]
    )

    assert request.raw == INVITE
    assert request.lines == parse_message(INVITE).lines


def test_forwarding_a_response_takes_off_our_via():
    response = forward_response(parse_message(RESPONSE))

    assert response.raw == RESPONSE.replace(b"Via: " + OURS.encode() + b"\r\n", b"")
    assert response.branch == "z9hG4bK-one"


def test_our_via_goes_even_where_it_shares_a_line():
    shared = RESPONSE.replace(b"-ours\r\nVia: ", b"-ours , ")

    assert forward_response(parse_message(shared)).raw == RESPONSE.replace(b"Via: " + OURS.encode() + b"\r\n", b"")


def test_our_via_goes_even_where_it_is_folded_or_compact():
    folded = RESPONSE.replace(b"Via: SIP/2.0/UDP 192.0.2.1", b"v:\r\n SIP/2.0/UDP\r\n  192.0.2.1", 1)

    assert forward_response(parse_message(folded)).raw == RESPONSE.replace(b"Via: " + OURS.encode() + b"\r\n", b"")


VALUES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30)
EXTRA = st.lists(st.tuples(st.from_regex(r"X-[A-Za-z0-9.!%*_+`'~-]{1,10}", fullmatch=True), VALUES), max_size=5)


@given(EXTRA, st.binary(max_size=40))
def test_all_other_octets_survive_forwarding(extra, body):
    lines = b"".join(f"{name} :{value}\r\n".encode() for name, value in extra)
    head = wire("MESSAGE sip:a@b SIP/2.0\nMax-Forwards: 9")[:-2]
    tail = f"Content-Length: {len(body)}\r\n\r\n".encode() + body

    request = forward_request(parse_message(head + lines + tail), target="sip:c@d", via=OURS, max_forwards=8)

    expected = wire(f"MESSAGE sip:c@d SIP/2.0\nVia: {OURS}\nMax-Forwards: 8")[:-2]
    assert request.raw == expected + lines + tail


@given(EXTRA, st.binary(max_size=40))
def test_all_other_octets_of_a_response_survive_forwarding(extra, body):
    lines = b"".join(f"{name} :{value}\r\n".encode() for name, value in extra)
    head = b"SIP/2.0 200 OK\r\n"
    tail = f"Content-Length: {len(body)}\r\n\r\n".encode() + body

    response = forward_response(parse_message(head + lines + b"Via: " + OURS.encode() + b"\r\n" + tail))

    assert response.raw == head + lines + tail


def test_an_answer_has_what_the_rfc_asks_for():
    response = make_response(parse_message(INVITE), 480, to_tag="mine", headers=[("Reason", "SIP;cause=480")])

    assert response.raw == wire(
        """
SIP/2.0 480 Temporarily Unavailable
Via: SIP/2.0/UDP 192.0.2.17:5062;branch=z9hG4bK-one;rport
Via: SIP/2.0/TCP gate.example.net;branch=z9hG4bK-two , SIP/2.0/TLS [2001:db8::9]:5061;branch=z9hG4bK-three
From: "Bob \\"the\\" Builder, again" <sip:102@pbx.example.org>;tag=a73kszlfl
To: <sip:101@pbx.example.org>;tag=mine
Call-ID: 1j9FpLxk3uxtm8tn@192.0.2.17
CSeq: 1 INVITE
Reason: SIP;cause=480
Content-Length: 0
"""
    )


@pytest.mark.parametrize(
    ("_case", "status", "to", "expected"),
    [
        ("100 has no tag", 100, "<sip:a@b>", "<sip:a@b>"),
        ("added", 180, "<sip:a@b>", "<sip:a@b>;tag=mine"),
        ("added to a bare address", 200, "sip:a@b", "sip:a@b;tag=mine"),
        ("the caller's is kept", 200, "<sip:a@b>;tag=theirs", "<sip:a@b>;tag=theirs"),
        ("a tag in the URI is none", 200, "<sip:a@b;tag=x>", "<sip:a@b;tag=x>;tag=mine"),
        ("unreadable", 400, '"open <sip:a@b>', '"open <sip:a@b>;tag=mine'),
    ],
)
def test_the_tag_in_to(_case, status, to, expected):
    request = make_request("OPTIONS", "sip:a@b", [("To", to)])

    assert make_response(request, status, to_tag="mine").header("to") == expected


def test_timestamp_is_for_the_100_only():
    request = make_request("INVITE", "sip:a@b", [("Timestamp", "54")])

    assert [make_response(request, status).header("timestamp") for status in (100, 180)] == ["54", None]


def test_an_answer_with_a_body_and_its_own_words():
    response = make_response(parse_message(INVITE), 480, "Gone", body=b"text", content_type="text/plain")

    assert response.start_line == "SIP/2.0 480 Gone"
    assert (response.header("content-type"), response.header("content-length"), response.body) == (
        "text/plain",
        "4",
        b"text",
    )


def test_a_request_without_headers_can_still_be_answered():
    assert make_response(make_request("OPTIONS", "sip:a@b", []), 400).raw == wire(
        "SIP/2.0 400 Bad Request\nContent-Length: 0"
    )


def test_ack_belongs_to_the_transaction_of_its_invite():
    ack = make_ack(parse_message(INVITE), parse_message(RESPONSE))

    check_request(ack)
    assert ack.raw == wire(
        """
ACK sip:101@pbx.example.org SIP/2.0
Via: SIP/2.0/UDP 192.0.2.17:5062;branch=z9hG4bK-one;rport
Max-Forwards: 70
Route: <sip:edge.example.org;lr>, <sip:next.example.org;lr>
Route: <sip:last.example.org;lr>
From: "Bob \\"the\\" Builder, again" <sip:102@pbx.example.org>;tag=a73kszlfl
To: <sip:101@pbx.example.org>;tag=98
Call-ID: 1j9FpLxk3uxtm8tn@192.0.2.17
CSeq: 1 ACK
Content-Length: 0
"""
    )


def test_cancel_has_the_to_of_its_invite_and_may_say_why():
    cancel = make_cancel(parse_message(INVITE), [("Reason", 'SIP;cause=200;text="Call completed elsewhere"')])

    check_request(cancel)
    assert (cancel.method, cancel.target, cancel.cseq) == ("CANCEL", "sip:101@pbx.example.org", (1, "CANCEL"))
    assert (cancel.values("via"), cancel.to_tag) == (["SIP/2.0/UDP 192.0.2.17:5062;branch=z9hG4bK-one;rport"], "")
    assert cancel.header("reason") == 'SIP;cause=200;text="Call completed elsewhere"'


@pytest.mark.parametrize(
    ("_case", "via", "received", "rport", "expected"),
    [
        (
            "asked for",
            "SIP/2.0/UDP a:5;rport;branch=x",
            "192.0.2.9",
            77,
            "SIP/2.0/UDP a:5;rport=77;branch=x;received=192.0.2.9",
        ),
        ("not asked for", "SIP/2.0/UDP a;branch=x", "192.0.2.9", 77, "SIP/2.0/UDP a;branch=x;received=192.0.2.9"),
        (
            "claimed",
            "SIP/2.0/UDP a;received=1.1.1.1;rport=1",
            "192.0.2.9",
            77,
            "SIP/2.0/UDP a;rport=77;received=192.0.2.9",
        ),
        ("port only", "SIP/2.0/UDP a; RPORT ;branch=x", None, 77, "SIP/2.0/UDP a;rport=77;branch=x"),
        (
            "others kept",
            'SIP/2.0/UDP a;x="1;,2" , SIP/2.0/UDP b',
            "::1",
            None,
            'SIP/2.0/UDP a;x="1;,2";received=::1 , SIP/2.0/UDP b',
        ),
        ("nothing to say", "SIP/2.0/UDP a;rport", None, None, "SIP/2.0/UDP a;rport"),
    ],
)
def test_where_a_request_came_from_is_written_into_its_top_via(_case, via, received, rport, expected):
    request = make_request("OPTIONS", "sip:a@b", [("Via", via), ("Via", "SIP/2.0/UDP c;rport")])

    changed = with_via_received(request, received, rport)

    assert changed.headers("via") == [expected, "SIP/2.0/UDP c;rport"]
    assert changed.raw == request.raw.replace(via.encode(), expected.encode())


def test_the_remembered_top_via_is_the_new_one():
    request = parse_message(INVITE)
    _ = request.top_via, request.vias

    changed = with_via_received(request, "192.0.2.99", 4711)

    assert (changed.top_via.received, changed.top_via.rport, changed.vias[0].received) == (
        "192.0.2.99",
        "4711",
        "192.0.2.99",
    )


@pytest.mark.parametrize("text", ["x\r\nEvil: 1", "x\nEvil: 1", "x\rEvil: 1"])
def test_no_line_end_gets_into_a_message(text):
    request = parse_message(INVITE)

    for build in (
        lambda: make_response(request, 200, text),
        lambda: make_response(request, 200, headers=[("Reason", text)]),
        lambda: make_response(request, 200, headers=[(text, "x")]),
        lambda: make_request("INVITE", text, []),
        lambda: forwarded(headers=[("Reason", text)]),
    ):
        with pytest.raises(InvalidWord):
            build()
