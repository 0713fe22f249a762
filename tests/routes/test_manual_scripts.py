"""The two scripts of the OpenSIPS event_routing manual, as `docs/examples` has them, do what the manual says."""

from __future__ import annotations

from pathlib import Path

from sipcore.testing import pbx

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def test_push_notification() -> None:
    with pbx(EXAMPLES / "push_notification.py") as world:
        alice, bob = world.phone("101"), world.phone("102", registered=False)
        call = alice.call("102")
        world.advance(5)
        assert call.statuses == [100]
        bob.answers_after = 1
        bob.register()
        assert call.final().status == 200
        assert call.hang_up().status == 200


def test_push_notification_without_anybody() -> None:
    with pbx(EXAMPLES / "push_notification.py") as world:
        alice = world.phone("101")
        started = world.now
        assert alice.call("102").final().status == 480
        assert 19.9 < world.now - started < 20.1


def test_call_pickup() -> None:
    with pbx(EXAMPLES / "call_pickup.py") as world:
        alice, bob, charlie = world.phone("101"), world.phone("102"), world.phone("103")
        call = alice.call("102")
        world.advance(1)
        assert charlie.call("33").final().status == 480
        world.advance(1)
        assert len(bob.cancels) == 1
        charlie.answer()
        assert call.final().status == 200
        assert call.hang_up().status == 200
        assert len(charlie.byes) == 1
