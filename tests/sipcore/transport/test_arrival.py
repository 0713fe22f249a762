from __future__ import annotations

import pytest

from sipcore.contract.flow import Flow
from sipcore.errors import MalformedMessage
from sipcore.syntax import parse_message
from sipcore.transport.arrival import Arrival, note_source

from .network import options

FLOW = Flow("udp", "192.0.2.9", 5070)
BASE = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1"


@pytest.mark.parametrize(
    ("_case", "flow", "via", "noted"),
    [
        ("nothing to note", FLOW, BASE, BASE),
        ("rport asked for", FLOW, BASE + ";rport", BASE + ";rport=5070;received=192.0.2.9"),
        ("a name", FLOW, "SIP/2.0/UDP phone.example", "SIP/2.0/UDP phone.example;received=192.0.2.9"),
        ("another address", FLOW, "SIP/2.0/UDP 10.0.0.1", "SIP/2.0/UDP 10.0.0.1;received=192.0.2.9"),
        ("a claim", FLOW, BASE + ";received=203.0.113.1", BASE + ";received=192.0.2.9"),
        ("IPv6", Flow("udp", "2001:db8::1", 1), "SIP/2.0/UDP [2001:DB8::1]", "SIP/2.0/UDP [2001:DB8::1]"),
        (
            "IPv6, rport",
            Flow("udp", "2001:db8::1", 1),
            "SIP/2.0/UDP x;rport",
            "SIP/2.0/UDP x;rport=1;received=2001:db8::1",
        ),
    ],
)
def test_the_top_via_says_where_a_request_came_from(_case, flow, via, noted):
    assert note_source(parse_message(options(via)), flow).header("via") == noted


class Core:
    def __init__(self):
        self.heard = []
        self.arrival = Arrival(
            lambda message, flow: self.heard.append((message.raw, flow)),
            lambda data, error, flow: self.heard.append((data, error.status_hint, flow)),
        )


def test_messages_and_what_is_none_go_to_different_ears():
    core = Core()
    response = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP elsewhere;rport\r\n\r\n"
    broken = options("nonsense")

    core.arrival.received(response, FLOW)
    core.arrival.received(broken, FLOW)
    core.arrival.received(b"noise", FLOW)
    core.arrival.broken(MalformedMessage("x", 0), FLOW)

    assert core.heard == [(response, FLOW), (broken, 400, FLOW), (b"noise", 0, FLOW), (b"", 0, FLOW)]
