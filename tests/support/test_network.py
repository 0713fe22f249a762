from __future__ import annotations

from random import Random

from tests.support import sip
from tests.support.network import Network


def make_network():
    network = Network()
    network.send(sip.response(sip.invite(), 100), sip.ALICE)
    network.send(sip.invite(), sip.BOB)
    network.send(sip.invite(), sip.CHARLIE)
    return network


def test_what_is_taken_is_in_flight_no_more():
    network = make_network()

    assert [str(sent) for sent in network.take_to(sip.BOB)] == ["INVITE > 192.0.2.2"]
    assert network.summary() == ["100 > 192.0.2.1", "INVITE > 192.0.2.3"]


def test_losing_invites_leaves_the_rest():
    network = make_network()

    assert network.lose(lambda sent: sent.kind == "INVITE") == 2
    assert network.take_one().message.status == 100


def test_the_same_seed_gives_the_same_disorder():
    first, second = make_network(), make_network()

    for network in (first, second):
        network.duplicate()
        network.reorder(Random(7))

    assert first.summary() == second.summary()
    assert len(first.in_flight) == 6
