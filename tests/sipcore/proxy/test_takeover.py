"""Pickup: a ringing call moves to a colleague's phone."""

from __future__ import annotations

import pytest

from sipcore.errors import InvalidWord
from sipcore.proxy import FinalSent, InjectRejected, Policy, TakeoverEnded, TakeoverStarted
from tests.support.sip import ALICE

from .world import DAN, DESK, MOBILE, World, again, target


def picking(cancel: str = "when_ringing", *phones, policy: Policy | None = None) -> World:
    """Alice's call rings at Bob's desk, and Dan has just picked it."""
    world = World(policy)
    world.call()
    world.fork(*(phones or (DESK,)))
    for phone in phones or (DESK,):
        world.answers(phone, 180)
    world.pick_up(DAN, cancel=cancel)
    world.network.take()
    return world


def outcome(world: World) -> str:
    """How the only takeover ended."""
    return world.one(TakeoverEnded).outcome


@pytest.mark.acceptance("H80")
def test_after_answer_the_original_rings_until_the_picker_has_answered() -> None:
    world = picking("after_answer")

    world.answers(DAN, 180)
    assert world.sent() == ["180 > alice"]
    world.answers(DAN, 200)

    assert world.sent() == ["200 > alice", "CANCEL(200,26) > desk"]
    assert world.seen[DESK.flow.host, "CANCEL"].headers("reason") == [
        'SIP;cause=200;text="Call completed elsewhere"',
        "Q.850;cause=26",
    ]
    assert outcome(world) == "done"
    assert world.one(FinalSent).branch.target == DAN


def test_when_ringing_the_original_stops_as_the_picker_begins_to_ring() -> None:
    world = picking("when_ringing")

    world.answers(DAN, 100)
    assert world.sent() == []
    world.answers(DAN, 180)

    assert world.sent() == ["CANCEL(200,26) > desk", "180 > alice"]
    assert world.seen[DESK.flow.host, "CANCEL"].headers("reason")[0] == 'SIP;cause=200;text="Picked up"'
    world.confirm_cancel(DESK)
    assert world.sent() == ["ACK > desk"]
    world.answers(DAN, 200)
    assert world.sent() == ["200 > alice"]
    assert outcome(world) == "done"


def test_when_ringing_an_answer_without_ringing_will_do() -> None:
    world = picking("when_ringing")

    world.answers(DAN, 200)

    assert world.sent() == ["200 > alice", "CANCEL(200,26) > desk"]


def test_at_once_means_once_the_picker_has_been_called() -> None:
    world = World()
    world.call()
    world.fork(DESK)
    world.answers(DESK, 180)
    world.sent()

    world.pick_up(DAN, cancel="at_once")

    assert world.sent() == ["INVITE > dan", "CANCEL(200,26) > desk"]


@pytest.mark.parametrize("cancel", ["when_ringing", "after_answer", "at_once"])
def test_a_picker_who_cannot_be_called_costs_nothing(cancel: str) -> None:
    world = World()
    world.call()
    world.fork(DESK)
    world.answers(DESK, 180)
    gone = target("dan", DAN.flow._replace(transport="tcp", connection="w1-9"))
    world.core.flow_closed(gone.flow, world.now)
    world.sent()

    assert world.pick_up(gone, cancel=cancel) == []

    assert world.sent() == []
    assert outcome(world) == "failed"
    assert world.one(InjectRejected).why == "no-flow"
    world.answers(DESK, 200)
    assert world.sent() == ["200 > alice"]


@pytest.mark.acceptance("H81")
@pytest.mark.parametrize("cancel", ["when_ringing", "after_answer"])
def test_a_picker_who_gives_no_sign_is_let_go_and_the_original_rings_on(cancel: str) -> None:
    world = picking(cancel)

    world.advance(4.9)
    assert outcome_so_far(world) == []
    world.advance(0.2)

    assert outcome(world) == "timeout"
    assert set(world.sent()) == {"INVITE > dan"}  # retransmissions; no CANCEL to anybody
    world.answers(DAN, 180)
    assert world.sent() == ["CANCEL(480) > dan"]
    world.answers(DESK, 200)
    assert world.sent() == ["200 > alice"]


def outcome_so_far(world: World) -> list[str]:
    """How takeovers have ended."""
    return [event.outcome for event in world.got(TakeoverEnded)]


@pytest.mark.acceptance("H81")
@pytest.mark.parametrize("status", [486, 603, 480, 503])
def test_a_picker_who_declines_is_let_go_and_the_original_rings_on(status: int) -> None:
    world = picking("after_answer", policy=Policy(global_decline=True))

    world.answers(DAN, status)

    assert world.sent() == ["ACK > dan"]
    assert outcome(world) == "failed"
    world.answers(DESK, 486)
    assert world.sent() == ["ACK > desk", "486 > alice"]


def test_a_picker_has_fifteen_seconds_while_the_original_rings() -> None:
    world = picking("after_answer")
    world.answers(DAN, 180)
    world.sent()

    world.advance(14.9)
    assert world.sent() == []
    world.advance(0.2)

    assert world.sent() == ["CANCEL(480) > dan"]
    assert outcome(world) == "timeout"


def test_a_picker_who_has_the_call_to_himself_may_take_his_time() -> None:
    world = picking("when_ringing")
    world.answers(DAN, 180)
    world.confirm_cancel(DESK)
    world.sent()

    world.advance(60)
    assert world.sent() == []
    world.answers(DAN, 200)

    assert world.sent() == ["200 > alice"]


@pytest.mark.acceptance("H55")
def test_the_caller_never_hears_of_the_cancelled_originals() -> None:
    world = picking("when_ringing")
    world.answers(DAN, 180)
    world.confirm_cancel(DESK)
    world.sent()

    world.answers(DAN, 486)

    assert world.sent() == ["ACK > dan", "480 > alice"]
    assert world.answered[ALICE.host].headers("reason") == ["Q.850;cause=19"]


def test_originals_that_fail_do_not_end_a_call_that_is_being_picked() -> None:
    world = picking("after_answer")
    world.answers(DAN, 180)

    world.answers(DESK, 486)
    assert world.sent() == ["180 > alice", "ACK > desk"]
    world.answers(DAN, 200)

    assert world.sent() == ["200 > alice"]


def test_the_best_of_the_originals_is_kept_for_when_the_picker_fails() -> None:
    world = picking("after_answer")
    world.answers(DESK, 486)
    world.sent()

    world.answers(DAN, 404)

    assert world.sent() == ["ACK > dan", "486 > alice"]


@pytest.mark.acceptance("H85")
def test_an_original_that_answers_first_has_the_call() -> None:
    world = picking("after_answer")
    world.answers(DAN, 180)
    world.sent()

    world.answers(DESK, 200)

    assert world.sent() == ["200 > alice", "CANCEL(200) > dan"]
    assert outcome(world) == "lost"


def test_an_answer_that_crosses_its_own_cancel_has_the_call_too() -> None:
    world = picking("when_ringing")
    world.answers(DAN, 180)
    world.sent()

    world.answers(DESK, 200)

    assert world.sent() == ["200 > alice", "CANCEL(200) > dan"]
    assert outcome(world) == "lost"


def test_both_answer_and_the_second_is_hung_up() -> None:
    world = picking("when_ringing")
    world.answers(DAN, 200)
    world.sent()

    world.answers(DESK, 200)

    assert world.sent() == ["ACK > desk", "BYE > desk"]
    assert outcome(world) == "done"


@pytest.mark.acceptance("H86")
def test_a_caller_who_cancels_takes_the_call_from_both() -> None:
    world = picking("after_answer")
    world.answers(DAN, 180)
    world.sent()

    world.cancels()

    assert world.sent() == ["200 > alice", "487 > alice", "CANCEL() > desk", "CANCEL() > dan"]
    assert outcome(world) == "caller-gone"


@pytest.mark.acceptance("H82")
def test_a_second_picker_of_the_same_call_is_refused() -> None:
    world = picking("after_answer")

    world.pick_up(MOBILE, token="other")

    assert world.sent() == []
    assert [(event.target, event.why) for event in world.got(InjectRejected)] == [(MOBILE, "barred")]
    assert [(event.token, event.outcome) for event in world.got(TakeoverEnded)] == [("other", "failed")]
    assert [event.token for event in world.got(TakeoverStarted)] == ["pick"]


def test_once_released_a_call_can_be_picked_again() -> None:
    world = picking("after_answer")
    world.answers(DAN, 486)

    world.pick_up(MOBILE, token="other")
    world.answers(MOBILE, 200)

    assert [(event.token, event.outcome) for event in world.got(TakeoverEnded)] == [
        ("pick", "failed"),
        ("other", "done"),
    ]


@pytest.mark.acceptance("H94")
def test_a_call_that_nobody_rings_for_can_be_picked() -> None:
    world = World()
    world.call()
    world.hold(25)
    world.sent()

    world.pick_up(DAN)
    world.answers(DAN, 180)
    world.inject(again(MOBILE))

    assert world.sent() == ["INVITE > dan", "180 > alice"]  # the sleeper is not woken for a call that is taken
    assert world.one(InjectRejected).why == "barred"
    world.answers(DAN, 200)
    assert world.sent() == ["200 > alice"]


def test_a_picker_gone_the_hold_goes_on() -> None:
    world = World()
    world.call()
    world.hold(25)
    world.pick_up(DAN)
    world.sent()

    world.advance(6)
    assert outcome(world) == "timeout"
    world.inject(again(MOBILE))

    assert "INVITE > mobile" in world.sent()


@pytest.mark.acceptance("H97")
def test_a_picker_whose_phone_rings_already_gets_no_second_invite() -> None:
    world = picking("when_ringing")
    world.pick_up(DESK, token="own")

    assert world.sent() == []
    assert [event.why for event in world.got(InjectRejected)] == ["barred"]

    world = World()
    world.call()
    world.fork(DESK)
    world.answers(DESK, 180)
    world.sent()
    world.pick_up(DESK)
    assert world.sent() == []
    assert world.one(InjectRejected).why == "duplicate"
    assert outcome(world) == "failed"


def test_a_picker_who_declined_before_may_change_his_mind() -> None:
    world = World()
    world.call()
    world.fork(DESK, MOBILE)
    world.answers(DESK, 180)
    world.answers(MOBILE, 486)
    world.sent()

    world.pick_up(MOBILE)

    assert world.sent() == ["INVITE > mobile"]


def test_an_original_that_declines_for_all_waits_for_the_picker() -> None:
    """The claim protects, so the picker's answer counts before the 6xx does."""
    world = picking("after_answer", policy=Policy(global_decline=True))

    world.answers(DESK, 603)
    assert world.sent() == ["ACK > desk"]
    world.answers(DAN, 404)

    assert world.sent() == ["ACK > dan", "603 > alice"]


def test_the_call_deadline_holds_for_pickers_too() -> None:
    world = picking("when_ringing", policy=Policy(call_deadline=30))
    world.answers(DAN, 180)
    world.confirm_cancel(DESK)
    world.sent()

    world.advance(31)

    assert world.sent() == ["CANCEL(480) > dan", "480 > alice"]
    assert outcome(world) == "timeout"


def test_a_takeover_needs_a_known_manner() -> None:
    world = World()
    world.call()

    with pytest.raises(InvalidWord):
        world.inject(DAN, cancel="soon")
