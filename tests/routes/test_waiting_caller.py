"""What a caller hears while a phone is being woken."""

from __future__ import annotations

import pytest

from sipcore.contract.events import E_PUSH_FAILED, E_PUSH_SENT
from tests.support.phone import DOMAIN, Call
from tests.support.world import World, play

BOB = f"102@{DOMAIN}"


def push_ended(world: World, name: str, **attributes: object) -> None:
    """The provider has answered the push of the latest call."""
    about = {"aor": BOB, "device": "m1", "provider": "http", "kind": "call", "status": 202, "ms": 5, **attributes}
    world.driver.routing.raise_event(name, about, call_uid=world.pushes[-1]["call_uid"])
    world.driver.pump()


async def waiting_call(world: World, *, headers: list[str] | None = None) -> Call:
    """A call to Bob, whose phone is asleep, as it is when the push is on its way."""
    world.subscriber("102", push_devices=1)
    alice = world.phone("101")
    await alice.register()
    call = alice.call("102", headers=headers)
    await world.sleep(0.5)
    return call


@pytest.mark.acceptance("H58")
def test_he_hears_ringing_once_the_push_was_accepted() -> None:
    async def story(world: World) -> None:
        call = await waiting_call(world)
        assert call.statuses == [100]
        push_ended(world, E_PUSH_SENT)
        push_ended(world, E_PUSH_SENT, device="m2")
        await world.sleep(0.5)

        assert call.statuses == [100, 180]
        ringing = call.responses[-1]
        assert ringing.to_tag
        assert not (ringing.body or ringing.has("require") or ringing.has("rseq"))

        bob = world.phone("102", instance="urn:uuid:m1")
        bob.answers_after = 0.5
        await bob.register()
        answer = await call.final()
        assert call.statuses == [100, 180, 180, 200]
        assert answer.to_tag != ringing.to_tag, "no phone's tag"
        await call.hang_up()

    play(story)


@pytest.mark.acceptance("H58")
def test_he_hears_nothing_when_the_push_was_refused() -> None:
    async def story(world: World) -> None:
        call = await waiting_call(world)
        push_ended(world, E_PUSH_FAILED, provider_reason="Unregistered", status=404, final=True)
        assert (await call.final()).status == 480
        assert 180 not in call.statuses

    play(story)


def test_a_registered_phone_speaks_for_itself() -> None:
    async def story(world: World) -> None:
        world.subscriber("102", push_devices=1)
        alice, desk = world.phone("101"), world.phone("102", instance="urn:uuid:p1")
        await alice.register()
        await desk.register()
        desk.rings_after = 3.0
        call = alice.call("102")
        await world.sleep(1)
        push_ended(world, E_PUSH_SENT)
        await world.sleep(1)
        assert call.statuses == [100]
        await world.sleep(2)
        assert call.statuses == [100, 180]
        call.cancel()
        await call.final()

    play(story)


@pytest.mark.parametrize(("waiting", "heard"), [("100", [100]), ("180", [100, 180]), ("182", [182]), ("183", [183])])
def test_the_setting_says_what_he_hears(waiting: str, heard: list[int]) -> None:
    async def story(world: World) -> None:
        call = await waiting_call(world)
        push_ended(world, E_PUSH_SENT)
        await world.sleep(0.5)
        assert call.statuses == heard
        call.cancel()
        assert (await call.final()).status == 487

    play(story, waiting=waiting)


def test_who_insists_on_reliable_provisionals_gets_none_of_ours() -> None:
    async def story(world: World) -> None:
        call = await waiting_call(world, headers=["Require: 100rel"])
        push_ended(world, E_PUSH_SENT)
        await world.sleep(0.5)
        assert call.statuses == [100]
        call.cancel()
        await call.final()

    play(story)
