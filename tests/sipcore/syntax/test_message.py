from __future__ import annotations

import pytest

from sipcore.errors import MalformedMessage
from sipcore.syntax import make_request, parse_message

from .samples import INVITE, RESPONSE, wire


def request_with(*headers):
    return make_request("INVITE", "sip:101@pbx.example.org", headers)


def test_headers_are_found_by_long_name_in_any_case():
    request = parse_message(wire("OPTIONS sip:c@d SIP/2.0\ni: one\nSUBJECT:  hello \n s\n"))

    assert [request.header(name) for name in ("call-id", "Call-ID", "subject", "to")] == [
        "one",
        "one",
        "hello  s",
        None,
    ]
    assert [request.has(name) for name in ("call-id", "Call-ID", "to")] == [True, True, False]


def test_lines_and_values_are_counted_apart():
    request = parse_message(INVITE)

    assert request.headers("Route") == [
        "<sip:edge.example.org;lr>, <sip:next.example.org;lr>",
        "<sip:last.example.org;lr>",
    ]
    assert request.values("route") == [
        "<sip:edge.example.org;lr>",
        "<sip:next.example.org;lr>",
        "<sip:last.example.org;lr>",
    ]
    assert request.values("x-absent") == request.headers("x-absent") == []


def test_typed_headers_of_a_request():
    request = parse_message(INVITE)

    assert request.call_id == "1j9FpLxk3uxtm8tn@192.0.2.17"
    assert (request.cseq_number, request.cseq_method) == (1, "INVITE")
    assert (request.from_.display_name, request.from_.uri.aor) == ('Bob "the" Builder, again', "102@pbx.example.org")
    assert (request.from_tag, request.to_tag) == ("a73kszlfl", "")
    assert (request.branch, request.top_via.sent_by) == ("z9hG4bK-one", "192.0.2.17:5062")
    assert [via.branch for via in request.vias] == ["z9hG4bK-one", "z9hG4bK-two", "z9hG4bK-three"]
    assert request.max_forwards == 70
    assert [contact.uri_text for contact in request.contacts] == ["sip:102@192.0.2.17:5062;transport=udp"]
    assert [route.uri.host for route in request.routes] == ["edge.example.org", "next.example.org", "last.example.org"]
    assert [route.uri.host for route in request.record_routes] == ["before.example.org"]
    assert request.expires is None
    assert request.uri.host == "pbx.example.org"


def test_absent_optional_headers_are_empty():
    request = request_with(("Call-ID", "one"))

    assert (request.max_forwards, request.expires, request.contacts, request.contact_star) == (None, None, [], False)
    assert (request.routes, request.record_routes, request.vias) == ([], [], [])


@pytest.mark.parametrize(
    "name", ["call_id", "cseq", "cseq_number", "from_", "to", "from_tag", "to_tag", "top_via", "branch"]
)
def test_absent_mandatory_headers_are_an_error_when_asked_for(name):
    message = request_with(("Subject", "nothing else"))

    for _ in range(2):
        with pytest.raises(MalformedMessage):
            getattr(message, name)


@pytest.mark.parametrize(
    ("name", "value", "attribute"),
    [
        ("Call-ID", "", "call_id"),
        ("Call-ID", "a b", "call_id"),
        ("CSeq", "1", "cseq"),
        ("CSeq", "INVITE 1", "cseq"),
        ("CSeq", "2147483648 INVITE", "cseq"),
        ("CSeq", "1 IN VITE", "cseq"),
        ("Max-Forwards", "256", "max_forwards"),
        ("Contact", "*, <sip:a@b>", "contacts"),
        ("Via", ",", "top_via"),
        ("Route", "<sip:a@b", "routes"),
    ],
)
def test_unreadable_headers_are_an_error_when_asked_for(name, value, attribute):
    with pytest.raises(MalformedMessage):
        getattr(request_with((name, value)), attribute)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3600", 3600), ("0", 0), ("9999999999999", 2**32 - 1), ("soon", None), ("-1", None), ("", None)],
)
def test_expires_falls_back_to_none_where_it_cannot_be_read(value, seconds):
    assert request_with(("Expires", value)).expires == seconds


def test_a_star_is_no_address():
    request = request_with(("Contact", "*"))

    assert (request.contact_star, request.contacts) == (True, [])


def test_several_contacts_on_lines_and_with_commas():
    request = request_with(("Contact", '"A, B" <sip:a@b>;q=0.5, sip:c@d;q=0.1'), ("m", "<sip:e@f>"))

    assert [contact.uri_text for contact in request.contacts] == ["sip:a@b", "sip:c@d", "sip:e@f"]
    assert [contact.parameters.get("q") for contact in request.contacts] == ["0.5", "0.1", None]


def test_a_value_is_read_once():
    request = parse_message(INVITE)

    assert request.from_ is request.from_
    assert request.routes is request.routes


def test_nothing_but_the_start_line_is_shown():
    request = request_with(("Authorization", "Digest secret"))

    assert repr(request) == "<Request 'INVITE sip:101@pbx.example.org SIP/2.0'>"
    assert repr(parse_message(RESPONSE)) == "<Response 'SIP/2.0 180 Ringing'>"


def test_octets_that_are_not_utf8_survive():
    request = parse_message(INVITE.replace(b"kept   as", b"k\xe9pt \xff\xc0\x80"))

    assert request.header("x-odd.name!%").encode("utf-8", "surrogateescape") == b"k\xe9pt \xff\xc0\x80  it is"
