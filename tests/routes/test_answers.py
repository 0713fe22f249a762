"""How calls end when several phones have a say, and what is left of them for phones, callers and records."""

from __future__ import annotations

import pytest

from sipcore.testing import pbx


@pytest.mark.acceptance("H51")
def test_of_two_answers_in_the_same_instant_one_has_the_call_and_the_other_is_hung_up() -> None:
    with pbx(moment=0) as world:
        desk, mobile = world.phone("102", instance="urn:uuid:p1"), world.phone("102", instance="urn:uuid:m1")
        alice = world.phone("101")
        call = alice.call("102")
        world.advance(1)

        desk.answer()
        mobile.answer()
        world.advance(0.5)

        assert call.statuses.count(200) == 1
        loser = next(phone for phone in (desk, mobile) if phone.byes)
        winner = mobile if loser is desk else desk
        assert (len(loser.acks), len(loser.byes), len(winner.acks), len(winner.byes)) == (1, 1, 1, 0)
        call.hang_up()

    [record] = world.records
    assert (record.reason, record.answered_by) == ("answered", "102@pbx.example")


@pytest.mark.acceptance("H50")
def test_the_phones_that_lose_have_no_missed_call_and_all_have_one_when_the_caller_gives_up() -> None:
    with pbx() as world:
        desk, mobile, alice = world.phone("102"), world.phone("102"), world.phone("101")
        call = alice.call("102")
        mobile.answer()
        call.hang_up()
        given_up = alice.call("102")
        given_up.cancel()
        assert given_up.status == 487

    [elsewhere, missed] = desk.cancels
    assert elsewhere.header("reason").startswith("SIP;cause=200")
    for cancel in (missed, *mobile.cancels):
        assert "cause=200" not in (cancel.header("reason") or "")
    assert len(mobile.cancels) == 1


@pytest.mark.acceptance("H41")
@pytest.mark.parametrize("for_all", [True, False])
def test_a_decline_is_for_all_phones_or_for_its_own(for_all: bool) -> None:
    with pbx(global_decline=for_all) as world:
        desk, mobile = world.phone("102"), world.phone("102", asleep=True)
        call = world.phone("101").call("102")
        desk.decline(603)
        assert call.is_over is for_all
        mobile.wake()
        assert mobile.rings is not for_all
        if for_all:
            assert call.status == 603
        else:
            mobile.answer()
            assert call.status == 200


@pytest.mark.acceptance("H48")
def test_a_phone_that_has_said_nothing_is_cancelled_with_its_first_word() -> None:
    with pbx(moment=0) as world:
        bob, alice = world.phone("102"), world.phone("101")
        bob.rings_after = 5
        call = alice.call("102")
        world.advance(1)
        call.cancel()
        world.advance(0.01)
        assert call.status == 487
        world.advance(3.9)
        assert bob.invites and not bob.cancels
        world.advance(0.2)
        assert len(bob.cancels) == 1


@pytest.mark.acceptance("H54")
@pytest.mark.parametrize("status", [503, 500])
def test_what_a_phones_server_suffers_from_is_not_told_to_the_caller(status: int) -> None:
    with pbx() as world:
        world.phone("102").declines_with = status
        assert world.phone("101").call("102").status in (480, 500)


@pytest.mark.acceptance("H40")
@pytest.mark.acceptance("H26")
def test_a_phone_that_is_gone_does_not_spoil_the_others_and_has_its_chance_when_it_comes_back() -> None:
    with pbx() as world:
        gone = world.phone("102", instance="urn:uuid:m1")
        desk = world.phone("102", instance="urn:uuid:p1")
        gone.sleep()
        call = world.phone("101").call("102")
        assert desk.rings
        world.advance(33)  # timer B
        assert call.status == 180
        gone.wake()
        assert gone.rings and desk.rings
        gone.answer()
        assert call.status == 200
