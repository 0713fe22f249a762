"""Two nodes, each with an address of its own, and phones that only the node they registered at can reach."""

from __future__ import annotations

import pytest

from sipcore.contract.events import E_INJECT_REJECTED
from sipcore.testing import DOMAIN, Call, Phone
from tests.support.cluster import OTHER_NODE, Cluster, together

EACH_TRANSPORT = pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
HOP_SECONDS = 0.1


def ringing(cluster: Cluster, alice: Phone, *phones: Phone) -> Call:
    """Everybody is registered, and Alice's call rings Bob's phones."""
    call = alice.call("102")
    cluster.advance(1)
    assert call.statuses == [100, *[180] * len(phones)]
    return call


@EACH_TRANSPORT
@pytest.mark.parametrize("hangs_up", ["caller", "callee"])
def test_a_call_to_a_phone_of_the_other_node(hangs_up: str, tcp: bool) -> None:
    with together(workers=1, others=1) as cluster:
        alice, bob = cluster.phone("101", "w1", tcp=tcp), cluster.phone("102", "b1", tcp=tcp)
        call = ringing(cluster, alice, bob)
        [invite] = bob.invites
        assert invite.target == bob.contact
        assert not invite.has("route"), "what brought it here is no business of the phone's"
        assert invite.record_routes[0].uri.host == OTHER_NODE.host
        bob.answer()
        assert call.final().status == 200
        cluster.advance(0.1)
        assert len(bob.acks) == 1
        answer = call.hang_up() if hangs_up == "caller" else bob.hang_up()
        assert answer.status == 200
        assert (len(alice.byes), len(bob.byes)) == ((0, 1) if hangs_up == "caller" else (1, 0))

    [record] = cluster.records
    assert (record.worker, record.reason, record.hangup_by) == ("w1", "answered", hangs_up)
    assert not cluster.frames


@pytest.mark.acceptance("H100")
@pytest.mark.acceptance("H102")
@EACH_TRANSPORT
@pytest.mark.parametrize("workers", [1, 2])
def test_a_phone_that_wakes_up_at_the_other_node_gets_the_call_that_waits(workers: int, tcp: bool) -> None:
    with together(workers=workers, others=workers) as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", f"b{workers}", tcp=tcp, registered=False)
        call = alice.call("102")
        cluster.advance(2)
        assert call.statuses == [100]

        assert bob.register().status == 200
        cluster.advance(HOP_SECONDS)

        assert [message.status for message in bob.inbox[:2]] == [401, 200], "the INVITE follows the 200"
        assert len(bob.invites) == 1
        bob.register()
        cluster.advance(1)
        assert len(bob.invites) == 1
        bob.answer()
        assert call.final().status == 200
        bob.hang_up()

    assert len(cluster.records) == 1


def test_the_caller_gives_up_while_a_phone_of_the_other_node_rings() -> None:
    with together(workers=1, others=1) as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "b1")
        call = ringing(cluster, alice, bob)
        call.cancel("SIP;cause=487")
        assert call.final().status == 487
        cluster.advance(1)
        assert len(bob.cancels) == 1 and len(bob.acks) == 1


@pytest.mark.parametrize("answering", ["here", "there"])
def test_a_call_forks_to_phones_of_both_nodes(answering: str) -> None:
    with together(workers=1, others=1) as cluster:
        alice, here, there = cluster.phone("101", "w1"), cluster.phone("102", "w1"), cluster.phone("102", "b1")
        call = ringing(cluster, alice, here, there)
        winner, loser = (here, there) if answering == "here" else (there, here)
        winner.answer()
        assert call.final().status == 200
        cluster.advance(0.5)
        assert [c.header("reason").split(";")[:2] for c in loser.cancels] == [["SIP", "cause=200"]]
        call.hang_up()
        assert len(winner.byes) == 1 and not loser.byes


def test_two_answers_in_the_same_moment_leave_one_call() -> None:
    with together(workers=1, others=1, moment=0) as cluster:
        alice, here, there = cluster.phone("101", "w1"), cluster.phone("102", "w1"), cluster.phone("102", "b1")
        call = ringing(cluster, alice, here, there)
        here.answer()
        there.answer()
        assert call.final().status == 200
        cluster.advance(1)
        assert len(there.acks) == 1 and len(there.byes) == 1, "who came second is acknowledged and hung up"
        assert not here.byes
        call.hang_up()


@pytest.mark.acceptance("H95")
@pytest.mark.parametrize("dialled_at", ["w1", "b1"])
def test_a_pickup_dialled_at_the_other_node(dialled_at: str) -> None:
    took: list[float] = []

    with together(workers=1, others=1) as cluster:
        cluster.group("sales", members=("102",), interceptors=("103",))
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "b1")
        charlie = cluster.phone("103", dialled_at)
        call = ringing(cluster, alice, bob)

        begin = cluster.now
        dial = charlie.call("33")
        assert dial.final().status == 480
        while not charlie.invites:
            cluster.advance(0.001)
        took.append(cluster.now - begin)
        cluster.advance(1)

        assert [invite.call_id for invite in charlie.invites] == [call.call_id]
        assert [c.header("reason").split(";")[:2] for c in bob.cancels] == [["SIP", "cause=200"]]
        charlie.answer()
        assert call.final().status == 200
        assert 487 not in call.statuses
        call.hang_up()

    assert took[0] < HOP_SECONDS, "at most 300 ms more than at the node that has the call"
    assert not cluster.store.claims
    [record] = [record for record in cluster.records if record.caller == f"101@{DOMAIN}"]
    assert (record.answered_by, record.picked_by) == (f"103@{DOMAIN}", f"103@{DOMAIN}")


@pytest.mark.acceptance("H38")
def test_a_connection_that_the_other_node_has_lost_is_reported_at_once_and_the_hold_goes_on() -> None:
    with together(workers=1, others=1, hold="always") as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "b1", tcp=True)
        cluster.disconnect(bob)
        call = alice.call("102")
        cluster.advance(2)
        assert call.statuses == [100] and not bob.invites

        bob.flow = bob.flow._replace(connection=cluster.workers["b1"].connect())
        bob.register()
        cluster.advance(1)
        assert len(bob.invites) == 1
        bob.answer()
        assert call.final().status == 200
        call.hang_up()

    finals = [event.code for event in cluster.named("E_BRANCH_FINAL")]
    assert finals == [430, 200]


def test_an_invite_that_a_sleeping_phone_has_missed_is_sent_again_when_it_is_heard() -> None:
    """Interop 2: the gap between retransmissions has grown to many seconds by then; the other node knows it awake."""

    with together(workers=1, others=1) as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "b1")
        cluster.dropped = lambda data, flow: flow == bob.flow and data.startswith(b"INVITE")
        call = alice.call("102")
        cluster.advance(8)
        cluster.dropped = lambda data, flow: False

        bob.register()
        cluster.advance(HOP_SECONDS)
        assert len(bob.invites) == 1
        cluster.advance(1)
        bob.answer()
        assert call.final().status == 200
        call.hang_up()

    assert {event.why for event in cluster.named(E_INJECT_REJECTED)} == {"duplicate"}


def test_a_phone_of_the_other_node_that_comes_from_another_port_is_called_there() -> None:
    with together(workers=1, others=1) as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "b1", instance="urn:uuid:1")
        bob.reacts = False
        call = alice.call("102")
        cluster.advance(1)
        cluster.moved(bob, 5064)
        cluster.spread(bob, "b1")
        bob.reacts = True
        bob.invites.clear()
        bob.register()
        cluster.advance(1)
        assert [invite.target for invite in bob.invites] == [bob.contact]
        bob.answer()
        assert call.final().status == 200
        call.hang_up()


def test_a_message_reaches_a_phone_of_the_other_node() -> None:
    with together(workers=1, others=1) as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "b1")
        assert alice.request("MESSAGE", f"sip:102@{DOMAIN}").status == 200
        assert [m.method for m in bob.inbox if hasattr(m, "method")] == ["MESSAGE"]


@pytest.mark.ends_midway
def test_who_has_seen_the_route_of_a_call_cannot_reach_the_phone_with_it() -> None:
    seen: list[str] = []

    with together(workers=1, others=1, settles=False) as cluster:
        alice, bob, mallory = (
            cluster.phone("101", "w1"),
            cluster.phone("102", "b1"),
            cluster.phone("666", "b1", registered=False),
        )

        def listen(data: bytes, flow: object) -> bool:
            if data.startswith(b"INVITE") and b"\r\nRoute:" in data:
                seen.extend(line for line in data.decode().split("\r\n") if line.startswith("Route:"))
            return False

        cluster.dropped = listen
        call = ringing(cluster, alice, bob)
        call.cancel()
        call.final()

        [route] = seen
        answer = mallory.request("INVITE", bob.contact, headers=[route], authenticate=False)
        assert answer.status in (403, 407)
        assert len(bob.invites) == 1


def test_the_other_node_dies_and_its_phones_are_not_waited_for_longer_than_the_hold() -> None:
    with together(workers=1, others=1, hold="always") as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "b1")
        cluster.kill("b1")
        called = cluster.now
        cluster.start("b2", OTHER_NODE)
        call = alice.call("102")
        cluster.advance(1)
        cluster.spread(bob, "b2")
        assert len(bob.invites) == 1, "another worker at the same address has the same hole in the NAT"
        cluster.kill("b2")
        assert call.final().status == 480
        assert cluster.now - called < 130


def test_a_worker_alone_holds_all_flows_whatever_its_address_was() -> None:
    """Nobody else can be the edge of a binding, so one from before PBX_ADVERTISE was changed is reached directly."""

    with together(workers=1, others=1) as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "b1")
        cluster.kill("b1")
        cluster.spread(bob, "w1")
        call = ringing(cluster, alice, bob)
        bob.answer()
        assert call.final().status == 200
        call.hang_up()
