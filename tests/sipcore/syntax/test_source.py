from __future__ import annotations

import pytest

from sipcore.syntax import note_source, parse_message

from ..transport.network import options

BASE = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1"


@pytest.mark.parametrize(
    ("_case", "origin", "via", "noted"),
    [
        ("nothing to note", ("192.0.2.9", 5070), BASE, BASE),
        ("rport asked for", ("192.0.2.9", 5070), BASE + ";rport", BASE + ";rport=5070;received=192.0.2.9"),
        ("a name", ("192.0.2.9", 5070), "SIP/2.0/UDP phone.example", "SIP/2.0/UDP phone.example;received=192.0.2.9"),
        ("another address", ("192.0.2.9", 5070), "SIP/2.0/UDP 10.0.0.1", "SIP/2.0/UDP 10.0.0.1;received=192.0.2.9"),
        ("a claim", ("192.0.2.9", 5070), BASE + ";received=203.0.113.1", BASE + ";received=192.0.2.9"),
        ("IPv6", ("2001:db8::1", 1), "SIP/2.0/UDP [2001:DB8::1]", "SIP/2.0/UDP [2001:DB8::1]"),
        (
            "IPv6, rport",
            ("2001:db8::1", 1),
            "SIP/2.0/UDP x;rport",
            "SIP/2.0/UDP x;rport=1;received=2001:db8::1",
        ),
    ],
)
def test_the_top_via_says_where_a_request_came_from(_case, origin, via, noted):
    assert note_source(parse_message(options(via)), *origin).header("via") == noted
    assert parse_message(options(via), *origin).header("via") == noted
