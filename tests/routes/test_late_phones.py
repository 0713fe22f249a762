"""A phone that was pushed for a call and comes when it is over sees the call, and how it ended."""

from __future__ import annotations

import pytest

from sipcore.contract.events import E_PUSH_LATE, E_PUSH_SENT
from sipcore.testing import DOMAIN, Call, Phone, World, pbx

BOB = f"102@{DOMAIN}"
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


def sleeping_bob(world: World) -> tuple[Phone, str]:
    """Bob's phone, asleep, and the key by which its binding and its push device are known."""
    world.subscriber("102", push_devices=1)
    bob = world.phone("102", instance="urn:uuid:m1")
    [binding] = world.bindings(bob)
    bob.unregister()
    return bob, binding.key


def cancelled_call(world: World, key: str) -> Call:
    """A call to Bob that Alice gives up after a second."""
    alice = world.phone("101")
    call = alice.call("102")
    world.advance(0.5)
    world.push_result(E_PUSH_SENT, key)
    world.advance(0.5)
    call.cancel()
    assert call.final().status == 487
    return call


@pytest.mark.acceptance("H47")
@pytest.mark.acceptance("H75")
def test_a_call_that_was_given_up_is_shown_and_cancelled_as_missed() -> None:
    with pbx() as world:
        bob, key = sleeping_bob(world)
        call = cancelled_call(world, key)
        heard = len(call.responses)

        world.advance(1)
        bob.register()
        world.advance(1)

        [invite], [cancel] = bob.invites, bob.cancels
        assert invite.call_id == world.pushes[0]["call_id"] == call.call_id
        assert cancel.headers("reason") == [], "a missed call"
        assert [ack.cseq_method for ack in bob.acks] == ["ACK"], "the 487 is acknowledged"
        assert len(call.responses) == heard, "the caller hears nothing of it"

        bob.register()
        world.advance(1)
        assert len(bob.invites) == 1, "it is shown once"

    [late] = world.named(E_PUSH_LATE)
    assert (late.aor, late.cause) == (BOB, 487)
    [record] = world.records
    assert record.branches == (), "the record knows of no such attempt"


def test_the_cancel_waits_for_the_phone_to_say_something() -> None:
    with pbx() as world:
        bob, key = sleeping_bob(world)
        cancelled_call(world, key)
        bob.rings_after = 3.0
        bob.register()
        world.advance(2)
        assert len(bob.invites) == 1
        assert bob.cancels == []
        world.advance(2)
        assert len(bob.cancels) == 1


def test_an_answer_that_crosses_the_cancel_is_hung_up() -> None:
    with pbx() as world:
        bob, key = sleeping_bob(world)
        cancelled_call(world, key)
        bob.rings_after, bob.answers_after = None, 0.1
        bob.register()
        world.advance(1)
        assert (len(bob.invites), len(bob.cancels), len(bob.acks), len(bob.byes)) == (1, 0, 1, 1)


def test_a_call_that_another_phone_answered_is_shown_as_completed_elsewhere() -> None:
    with pbx() as world:
        bob, key = sleeping_bob(world)
        alice, desk = world.phone("101"), world.phone("102", instance="urn:uuid:p1")
        desk.answers_after = 0.5
        call = alice.call("102")
        world.advance(0.2)
        world.push_result(E_PUSH_SENT, key)
        assert call.final().status == 200

        world.advance(1)
        bob.register()
        world.advance(1)

        assert [cancel.headers("reason") for cancel in bob.cancels] == [[ELSEWHERE]]
        assert len(desk.invites) == 1
        call.hang_up()


@pytest.mark.acceptance("H94")
def test_a_waiting_call_that_was_picked_is_no_missed_call_of_the_phone_that_comes_later() -> None:
    with pbx() as world:
        world.group("sales", members=("102",), interceptors=("103",))
        bob, key = sleeping_bob(world)
        world.subscriber("102", push_devices=1, pickup_groups=("sales",))
        alice, dan = world.phone("101"), world.phone("103")
        dan.answers_after = 0.5
        call = alice.call("102")
        world.advance(0.5)
        world.push_result(E_PUSH_SENT, key)

        assert dan.call("33").final().status == 480
        assert call.final().status == 200
        world.advance(1)
        bob.register()
        world.advance(1)

        [cancel] = bob.cancels
        assert cancel.headers("reason")[0] == ELSEWHERE
        call.hang_up()


def test_a_push_that_was_taken_after_the_end_counts_too() -> None:
    with pbx() as world:
        bob, key = sleeping_bob(world)
        alice = world.phone("101")
        call = alice.call("102")
        world.advance(0.1)
        call.cancel()
        call.final()
        world.push_result(E_PUSH_SENT, key)
        bob.register()
        world.advance(1)
        assert len(bob.invites) == len(bob.cancels) == 1


@pytest.mark.parametrize("pushed", [False, True], ids=["not pushed", "a minute late"])
def test_whoever_is_not_expected_sees_nothing(pushed: bool) -> None:
    with pbx() as world:
        bob, key = sleeping_bob(world)
        cancelled_call(world, key if pushed else "another phone")
        world.advance(61 if pushed else 1)
        bob.register()
        world.advance(1)
        assert bob.invites == []


def test_a_phone_that_came_in_time_is_not_shown_its_call_again() -> None:
    with pbx() as world:
        bob, key = sleeping_bob(world)
        alice = world.phone("101")
        call = alice.call("102")
        world.advance(0.2)
        world.push_result(E_PUSH_SENT, key)
        bob.register()
        world.advance(1)
        call.cancel()
        call.final()
        bob.register()
        world.advance(1)
        assert (len(bob.invites), len(bob.cancels)) == (1, 1)

    assert world.named(E_PUSH_LATE) == []
