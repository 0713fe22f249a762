from __future__ import annotations

import pytest

from sipcore.errors import MalformedMessage
from sipcore.syntax.address import Address, parse_address


@pytest.mark.parametrize(
    ("_case", "text", "address"),
    [
        ("brackets", "<sip:a@b>", Address("sip:a@b")),
        ("parameters of either", "<sip:a@b;lr>;tag=1", Address("sip:a@b;lr", "", {"tag": "1"})),
        ("no brackets: the header's", "sip:a@b;tag=1", Address("sip:a@b", "", {"tag": "1"})),
        ("display name", "Bob Smith <sip:a@b>", Address("sip:a@b", "Bob Smith")),
        ("no space before the bracket", "caller<sip:a@b>", Address("sip:a@b", "caller")),
        ("quoted", '"Bob, \\"x\\"" <sip:a@b>;tag=1', Address("sip:a@b", 'Bob, "x"', {"tag": "1"})),
        ("a bracket in quotes", '"<sip:x@y>" <sip:a@b>', Address("sip:a@b", "<sip:x@y>")),
        ("no space behind quotes", '"Bob"<sip:a@b>', Address("sip:a@b", "Bob")),
        ("UTF-8", '"김철수" <sip:a@b>', Address("sip:a@b", "김철수")),
        ("UTF-8 without quotes", "Zoë <sip:a@b>", Address("sip:a@b", "Zoë")),
        ("empty display name", '"" <sip:a@b>', Address("sip:a@b")),
        ("white space", '  "Bob"  <sip:a@b> ; tag = 1 ', Address("sip:a@b", "Bob", {"tag": "1"})),
        ("a bracket in a parameter", '<sip:a@b>;x="<urn:y>"', Address("sip:a@b", "", {"x": "<urn:y>"})),
        ("unknown scheme", "<isbn:2983792873>", Address("isbn:2983792873")),
    ],
)
def test_addresses_are_taken_apart(_case, text, address):
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        "<sip:a@b",
        '"Bob <sip:a@b>',
        '"Bob"',
        '"Bob" x <sip:a@b>',
        "Bell, Alexander <sip:a@b>",
        "< sip:a@b >",
        "sip:a@b?Route=x",
        "sip:a b@c",
        "<sip:a@b>tag=1",
        "<sip:a@b>;;",
        "*8 sip:a@b",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(MalformedMessage):
        parse_address(text)


def test_the_uri_is_read_when_it_is_asked_for():
    address = parse_address("<not a uri>".replace(" ", "_"))

    with pytest.raises(MalformedMessage):
        _ = address.uri
    assert address.uri_text == "not_a_uri"


@pytest.mark.parametrize("text", ['"Bob" <sip:a@b>;tag=1;lr', '<sip:a@b>;+sip.instance="<urn:uuid:1>"', "<sip:a@b>"])
def test_an_address_is_written_as_it_is_read(text):
    assert str(parse_address(text)) == text


def test_a_missing_tag_is_empty():
    assert [parse_address(text).tag for text in ("<sip:a@b>", "<sip:a@b>;tag", "<sip:a@b>;tag=x")] == ["", "", "x"]
