from __future__ import annotations

import pytest

from sipcore.errors import MalformedMessage
from sipcore.syntax.uri import MAX_URI, Uri, parse_uri, uris_equal


@pytest.mark.parametrize(
    ("_case", "text", "expected"),
    [
        ("host", "sip:Example.ORG", {"user": "", "host": "example.org", "port": None}),
        ("user and port", "sip:bob@192.0.2.1:5070", {"user": "bob", "host": "192.0.2.1", "port": 5070}),
        ("scheme in any case", "SIPS:bob@example.org", {"scheme": "sips", "user": "bob"}),
        ("password", "sip:bob:secret@example.org", {"user": "bob", "password": "secret"}),
        ("IPv6", "sip:bob@[2001:DB8::1]:5060", {"host": "[2001:db8::1]", "port": 5060}),
        ("parameters", "sip:a@b;Transport=TCP;lr", {"parameters": {"transport": "TCP", "lr": None}}),
        ("escaped parameter", "sip:a@b;%6cr;x=%20", {"parameters": {"lr": None, "x": " "}}),
        ("empty parameters", "sip:a@b;;lr;", {"parameters": {"lr": None}}),
        ("headers", "sip:a@b?Subject=hi%20there&x=1", {"headers": {"subject": "hi there", "x": "1"}}),
        ("parameters and headers", "sip:a@b;lr?x=1", {"parameters": {"lr": None}, "headers": {"x": "1"}}),
        ("semicolon in the user", "sip:user;par=u%40example.net@example.com", {"user": "user;par=u%40example.net"}),
        ("question mark in the user", "sip:a?b@example.com", {"user": "a?b", "host": "example.com"}),
        ("at sign in a parameter", "sip:a@b;pn=x@y", {"host": "b", "parameters": {"pn": "x@y"}}),
        ("as baresip registers", "sip:1001-0x55d@192.0.2.1:4711", {"user": "1001-0x55d", "port": 4711}),
        ("feature code", "sip:*8@pbx", {"user": "*8", "host": "pbx"}),
        ("hash unescaped", "sip:#33@pbx", {"user": "#33"}),
        ("tel", "tel:+82-2-555;phone-context=x", {"scheme": "tel", "user": "+82-2-555", "host": ""}),
        ("opaque", "nobodyKnowsThis:whatever;it=means", {"scheme": "nobodyknowsthis", "user": "", "host": ""}),
    ],
)
def test_uris_are_taken_apart(_case, text, expected):
    uri = parse_uri(text)

    assert {name: getattr(uri, name) for name in expected} == expected
    assert str(uri) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bob",
        "<sip:bob@example.org>",
        "sip:",
        "sip:@example.org",
        "sip:bob@",
        "sip:bob@exa mple.org",
        "sip:bob@example.org:",
        "sip:bob@example.org:0",
        "sip:bob@example.org:65536",
        "sip:bob@example.org:5060x",
        "sip:bob@[::1",
        "sip:bob@alice@example.org",
        'sip:"bob"@example.org',
        "sip:bob@example.org\x00",
        "tel:",
        "sip:a@b" + ";x" * 100,
        "sip:a@b?" + "&x=1" * 100,
        "sip:" + "a" * MAX_URI,
    ],
)
def test_what_is_no_uri_is_refused(text):
    with pytest.raises(MalformedMessage):
        parse_uri(text)


@pytest.mark.parametrize(
    ("text", "aor"),
    [
        ("sip:Bob@Example.ORG:5070;transport=tcp?x=1", "Bob@example.org"),
        ("sip:b%6Fb@example.org", "bob@example.org"),
        ("sip:%EA%B9%80@example.org", "김@example.org"),
        ("sip:example.org", "example.org"),
    ],
)
def test_the_aor_is_unescaped_and_bare(text, aor):
    assert parse_uri(text).aor == aor


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("sip:%61lice@atlanta.example;transport=TCP", "sip:alice@Atlanta.example;Transport=tcp"),
        ("sip:carol@chicago.example", "sip:carol@chicago.example;newparam=5"),
        ("sip:carol@chicago.example;security=on", "sip:carol@chicago.example;newparam=5"),
        ("sip:a@b?x=1&y=2", "sip:a@b?y=2&x=1"),
        ("tel:+1", "TEL:+1"),
    ],
)
def test_uris_that_mean_the_same_are_equal(a, b):
    assert uris_equal(parse_uri(a), parse_uri(b))
    assert uris_equal(parse_uri(b), parse_uri(a))


@pytest.mark.parametrize(
    ("_case", "a", "b"),
    [
        ("case of the user", "sip:Alice@a.example", "sip:alice@a.example"),
        ("a default port is not the port", "sip:bob@b.example", "sip:bob@b.example:5060"),
        ("nor is a default transport", "sip:bob@b.example", "sip:bob@b.example;transport=udp"),
        ("scheme", "sip:bob@b.example", "sips:bob@b.example"),
        ("headers", "sip:carol@c.example", "sip:carol@c.example?Subject=next"),
        ("a common parameter", "sip:c@c.example;security=on", "sip:c@c.example;security=off"),
        ("password", "sip:c:x@c.example", "sip:c@c.example"),
        ("user presence", "sip:c.example", "sip:c@c.example"),
    ],
)
def test_uris_that_differ_are_not_equal(_case, a, b):
    assert not uris_equal(parse_uri(a), parse_uri(b))
    assert not uris_equal(parse_uri(b), parse_uri(a))


def test_a_uri_can_be_a_key_and_shows_no_password():
    uri = parse_uri("sip:bob:secret@example.org;lr")

    assert {uri: 1}[parse_uri("sip:bob:secret@example.org;lr")] == 1
    assert "secret" not in repr(uri)
    assert Uri("sip").parameters == {}


def test_parameters_of_a_uri_cannot_be_changed():
    with pytest.raises(TypeError):
        parse_uri("sip:a@b;lr").parameters["x"] = "1"
