"""The two scripts of the OpenSIPS event_routing manual, as `docs/examples` has them, do what the manual says."""

from __future__ import annotations

from pathlib import Path

from tests.support.world import World, play

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def test_push_notification() -> None:
    async def story(world: World) -> None:
        alice, bob = world.phone("101"), world.phone("102")
        await alice.register()
        call = alice.call("102")
        await world.sleep(5)
        assert call.statuses == [100]
        bob.answers_after = 1
        await bob.register()
        assert (await call.final()).status == 200
        assert (await call.hang_up()).status == 200

    play(story, script=EXAMPLES / "push_notification.py")


def test_push_notification_without_anybody() -> None:
    async def story(world: World) -> None:
        alice = world.phone("101")
        await alice.register()
        started = world.loop.time()
        assert (await alice.call("102").final()).status == 480
        assert 19.9 < world.loop.time() - started < 20.1

    play(story, script=EXAMPLES / "push_notification.py")


def test_call_pickup() -> None:
    async def story(world: World) -> None:
        alice, bob, charlie = world.phone("101"), world.phone("102"), world.phone("103")
        for phone in (alice, bob, charlie):
            await phone.register()
        call = alice.call("102")
        await world.sleep(1)
        assert (await charlie.call("33").final()).status == 480
        await world.sleep(1)
        assert len(bob.cancels) == 1
        charlie.pick_up()
        assert (await call.final()).status == 200
        assert (await call.hang_up()).status == 200
        assert len(charlie.byes) == 1

    play(story, script=EXAMPLES / "call_pickup.py")
