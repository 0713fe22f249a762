from __future__ import annotations

import pytest

from sipcore.errors import MalformedMessage
from sipcore.syntax.via import parse_via


@pytest.mark.parametrize(
    ("_case", "text", "transport", "sent_by", "branch"),
    [
        ("usual", "SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1", "UDP", "192.0.2.1:5062", "z9hG4bK1"),
        ("no port", "SIP/2.0/TCP Host.Example;branch=z9hG4bK1", "TCP", "host.example", "z9hG4bK1"),
        ("no branch", "SIP/2.0/UDP 192.0.2.1", "UDP", "192.0.2.1", ""),
        ("IPv6", "SIP/2.0/TLS [2001:DB8::9]:5061;branch=1", "TLS", "[2001:db8::9]:5061", "1"),
        ("IPv6 without port", "SIP / 2.0 / TLS  [2001:DB8::9] ;branch=1", "TLS", "[2001:db8::9]", "1"),
        ("white space", "SIP  /   2.0 /UDP    192.0.2.2 : 5060 ; branch = x", "UDP", "192.0.2.2:5060", "x"),
        ("a tab", "SIP/2.0/UDP\t192.0.2.2;branch=x", "UDP", "192.0.2.2", "x"),
        ("any case", "sip/2.0/udp 192.0.2.2;BRANCH=Xy", "UDP", "192.0.2.2", "Xy"),
        ("unknown transport", "SIP/2.0/UNKNOWN host;branch=x", "UNKNOWN", "host", "x"),
    ],
)
def test_via_values_are_taken_apart(_case, text, transport, sent_by, branch):
    via = parse_via(text)

    assert (via.protocol, via.transport, via.sent_by, via.branch) == ("SIP/2.0", transport, sent_by, branch)


def test_rport_tells_absent_from_asked_for_from_filled_in():
    texts = ("SIP/2.0/UDP a", "SIP/2.0/UDP a;rport", "SIP/2.0/UDP a;rport=5062;received=192.0.2.1")

    assert [(parse_via(text).rport, parse_via(text).received) for text in texts] == [
        (None, ""),
        ("", ""),
        ("5062", "192.0.2.1"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0 192.0.2.1",
        "SIP/2.0/UDP ;branch=1",
        "SIP/2.0/UDP a b;branch=1",
        "SIP/2.0/UDP a:5060:1",
        "SIP/2.0/UDP a:99999",
        "SIP/2.0/UDP 192.0.2.15;;,;,,",
        "SIP/2.0/UDP" + " " * 20_000 + "a b",
        "SIP/2.0/UDP a" + " " * 20_000 + "b c",
    ],
)
def test_what_is_no_via_is_refused(text):
    with pytest.raises(MalformedMessage):
        parse_via(text)


def test_another_protocol_is_read_and_left_to_the_check():
    assert parse_via("SIP/7.0/UDP a;branch=1").protocol == "SIP/7.0"
