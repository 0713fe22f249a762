"""Both stories, and everything else a call may do, where two workers behind one port share the phones."""

from __future__ import annotations

import pytest

from sipcore.contract.events import E_INJECT_REJECTED, E_UL_CONTACT_UPDATE
from sipcore.testing import DOMAIN, Call, Phone
from tests.support.cluster import Cluster, together

EACH_TRANSPORT = pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])


def talking(cluster: Cluster, alice: Phone, bob: Phone) -> Call:
    """Bob has answered Alice's call."""
    call = alice.call("102")
    cluster.advance(1)
    bob.answer()
    assert call.final().status == 200
    assert call.statuses == [100, 180, 200]
    cluster.advance(0.1)
    assert len(bob.acks) == 1
    return call


@EACH_TRANSPORT
@pytest.mark.parametrize("hangs_up", ["caller", "callee"])
def test_a_call_between_phones_of_two_workers(hangs_up: str, tcp: bool) -> None:
    with together() as cluster:
        alice, bob = cluster.phone("101", "w1", tcp=tcp), cluster.phone("102", "w2", tcp=tcp)
        call = talking(cluster, alice, bob)
        answer = call.hang_up() if hangs_up == "caller" else bob.hang_up()
        assert answer.status == 200
        assert (len(alice.byes), len(bob.byes)) == ((0, 1) if hangs_up == "caller" else (1, 0))

    assert set(cluster.told("received")) == {("w2", "w1")}, "all of the call is one worker's"
    [record] = cluster.records
    assert (record.reason, record.answered_by, record.hangup_by) == ("answered", f"102@{DOMAIN}", hangs_up)


def test_what_a_phone_says_at_once_stays_in_order_on_its_way_through_a_sibling() -> None:
    with together() as cluster:
        alice, bob = (
            cluster.phone("101", "w1", registered=False),
            cluster.phone("102", "w2", tcp=True, registered=False),
        )
        bob.rings_after = bob.answers_after = 0.01
        alice.register()
        bob.register()
        call = alice.call("102")
        assert call.final().status == 200
        assert call.statuses == [100, 180, 200]
        call.hang_up()


@EACH_TRANSPORT
def test_a_phone_that_wakes_up_at_a_sibling_gets_the_call_that_waits(tcp: bool) -> None:
    with together(moment=0) as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "w2", tcp=tcp, registered=False)
        call = alice.call("102")
        cluster.advance(2)
        assert call.statuses == [100]

        registered = cluster.now
        assert bob.register().status == 200
        cluster.advance(0.01)

        assert [message.status for message in bob.inbox[:2]] == [401, 200], "the INVITE follows the 200"
        assert len(bob.invites) == 1
        assert cluster.now - registered < 0.1
        cluster.advance(1)
        bob.answer()
        assert call.final().status == 200
        call.hang_up()

    assert len(cluster.records) == 1


@EACH_TRANSPORT
def test_the_caller_gives_up_while_a_phone_of_a_sibling_rings(tcp: bool) -> None:
    with together() as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "w2", tcp=tcp)
        call = alice.call("102")
        cluster.advance(1)
        call.cancel()
        assert call.final().status == 487
        cluster.advance(1)
        assert len(bob.cancels) == 1 and len(bob.acks) == 1


def test_a_pickup_dialled_at_a_sibling() -> None:
    with together(workers=3) as cluster:
        cluster.group("sales", members=("102",), interceptors=("103",))
        alice, bob, charlie = (
            cluster.phone("101", "w1"),
            cluster.phone("102", "w2"),
            cluster.phone("103", "w3", tcp=True),
        )
        for phone in (alice, bob, charlie):
            phone.register()
        call = alice.call("102")
        cluster.advance(1)

        dial = charlie.call("33")
        assert dial.final().status == 480
        cluster.advance(1)

        assert [invite.call_id for invite in charlie.invites] == [call.call_id]
        assert len(bob.cancels) == 1
        charlie.answer()
        assert call.final().status == 200
        call.hang_up()

    assert not cluster.store.claims
    assert [record.picked_by for record in cluster.records if record.caller == f"101@{DOMAIN}"] == [f"103@{DOMAIN}"]


@pytest.mark.acceptance("H38")
def test_a_connection_that_a_sibling_has_lost_is_not_called_and_the_hold_goes_on() -> None:
    with together(hold="always") as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "w2", tcp=True)
        cluster.disconnect(bob)
        call = alice.call("102")
        cluster.advance(1)
        assert not bob.invites
        assert not call.is_over or call.statuses[-1] == 480


@pytest.mark.acceptance("H38")
def test_the_connection_breaks_while_the_phone_rings_and_the_call_waits_for_it_to_come_back() -> None:
    with together(hold="always") as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "w2", tcp=True)
        call = alice.call("102")
        cluster.advance(1)
        cluster.disconnect(bob)
        cluster.advance(1)
        assert not call.is_over

        bob.flow = bob.flow._replace(connection=cluster.workers["w2"].connect())
        bob.register()
        cluster.advance(1)
        assert len(bob.invites) == 2
        bob.answer()
        assert call.final().status == 200
        bob.hang_up()


def test_what_could_not_be_sent_comes_back_and_the_branch_fails_at_once() -> None:
    """The sibling has lost the connection, and what says so is still on its way."""

    with together() as cluster:
        alice, _ = cluster.phone("101", "w1"), cluster.phone("102", "w2", tcp=True)
        cluster.workers["w2"].connections.clear()
        called = cluster.now
        assert alice.call("102").final().status == 480
        assert cluster.now - called < 0.1

    assert cluster.told("unsent") == [("w2", "w1")]


def test_a_worker_dies_and_its_connections_with_it() -> None:
    with together() as cluster:
        alice, _ = cluster.phone("101", "w1"), cluster.phone("102", "w2", tcp=True)
        call = alice.call("102")
        cluster.advance(1)
        cluster.kill("w2")
        died = cluster.now
        assert call.final().status == 480, "nobody is left who may answer"
        assert cluster.now - died < 0.1


@pytest.mark.parametrize("survivor", ["w2", "w3"])
def test_phones_over_udp_stay_reachable_when_the_worker_they_registered_at_dies(survivor: str) -> None:
    with together(workers=3) as cluster:
        alice, bob = cluster.phone("101", "w2"), cluster.phone("102", "w1")
        cluster.kill("w1")
        cluster.spread(bob, survivor)
        call = alice.call("102")
        cluster.advance(1)
        bob.answer()
        assert call.final().status == 200
        bob.hang_up()


@pytest.mark.ends_midway
def test_a_dialog_outlives_the_worker_that_had_it() -> None:
    with together(settles=False) as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "w2")
        talking(cluster, alice, bob)
        cluster.kill("w1")
        cluster.spread(alice, "w2")
        assert bob.hang_up().status == 200
        assert len(alice.byes) == 1


@pytest.mark.parametrize("when", ["a sibling died", "a sibling came"])
def test_what_follows_a_request_finds_its_worker_after_the_phones_were_spread_anew(when: str) -> None:
    """CANCEL and the ACK to a refusal name no worker, and now come to another one than their INVITE did."""

    with together(workers=3) as cluster:
        alice, bob = cluster.phone("101", "w2"), cluster.phone("102", "w3")
        call = alice.call("102")
        cluster.advance(1)
        if when == "a sibling died":
            cluster.kill("w1")
        else:
            cluster.start("w4")
        cluster.spread(alice, "w3")

        call.cancel()
        assert call.final().status == 487
        cluster.advance(2)
        assert call.statuses == [100, 180, 487], "the ACK arrived: nothing was sent again"
        assert [m.status for m in alice.inbox if getattr(m, "cseq_method", "") == "CANCEL"] == [200]
        assert len(bob.cancels) == 1


def test_a_request_that_is_sent_again_to_another_worker_is_no_second_one() -> None:
    with together(workers=3) as cluster:
        alice, bob = cluster.phone("101", "w2"), cluster.phone("102", "w3")
        cluster.dropped = lambda data, flow: flow == alice.flow and data.startswith(b"SIP/2.0 1")
        call = alice.call("102")
        cluster.advance(0.2)
        cluster.kill("w1")
        cluster.spread(alice, "w3")
        cluster.advance(0.2)
        call.repeat()
        cluster.advance(1)
        assert len(bob.invites) == 1
        bob.answer()
        assert call.final().status == 200
        call.hang_up()

    assert len(cluster.records) == 1


def test_a_request_that_nobody_knows_comes_back_and_is_done_where_it_came() -> None:
    with together(workers=3) as cluster:
        alice = cluster.phone("101", "w2", registered=False)
        cluster.start("w4")
        answer = alice.request("OPTIONS", f"sip:{DOMAIN}")
        assert answer.status == 200

    assert cluster.frames == [
        *(("w2", "w1", "whose"), ("w1", "w3", "whose"), ("w3", "w4", "whose")),
        ("w4", "w2", "received"),
    ]


@pytest.mark.ends_midway
def test_a_while_after_the_last_change_nobody_is_asked() -> None:
    with together(settles=False) as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "w1")
        talking(cluster, alice, bob)
        alice.call("102").cancel()
        cluster.advance(1)

    assert not cluster.frames


def test_of_siblings_only_the_owner_rings_a_phone_that_registers() -> None:
    with together(workers=4) as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "w3", registered=False)
        call = alice.call("102")
        cluster.advance(1)
        bob.register()
        bob.register()
        cluster.advance(1)
        assert len(bob.invites) == 1
        call.cancel()
        assert call.final().status == 487

    assert not cluster.named(E_INJECT_REJECTED) or {e.why for e in cluster.named(E_INJECT_REJECTED)} == {"duplicate"}


def test_an_invite_that_a_sleeping_phone_has_missed_is_sent_again_when_a_sibling_hears_it() -> None:
    """Interop 2. All that the sibling sees is a refresh of the binding there was, which is told nobody else."""
    with together() as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "w2")
        cluster.dropped = lambda data, flow: flow == bob.flow and data.startswith(b"INVITE")
        call = alice.call("102")
        cluster.advance(8)
        cluster.dropped = lambda data, flow: False

        bob.register()
        cluster.advance(0.01)
        assert len(bob.invites) == 1
        bob.answer()
        assert call.final().status == 200
        call.hang_up()
        bob.register()

    assert len(cluster.named(E_UL_CONTACT_UPDATE)) == 1, "once for the call that waited"


def test_a_phone_whose_connection_died_with_its_worker_is_waited_for_until_it_has_connected_again() -> None:
    with together() as cluster:
        alice, bob = cluster.phone("101", "w1"), cluster.phone("102", "w2", tcp=True)
        cluster.kill("w2")
        call = alice.call("102")
        cluster.advance(2)
        assert call.statuses == [100], "that binding is nobody one could call, so the call waits as for a phone asleep"

        bob.flow = bob.flow._replace(connection=cluster.workers["w1"].connect())
        cluster.spread(bob, "w1")
        bob.register()
        bob.answer()
        assert call.final().status == 200
        call.hang_up()
