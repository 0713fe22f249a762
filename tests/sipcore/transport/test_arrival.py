from __future__ import annotations

from sipcore.contract.flow import Flow
from sipcore.errors import MalformedMessage
from sipcore.transport.arrival import Arrival

from .network import options

FLOW = Flow("udp", "192.0.2.9", 5070)


class Core:
    def __init__(self):
        self.heard = []
        self.arrival = Arrival(
            lambda message, flow: self.heard.append((message.raw, flow)),
            lambda data, error, flow: self.heard.append((data, error.status_hint, flow)),
        )


def test_a_request_is_marked_with_where_it_came_from():
    core = Core()

    core.arrival.received(options("SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport"), FLOW)

    ((raw, _),) = core.heard
    assert b"branch=z9hG4bK1;rport=5070;received=192.0.2.9\r\n" in raw


def test_messages_and_what_is_none_go_to_different_ears():
    core = Core()
    response = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP elsewhere;rport\r\n\r\n"
    broken = options("nonsense")

    core.arrival.received(response, FLOW)
    core.arrival.received(broken, FLOW)
    core.arrival.received(b"noise", FLOW)
    core.arrival.broken(MalformedMessage("x", 0), FLOW)

    assert core.heard == [(response, FLOW), (broken, 400, FLOW), (b"noise", 0, FLOW), (b"", 0, FLOW)]


def test_what_arrived_together_keeps_its_order_and_a_broken_one_stops_nobody():
    core = Core()
    first, second = (options(f"SIP/2.0/UDP {FLOW.host};branch=z9hG4bK{number}") for number in (1, 2))
    other = Flow("udp", "192.0.2.9", 5071)

    core.arrival.received_together([(first, FLOW), (b"noise", other), (second, other), (first, FLOW)])

    assert [heard for heard in core.heard if len(heard) == 2] == [(first, FLOW), (second, other), (first, FLOW)]
    assert (b"noise", 0, other) in core.heard
