"""What a caller hears while a phone is being woken."""

from __future__ import annotations

import pytest

from sipcore.contract.events import E_PUSH_FAILED, E_PUSH_SENT
from sipcore.testing import Call, World, pbx


def waiting_call(world: World, *, headers: list[str] | None = None) -> Call:
    """A call to Bob, whose phone is asleep, as it is when the push is on its way."""
    world.subscriber("102", push_devices=1)
    alice = world.phone("101")
    call = alice.call("102", headers=headers)
    world.advance(0.5)
    return call


@pytest.mark.acceptance("H58")
def test_he_hears_ringing_once_the_push_was_accepted() -> None:
    with pbx() as world:
        call = waiting_call(world)
        assert call.statuses == [100]
        world.push_result(E_PUSH_SENT)
        world.push_result(E_PUSH_SENT, device="m2")
        world.advance(0.5)

        assert call.statuses == [100, 180]
        ringing = call.responses[-1]
        assert ringing.to_tag
        assert not (ringing.body or ringing.has("require") or ringing.has("rseq"))

        bob = world.phone("102", instance="urn:uuid:m1", registered=False)
        bob.answers_after = 0.5
        bob.register()
        answer = call.final()
        assert call.statuses == [100, 180, 180, 200]
        assert answer.to_tag != ringing.to_tag, "no phone's tag"
        call.hang_up()


@pytest.mark.acceptance("H58")
def test_he_hears_nothing_when_the_push_was_refused() -> None:
    with pbx() as world:
        call = waiting_call(world)
        world.push_result(E_PUSH_FAILED, provider_reason="Unregistered", status=404, final=True)
        assert call.final().status == 480
        assert 180 not in call.statuses


def test_a_registered_phone_speaks_for_itself() -> None:
    with pbx() as world:
        world.subscriber("102", push_devices=1)
        alice, desk = world.phone("101"), world.phone("102", instance="urn:uuid:p1")
        desk.rings_after = 3.0
        call = alice.call("102")
        world.advance(1)
        world.push_result(E_PUSH_SENT)
        world.advance(1)
        assert call.statuses == [100]
        world.advance(2)
        assert call.statuses == [100, 180]
        call.cancel()
        call.final()


@pytest.mark.parametrize(("waiting", "heard"), [("100", [100]), ("180", [100, 180]), ("182", [182]), ("183", [183])])
def test_the_setting_says_what_he_hears(waiting: str, heard: list[int]) -> None:
    with pbx(waiting=waiting) as world:
        call = waiting_call(world)
        world.push_result(E_PUSH_SENT)
        world.advance(0.5)
        assert call.statuses == heard
        call.cancel()
        assert call.final().status == 487


def test_who_insists_on_reliable_provisionals_gets_none_of_ours() -> None:
    with pbx() as world:
        call = waiting_call(world, headers=["Require: 100rel"])
        world.push_result(E_PUSH_SENT)
        world.advance(0.5)
        assert call.statuses == [100]
        call.cancel()
        call.final()
