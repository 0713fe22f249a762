"""A message to a phone that is asleep waits for it, within the time that its sender does."""

from __future__ import annotations

import pytest

from sipcore.contract.events import E_PUSH_FAILED, E_PUSH_SENT
from tests.support.phone import DOMAIN, Phone
from tests.support.world import World, play

BOB = f"102@{DOMAIN}"
TO_BOB = f"sip:{BOB}"


async def alice_and_sleeping_bob(world: World) -> tuple[Phone, Phone]:
    world.subscriber("102", push_devices=1)
    alice, bob = world.phone("101"), world.phone("102", instance="urn:uuid:m1")
    await alice.register()
    return alice, bob


def push_ended(world: World, name: str, **attributes: object) -> None:
    about = {"aor": BOB, "device": "m1", "provider": "http", "kind": "message", "status": 202, "ms": 5, **attributes}
    world.driver.routing.raise_event(name, about, call_uid=world.pushes[-1]["call_uid"])
    world.driver.pump()


def messages(phone: Phone) -> int:
    return [getattr(message, "method", "") for message in phone.inbox].count("MESSAGE")


@pytest.mark.acceptance("H44")
def test_it_is_delivered_when_the_phone_wakes() -> None:
    async def story(world: World) -> None:
        alice, bob = await alice_and_sleeping_bob(world)
        sending = world.loop.create_task(alice.request("MESSAGE", TO_BOB))
        await world.sleep(3)
        assert not sending.done()
        [push] = world.pushes
        assert (push["aor"], push["kind"]) == (BOB, "message"), "not to be shown as a call"
        push_ended(world, E_PUSH_SENT)

        await bob.register()

        assert (await sending).status == 200
        assert messages(bob) == 1
        await bob.register()
        await world.sleep(1)
        assert messages(bob) == 1
        assert not world.store.calls

    assert play(story).store.records == [], "a message is no call"


@pytest.mark.acceptance("H44")
def test_its_sender_has_an_answer_before_he_gives_up() -> None:
    async def story(world: World) -> None:
        alice, _ = await alice_and_sleeping_bob(world)
        started = world.loop.time()
        assert (await alice.request("MESSAGE", TO_BOB)).status == 480
        assert 27 < world.loop.time() - started < 32

    play(story)


def test_it_is_refused_at_once_when_no_phone_can_be_woken() -> None:
    async def story(world: World) -> None:
        alice, _ = await alice_and_sleeping_bob(world)
        sending = world.loop.create_task(alice.request("MESSAGE", TO_BOB))
        await world.sleep(0.5)
        push_ended(world, E_PUSH_FAILED, status=410, provider_reason="Unregistered", final=True)
        await world.sleep(0.5)
        assert sending.done()
        assert sending.result().status == 480

    play(story)


def test_a_push_for_another_message_says_nothing_about_this_one() -> None:
    async def story(world: World) -> None:
        alice, bob = await alice_and_sleeping_bob(world)
        first = world.loop.create_task(alice.request("MESSAGE", TO_BOB))
        await world.sleep(1)
        carol = world.phone("103")
        second = world.loop.create_task(carol.request("MESSAGE", TO_BOB))
        await world.sleep(1)
        assert len({push["call_uid"] for push in world.pushes}) == 2
        push_ended(world, E_PUSH_FAILED, status=503, provider_reason="away", final=True)
        await world.sleep(1)
        assert (first.done(), second.done()) == (False, True)
        await bob.register()
        assert (await first).status == 200

    play(story)


def test_a_phone_that_is_there_gets_it_without_a_push() -> None:
    async def story(world: World) -> None:
        alice, bob = await alice_and_sleeping_bob(world)
        await bob.register()
        assert (await alice.request("MESSAGE", TO_BOB)).status == 200
        assert world.pushes == []

    play(story)
