"""A phone that was pushed for a call and comes when it is over sees the call, and how it ended."""

from __future__ import annotations

import pytest

from sipcore.contract.events import E_PUSH_LATE, E_PUSH_SENT
from tests.support.phone import DOMAIN, Call, Phone
from tests.support.world import World, play

BOB = f"102@{DOMAIN}"
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


async def sleeping_bob(world: World) -> tuple[Phone, str]:
    """Bob's phone, asleep, and the key by which its binding and its push device are known."""
    world.subscriber("102", push_devices=1)
    bob = world.phone("102", instance="urn:uuid:m1")
    await bob.register()
    [binding] = await world.location.lookup(BOB)
    await bob.register(expires=0)
    return bob, binding.key


def push_is_taken(world: World, key: str) -> None:
    """The provider has taken the push of the latest call."""
    wakeup = world.pushes[-1]
    about = {"aor": BOB, "device": key, "provider": "http", "kind": "call", "status": 202, "ms": 5}
    world.driver.routing.raise_event(E_PUSH_SENT, about, call_uid=wakeup["call_uid"])
    world.driver.pump()


async def cancelled_call(world: World, key: str) -> Call:
    """A call to Bob that Alice gives up after a second."""
    alice = world.phone("101")
    await alice.register()
    call = alice.call("102")
    await world.sleep(0.5)
    push_is_taken(world, key)
    await world.sleep(0.5)
    call.cancel()
    assert (await call.final()).status == 487
    return call


@pytest.mark.acceptance("H47")
@pytest.mark.acceptance("H75")
def test_a_call_that_was_given_up_is_shown_and_cancelled_as_missed() -> None:
    async def story(world: World) -> None:
        bob, key = await sleeping_bob(world)
        call = await cancelled_call(world, key)
        heard = len(call.responses)

        await world.sleep(1)
        await bob.register()
        await world.sleep(1)

        [invite], [cancel] = bob.invites, bob.cancels
        assert invite.call_id == world.pushes[0]["call_id"] == call.call_id
        assert cancel.headers("reason") == [], "a missed call"
        assert [ack.cseq_method for ack in bob.acks] == ["ACK"], "the 487 is acknowledged"
        assert len(call.responses) == heard, "the caller hears nothing of it"

        await bob.register()
        await world.sleep(1)
        assert len(bob.invites) == 1, "it is shown once"

    world = play(story)

    [late] = world.named(E_PUSH_LATE)
    assert (late.aor, late.cause) == (BOB, 487)
    [record] = world.store.records
    assert record.branches == (), "the record knows of no such attempt"


def test_the_cancel_waits_for_the_phone_to_say_something() -> None:
    async def story(world: World) -> None:
        bob, key = await sleeping_bob(world)
        await cancelled_call(world, key)
        bob.rings_after = 3.0
        await bob.register()
        await world.sleep(2)
        assert len(bob.invites) == 1
        assert bob.cancels == []
        await world.sleep(2)
        assert len(bob.cancels) == 1

    play(story)


def test_an_answer_that_crosses_the_cancel_is_hung_up() -> None:
    async def story(world: World) -> None:
        bob, key = await sleeping_bob(world)
        await cancelled_call(world, key)
        bob.rings_after, bob.answers_after = None, 0.1
        await bob.register()
        await world.sleep(1)
        assert (len(bob.invites), len(bob.cancels), len(bob.acks), len(bob.byes)) == (1, 0, 1, 1)

    play(story)


def test_a_call_that_another_phone_answered_is_shown_as_completed_elsewhere() -> None:
    async def story(world: World) -> None:
        bob, key = await sleeping_bob(world)
        alice, desk = world.phone("101"), world.phone("102", instance="urn:uuid:p1")
        await alice.register()
        await desk.register()
        desk.answers_after = 0.5
        call = alice.call("102")
        await world.sleep(0.2)
        push_is_taken(world, key)
        assert (await call.final()).status == 200

        await world.sleep(1)
        await bob.register()
        await world.sleep(1)

        assert [cancel.headers("reason") for cancel in bob.cancels] == [[ELSEWHERE]]
        assert len(desk.invites) == 1
        await call.hang_up()

    play(story)


@pytest.mark.acceptance("H94")
def test_a_waiting_call_that_was_picked_is_no_missed_call_of_the_phone_that_comes_later() -> None:
    async def story(world: World) -> None:
        world.group("sales", members=("102",), interceptors=("103",))
        bob, key = await sleeping_bob(world)
        world.subscriber("102", push_devices=1, pickup_groups=("sales",))
        alice, dan = world.phone("101"), world.phone("103")
        await alice.register()
        await dan.register()
        dan.answers_after = 0.5
        call = alice.call("102")
        await world.sleep(0.5)
        push_is_taken(world, key)

        assert (await dan.call("33").final()).status == 480
        assert (await call.final()).status == 200
        await world.sleep(1)
        await bob.register()
        await world.sleep(1)

        [cancel] = bob.cancels
        assert cancel.headers("reason")[0] == ELSEWHERE
        await call.hang_up()

    play(story)


def test_a_push_that_was_taken_after_the_end_counts_too() -> None:
    async def story(world: World) -> None:
        bob, key = await sleeping_bob(world)
        alice = world.phone("101")
        await alice.register()
        call = alice.call("102")
        await world.sleep(0.1)
        call.cancel()
        await call.final()
        push_is_taken(world, key)
        await bob.register()
        await world.sleep(1)
        assert len(bob.invites) == len(bob.cancels) == 1

    play(story)


@pytest.mark.parametrize("pushed", [False, True], ids=["not pushed", "a minute late"])
def test_whoever_is_not_expected_sees_nothing(pushed: bool) -> None:
    async def story(world: World) -> None:
        bob, key = await sleeping_bob(world)
        await cancelled_call(world, key if pushed else "another phone")
        await world.sleep(61 if pushed else 1)
        await bob.register()
        await world.sleep(1)
        assert bob.invites == []

    play(story)


def test_a_phone_that_came_in_time_is_not_shown_its_call_again() -> None:
    async def story(world: World) -> None:
        bob, key = await sleeping_bob(world)
        alice = world.phone("101")
        await alice.register()
        call = alice.call("102")
        await world.sleep(0.2)
        push_is_taken(world, key)
        await bob.register()
        await world.sleep(1)
        call.cancel()
        await call.final()
        await bob.register()
        await world.sleep(1)
        assert (len(bob.invites), len(bob.cancels)) == (1, 1)

    assert play(story).named(E_PUSH_LATE) == []
