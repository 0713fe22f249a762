"""Story 2: a call that rings a colleague is picked up."""

from __future__ import annotations

import pytest

from sipcore.testing import DOMAIN, Call, Phone, World, pbx


def office(world: World, **fields: object) -> tuple[Phone, Phone, Phone, Phone]:
    """Alice (101) calls; Bob (102) is in the group; Charlie (103) and Erin (104) may pick its calls."""
    world.group("sales", members=("102",), interceptors=("103", "104"), **fields)
    return world.phone("101"), world.phone("102"), world.phone("103"), world.phone("104")


def ringing(world: World, alice: Phone) -> Call:
    """Alice's call rings Bob."""
    call = alice.call("102")
    world.advance(1)
    assert call.statuses == [100, 180]
    return call


@pytest.mark.acceptance("H80")
@pytest.mark.acceptance("H90")
@pytest.mark.acceptance("H98")
@pytest.mark.parametrize("code", ["33", "*8"])
def test_dialling_the_code_moves_the_call_to_the_picker(code: str) -> None:
    with pbx() as world:
        alice, bob, charlie, _ = office(world)
        call = ringing(world, alice)

        dial = charlie.call(code)
        assert dial.final().status == 480
        world.advance(1)

        [invite] = charlie.invites
        assert invite.call_id == call.call_id
        assert [c.header("reason").split(";")[:2] for c in bob.cancels] == [["SIP", "cause=200"]]
        charlie.answer()
        assert call.final().status == 200
        assert 487 not in call.statuses
        call.hang_up()
        assert len(charlie.byes) == 1 and not bob.byes

    [record] = [r for r in world.records if r.caller == f"101@{DOMAIN}"]
    assert (record.callee, record.answered_by, record.picked_by) == (
        f"102@{DOMAIN}",
        f"103@{DOMAIN}",
        f"103@{DOMAIN}",
    )
    assert len(world.records) == 1
    assert [name for name in world.names("E_CALL_") if name not in ("E_CALL_STARTED", "E_CALL_ENDED")] == [
        "E_CALL_RINGING",
        "E_CALL_PICKUP_CLAIMED",
        "E_CALL_PICKUP",
        "E_CALL_ANSWERED",
        "E_CALL_PICKUP_DONE",
    ]
    assert not world.store.claims


@pytest.mark.acceptance("H90")
def test_the_invite_follows_the_ack_of_the_480() -> None:
    with pbx() as world:
        alice, _, charlie, _ = office(world)
        call = ringing(world, alice)
        lost: list[bytes] = []

        def lose_first_ack(data: bytes, flow: object) -> bool:
            if data.startswith(b"ACK sip:33") and b"CSeq: 2 " in data and not lost:
                lost.append(data)
                return True
            return False

        world.dropped = lose_first_ack
        charlie.call("33").final()
        world.advance(0.4)
        assert lost
        assert charlie.invites == []
        world.advance(1)
        assert len(charlie.invites) == 1
        charlie.answer()
        assert call.final().status == 200
        call.hang_up()


@pytest.mark.acceptance("H81")
def test_an_unreachable_picker_leaves_the_original_ringing() -> None:
    with pbx(moment=0) as world:
        alice, bob, charlie, _ = office(world)
        call = ringing(world, alice)
        dial = charlie.call("33")
        dial.final()
        charlie.reacts = False
        world.advance(5.1)
        assert bob.cancels == []
        assert not world.store.claims
        bob.answer()
        assert call.final().status == 200
        call.hang_up()

    assert len(world.named("E_CALL_PICKUP_FAILED")) == 1


@pytest.mark.acceptance("H82")
@pytest.mark.parametrize("gap", [0.0, 0.0005, 0.001, 0.002, 0.01])
def test_of_two_pickers_exactly_one_wins(gap: float) -> None:
    with pbx(moment=0) as world:
        alice, _, charlie, erin = office(world)
        call = ringing(world, alice)
        first = charlie.call("33")
        world.advance(gap)
        second = erin.call("33")
        dialled = world.now
        assert first.final().status == 480
        assert second.final().status == 480
        assert max(first.ended_at, second.ended_at) - dialled < 1
        world.advance(1)
        assert len(charlie.invites) + len(erin.invites) == 1
        (charlie if charlie.invites else erin).answer()
        assert call.final().status == 200
        call.hang_up()

    assert len(world.named("E_CALL_PICKUP_DONE")) == 1


@pytest.mark.acceptance("H83")
@pytest.mark.acceptance("H84")
def test_the_oldest_call_is_picked_first_and_only_one_per_dial() -> None:
    with pbx() as world:
        alice, _, charlie, erin = office(world)
        other = world.phone("105")
        first = ringing(world, alice)
        second = other.call("102")
        world.advance(1)
        charlie.call("33").final()
        world.advance(1)
        erin.call("33").final()
        world.advance(1)
        assert [i.call_id for i in charlie.invites] == [first.call_id]
        assert [i.call_id for i in erin.invites] == [second.call_id]
        charlie.answer()
        erin.answer()
        for call in (first, second):
            assert call.final().status == 200
            call.hang_up()


@pytest.mark.acceptance("H85")
def test_bob_answers_while_the_picker_is_being_rung() -> None:
    with pbx() as world:
        alice, bob, charlie, _ = office(world, cancel_original="after_answer")
        call = ringing(world, alice)
        charlie.call("33").final()
        world.advance(0.5)
        assert len(charlie.invites) == 1
        bob.answer()
        assert call.final().status == 200
        world.advance(0.5)
        assert [c.header("reason").split(";")[1] for c in charlie.cancels] == ["cause=200"]
        call.hang_up()
        assert len(bob.byes) == 1

    assert [e.why for e in world.named("E_CALL_PICKUP_LOST")] == ["answered"]


@pytest.mark.acceptance("H86")
def test_the_caller_gives_up_while_the_picker_is_being_rung() -> None:
    with pbx() as world:
        alice, bob, charlie, _ = office(world, cancel_original="after_answer")
        call = ringing(world, alice)
        charlie.call("33").final()
        world.advance(0.5)
        call.cancel()
        assert call.final().status == 487
        world.advance(0.5)
        for phone in (bob, charlie):
            [cancel] = phone.cancels
            assert "cause=200" not in (cancel.header("reason") or "")

    assert [e.why for e in world.named("E_CALL_PICKUP_LOST")] == ["caller-gone"]


@pytest.mark.acceptance("H87")
def test_nothing_to_pick_up() -> None:
    with pbx() as world:
        _, _, charlie, _ = office(world)
        started, dial = world.now, charlie.call("33")
        final = dial.final()
        assert (final.status, final.reason) == (480, "Nothing to pick up")
        assert dial.ended_at - started < 0.3

    assert world.named("E_CALL_PICKUP") == []
    assert world.records == []


@pytest.mark.acceptance("H88")
def test_a_stranger_claims_nothing() -> None:
    with pbx() as world:
        alice, _, _, _ = office(world)
        call = ringing(world, alice)
        mallory = world.phone("103", registered=False)
        assert mallory.call("33", authenticate=False).final().status == 407
        assert not world.store.claims
        call.cancel()
        call.final()

    assert world.named("E_CALL_PICKUP_CLAIMED") == []


@pytest.mark.acceptance("H89")
def test_who_may_not_pick_is_refused_and_told_nothing() -> None:
    with pbx() as world:
        alice, bob, _, _ = office(world)
        outsider = world.phone("105")
        call = ringing(world, alice)
        dial = outsider.call("33")
        assert dial.final().status == 403
        assert outsider.call("**102").final().status == 403
        assert outsider.invites == []
        bob.answer()
        call.final()
        call.hang_up()


def test_directed_pickup_takes_the_call_of_that_extension() -> None:
    with pbx() as world:
        alice, _, charlie, _ = office(world)
        call = ringing(world, alice)
        assert charlie.call("**105").final().reason == "Nothing to pick up"
        world.advance(1.1)
        assert charlie.call("**102").final().status == 480
        world.advance(1)
        charlie.answer()
        assert call.final().status == 200
        call.hang_up()


@pytest.mark.acceptance("H92")
def test_a_call_that_is_talking_is_not_picked() -> None:
    with pbx() as world:
        alice, bob, charlie, _ = office(world)
        call = ringing(world, alice)
        bob.answer()
        call.final()
        world.advance(0.5)
        assert charlie.call("**102").final().status == 480
        world.advance(1)
        assert charlie.invites == []
        call.hang_up()


@pytest.mark.acceptance("H94")
def test_a_call_that_only_waits_for_a_sleeping_phone_can_be_picked() -> None:
    with pbx() as world:
        alice, bob, charlie, _ = office(world)
        bob.unregister()
        call = alice.call("102")
        world.advance(2)
        assert charlie.call("33").final().reason == "Gone"
        world.advance(1)
        charlie.answer()
        assert call.final().status == 200
        call.hang_up()


@pytest.mark.acceptance("H99")
def test_a_key_held_down_does_not_sweep_the_board() -> None:
    with pbx() as world:
        alice, _, charlie, _ = office(world)
        other = world.phone("105")
        calls = [ringing(world, alice), other.call("102")]
        world.advance(1)
        for _ in range(10):
            charlie.call("33").final()
        world.advance(1)
        assert len(charlie.invites) == 1
        for call in calls:
            call.cancel()
            call.final()


@pytest.mark.acceptance("H55")
def test_a_picker_who_does_not_answer_never_gives_the_caller_487() -> None:
    with pbx() as world:
        alice, _, charlie, _ = office(world)
        call = ringing(world, alice)
        charlie.call("33").final()
        assert call.final().status == 480
        assert 487 not in call.statuses
