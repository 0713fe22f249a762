"""Story 2: a call that rings a colleague is picked up."""

from __future__ import annotations

import pytest

from tests.support.phone import DOMAIN, Call, Phone
from tests.support.world import World, play


def office(world: World, **fields: object) -> tuple[Phone, Phone, Phone, Phone]:
    """Alice (101) calls; Bob (102) is in the group; Charlie (103) and Erin (104) may pick its calls."""
    world.group("sales", members=("102",), interceptors=("103", "104"), **fields)
    return world.phone("101"), world.phone("102"), world.phone("103"), world.phone("104")


async def ringing(world: World, alice: Phone, *others: Phone) -> Call:
    """Everybody is registered and Alice's call rings Bob."""
    for phone in (alice, *others):
        await phone.register()
    call = alice.call("102")
    await world.sleep(1)
    assert call.statuses == [100, 180]
    return call


@pytest.mark.acceptance("H80")
@pytest.mark.acceptance("H90")
@pytest.mark.acceptance("H98")
@pytest.mark.parametrize("code", ["33", "*8"])
def test_dialling_the_code_moves_the_call_to_the_picker(code: str) -> None:
    async def story(world: World) -> None:
        alice, bob, charlie, _ = office(world)
        call = await ringing(world, alice, bob, charlie)

        dial = charlie.call(code)
        assert (await dial.final()).status == 480
        await world.sleep(1)

        [invite] = charlie.invites
        assert invite.call_id == call.call_id
        assert [c.header("reason").split(";")[:2] for c in bob.cancels] == [["SIP", "cause=200"]]
        charlie.pick_up()
        assert (await call.final()).status == 200
        assert 487 not in call.statuses
        await call.hang_up()
        assert len(charlie.byes) == 1 and not bob.byes

    world = play(story)

    [record] = [r for r in world.store.records if r.caller == f"101@{DOMAIN}"]
    assert (record.callee, record.answered_by, record.picked_by) == (
        f"102@{DOMAIN}",
        f"103@{DOMAIN}",
        f"103@{DOMAIN}",
    )
    assert len(world.store.records) == 1
    names = [e.name for e in world.events if "PICKUP" in e.name or e.name == "E_CALL_ANSWERED"]
    assert names == ["E_CALL_PICKUP_CLAIMED", "E_CALL_PICKUP", "E_CALL_ANSWERED", "E_CALL_PICKUP_DONE"]
    assert not world.store.claims


@pytest.mark.acceptance("H90")
def test_the_invite_follows_the_ack_of_the_480() -> None:
    async def story(world: World) -> None:
        alice, bob, charlie, _ = office(world)
        call = await ringing(world, alice, bob, charlie)
        lost: list[bytes] = []

        def lose_first_ack(data: bytes, flow: object) -> bool:
            if data.startswith(b"ACK sip:33") and b"CSeq: 2 " in data and not lost:
                lost.append(data)
                return True
            return False

        world.dropped = lose_first_ack
        await charlie.call("33").final()
        await world.sleep(0.4)
        assert lost
        assert charlie.invites == []
        await world.sleep(1)
        assert len(charlie.invites) == 1
        charlie.pick_up()
        assert (await call.final()).status == 200
        await call.hang_up()

    play(story)


@pytest.mark.acceptance("H81")
def test_an_unreachable_picker_leaves_the_original_ringing() -> None:
    async def story(world: World) -> None:
        alice, bob, charlie, _ = office(world)
        call = await ringing(world, alice, bob, charlie)
        dial = charlie.call("33")
        await dial.final()
        charlie.reacts = False
        await world.sleep(7)
        assert bob.cancels == []
        assert not world.store.claims
        bob.pick_up()
        assert (await call.final()).status == 200
        await call.hang_up()

    world = play(story)
    assert len(world.named("E_CALL_PICKUP_FAILED")) == 1


@pytest.mark.acceptance("H82")
@pytest.mark.parametrize("gap", [0.0, 0.0005, 0.001, 0.002, 0.01])
def test_of_two_pickers_exactly_one_wins(gap: float) -> None:
    async def story(world: World) -> None:
        alice, bob, charlie, erin = office(world)
        call = await ringing(world, alice, bob, charlie, erin)
        first = charlie.call("33")
        await world.sleep(gap)
        second = erin.call("33")
        assert (await first.final()).status == 480
        assert (await second.final()).status == 480
        await world.sleep(1)
        assert len(charlie.invites) + len(erin.invites) == 1
        (charlie if charlie.invites else erin).pick_up()
        assert (await call.final()).status == 200
        await call.hang_up()

    world = play(story)
    assert len(world.named("E_CALL_PICKUP_DONE")) == 1


@pytest.mark.acceptance("H83")
@pytest.mark.acceptance("H84")
def test_the_oldest_call_is_picked_first_and_only_one_per_dial() -> None:
    async def story(world: World) -> None:
        alice, bob, charlie, erin = office(world)
        other = world.phone("105")
        await other.register()
        first = await ringing(world, alice, bob, charlie, erin)
        second = other.call("102")
        await world.sleep(1)
        await charlie.call("33").final()
        await world.sleep(1)
        await erin.call("33").final()
        await world.sleep(1)
        assert [i.call_id for i in charlie.invites] == [first.call_id]
        assert [i.call_id for i in erin.invites] == [second.call_id]
        charlie.pick_up()
        erin.pick_up()
        for call in (first, second):
            assert (await call.final()).status == 200
            await call.hang_up()

    play(story)


@pytest.mark.acceptance("H85")
def test_bob_answers_while_the_picker_is_being_rung() -> None:
    async def story(world: World) -> None:
        alice, bob, charlie, _ = office(world, cancel_original="after_answer")
        call = await ringing(world, alice, bob, charlie)
        await charlie.call("33").final()
        await world.sleep(0.5)
        assert len(charlie.invites) == 1
        bob.pick_up()
        assert (await call.final()).status == 200
        await world.sleep(0.5)
        assert [c.header("reason").split(";")[1] for c in charlie.cancels] == ["cause=200"]
        await call.hang_up()
        assert len(bob.byes) == 1

    world = play(story)
    assert [e.why for e in world.named("E_CALL_PICKUP_LOST")] == ["answered"]


@pytest.mark.acceptance("H86")
def test_the_caller_gives_up_while_the_picker_is_being_rung() -> None:
    async def story(world: World) -> None:
        alice, bob, charlie, _ = office(world, cancel_original="after_answer")
        call = await ringing(world, alice, bob, charlie)
        await charlie.call("33").final()
        await world.sleep(0.5)
        call.cancel()
        assert (await call.final()).status == 487
        await world.sleep(0.5)
        for phone in (bob, charlie):
            [cancel] = phone.cancels
            assert "cause=200" not in (cancel.header("reason") or "")

    world = play(story)
    assert [e.why for e in world.named("E_CALL_PICKUP_LOST")] == ["caller-gone"]


@pytest.mark.acceptance("H87")
def test_nothing_to_pick_up() -> None:
    async def story(world: World) -> None:
        _, _, charlie, _ = office(world)
        await charlie.register()
        final = await charlie.call("33").final()
        assert (final.status, final.reason) == (480, "Nothing to pick up")

    world = play(story)
    assert world.named("E_CALL_PICKUP") == []
    assert world.store.records == []


@pytest.mark.acceptance("H88")
def test_a_stranger_claims_nothing() -> None:
    async def story(world: World) -> None:
        alice, bob, charlie, _ = office(world)
        call = await ringing(world, alice, bob, charlie)
        mallory = world.phone("103")
        assert (await mallory.call("33", authenticate=False).final()).status == 407
        assert not world.store.claims
        call.cancel()
        await call.final()

    assert play(story).named("E_CALL_PICKUP_CLAIMED") == []


@pytest.mark.acceptance("H89")
def test_who_may_not_pick_is_refused_and_told_nothing() -> None:
    async def story(world: World) -> None:
        alice, bob, _, _ = office(world)
        outsider = world.phone("105")
        call = await ringing(world, alice, bob, outsider)
        dial = outsider.call("33")
        assert (await dial.final()).status == 403
        assert (await outsider.call("**102").final()).status == 403
        assert outsider.invites == []
        bob.pick_up()
        await call.final()
        await call.hang_up()

    play(story)


def test_directed_pickup_takes_the_call_of_that_extension() -> None:
    async def story(world: World) -> None:
        alice, bob, charlie, _ = office(world)
        call = await ringing(world, alice, bob, charlie)
        assert (await charlie.call("**105").final()).reason == "Nothing to pick up"
        await world.sleep(1.1)
        assert (await charlie.call("**102").final()).status == 480
        await world.sleep(1)
        charlie.pick_up()
        assert (await call.final()).status == 200
        await call.hang_up()

    play(story)


@pytest.mark.acceptance("H92")
def test_a_call_that_is_talking_is_not_picked() -> None:
    async def story(world: World) -> None:
        alice, bob, charlie, _ = office(world)
        call = await ringing(world, alice, bob, charlie)
        bob.pick_up()
        await call.final()
        await world.sleep(0.5)
        assert (await charlie.call("**102").final()).status == 480
        await world.sleep(1)
        assert charlie.invites == []
        await call.hang_up()

    play(story)


@pytest.mark.acceptance("H94")
def test_a_call_that_only_waits_for_a_sleeping_phone_can_be_picked() -> None:
    async def story(world: World) -> None:
        alice, _, charlie, _ = office(world)
        await alice.register()
        await charlie.register()
        call = alice.call("102")
        await world.sleep(2)
        assert (await charlie.call("33").final()).reason == "Gone"
        await world.sleep(1)
        charlie.pick_up()
        assert (await call.final()).status == 200
        await call.hang_up()

    play(story)


@pytest.mark.acceptance("H99")
def test_a_key_held_down_does_not_sweep_the_board() -> None:
    async def story(world: World) -> None:
        alice, bob, charlie, _ = office(world)
        other = world.phone("105")
        await other.register()
        calls = [await ringing(world, alice, bob, charlie), other.call("102")]
        await world.sleep(1)
        for _ in range(10):
            await charlie.call("33").final()
        await world.sleep(1)
        assert len(charlie.invites) == 1
        for call in calls:
            call.cancel()
            await call.final()

    play(story)


@pytest.mark.acceptance("H55")
def test_a_picker_who_does_not_answer_never_gives_the_caller_487() -> None:
    async def story(world: World) -> None:
        alice, bob, charlie, _ = office(world)
        call = await ringing(world, alice, bob, charlie)
        await charlie.call("33").final()
        assert (await call.final()).status == 480
        assert 487 not in call.statuses

    play(story)
