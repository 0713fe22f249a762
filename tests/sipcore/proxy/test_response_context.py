"""Forking: provisionals, the first answer, cancelling, timers, and what the caller gets in the end."""

from __future__ import annotations

import pytest

from sipcore.errors import InvalidWord, TransactionCancelled, TransactionFinal, TransactionGone
from sipcore.proxy import (
    BranchAdded,
    BranchCancelled,
    BranchFinal,
    BranchProvisional,
    FinalSent,
    HoldClosed,
    HoldOpened,
    InjectRejected,
    Limits,
    Policy,
    RequestCancelled,
)
from tests.support import sip
from tests.support.sip import ALICE, SDP

from .world import DESK, MOBILE, World, again, target

REASON = "reason"


def ringing(*phones, policy=None, hold=None, ring_seconds=None) -> World:
    """A call that rings at all these phones."""
    world = World(policy)
    world.call()
    if hold:
        world.hold(hold)
    world.fork(*phones, ring_seconds=ring_seconds)
    for phone in phones:
        world.answers(phone, 180)
    world.sent()
    return world


# provisionals


def test_a_hundred_stays_with_us_and_other_provisionals_go_on_with_their_tags() -> None:
    world = World()
    world.call()
    world.fork(DESK, MOBILE)
    world.sent()

    world.answers(DESK, 100)
    world.answers(DESK, 180)
    world.answers(MOBILE, 182)

    assert [(m.message.status, m.message.to_tag) for m in world.network.take()] == [(180, "desk"), (182, "mobile")]
    assert [(event.branch.target, event.status) for event in world.got(BranchProvisional)] == [
        (DESK, 180),
        (MOBILE, 182),
    ]


@pytest.mark.acceptance("H59")
def test_early_media_comes_from_the_first_phone_that_has_any() -> None:
    world = World()
    world.call()
    world.fork(DESK, MOBILE)
    world.sent()
    media = {"body": SDP, "content_type": "application/sdp"}

    world.answers(DESK, 183, **media)
    world.answers(MOBILE, 183, **media)
    world.answers(MOBILE, 180)
    world.answers(DESK, 183, **media)

    assert world.sent(and_retransmissions=True) == ["183 > alice", "180 > alice", "183 > alice"]


def test_early_media_passes_on_when_its_phone_gives_up() -> None:
    world = World()
    world.call()
    world.fork(DESK, MOBILE)
    world.answers(DESK, 183, body=SDP)
    world.answers(DESK, 486)
    world.sent()

    world.answers(MOBILE, 183, body=SDP)

    assert world.sent() == ["183 > alice"]


@pytest.mark.acceptance("H60")
def test_a_reliable_provisional_is_never_dropped() -> None:
    """Its sender would wait for PRACK, and the call would hang (RFC 3262 §3)."""
    world = World()
    world.call()
    world.fork(DESK, MOBILE)
    world.sent()
    reliable = {"body": SDP, "headers": [("Require", "100rel"), ("RSeq", "1")]}

    world.answers(DESK, 183, **reliable)
    world.answers(MOBILE, 183, **reliable)

    assert world.sent() == ["183 > alice", "183 > alice"]


# the first answer


@pytest.mark.acceptance("H50")
def test_the_phones_that_lose_are_told_that_the_call_was_answered() -> None:
    world = ringing(DESK, MOBILE)

    world.answers(MOBILE, 200)

    assert world.sent() == ["200 > alice", "CANCEL(200) > desk"]
    cancel = world.seen[DESK.flow.host, "CANCEL"]
    assert cancel.headers(REASON) == ['SIP;cause=200;text="Call completed elsewhere"']
    world.confirm_cancel(DESK)
    assert world.sent() == ["ACK > desk"]
    assert world.one(FinalSent).status == 200
    assert world.one(FinalSent).branch.target == MOBILE
    world.dialog("ACK", cseq=1)
    world.advance(200)
    assert world.is_empty()


@pytest.mark.acceptance("H50")
def test_the_phones_are_not_told_so_when_the_caller_gave_up() -> None:
    world = ringing(DESK, MOBILE)

    world.cancels()

    assert world.sent() == ["200 > alice", "487 > alice", "CANCEL() > desk", "CANCEL() > mobile"]


def test_the_callers_reason_is_passed_on() -> None:
    world = ringing(DESK)

    world.cancels(headers=[("Reason", "Q.850;cause=16"), ("Reason", "SIP;cause=408")])

    assert world.seen[DESK.flow.host, "CANCEL"].headers(REASON) == ["Q.850;cause=16", "SIP;cause=408"]
    assert world.one(RequestCancelled).reason_headers == ("Q.850;cause=16", "SIP;cause=408")


def test_a_retransmitted_answer_goes_to_the_caller_again() -> None:
    """RFC 6026 §7.1: the callee repeats its 2xx until it has the caller's ACK."""
    world = ringing(DESK)
    world.answers(DESK, 200)
    world.answers(DESK, 200)

    assert world.sent(and_retransmissions=True) == ["200 > alice", "200 > alice"]
    assert len(world.got(FinalSent)) == 1


# cancelling


@pytest.mark.acceptance("H46")
def test_a_caller_who_cancels_a_mere_hold_is_answered_at_once() -> None:
    world = World()
    world.call()
    world.hold(20)
    world.sent()

    world.cancels()

    assert world.sent() == ["200 > alice", "487 > alice"]
    assert world.one(HoldClosed).why == "cancel"
    assert world.one(FinalSent).origin == "cancel"
    world.acknowledges()
    world.advance(60)
    assert world.is_empty()


@pytest.mark.acceptance("H48")
def test_a_phone_that_has_said_nothing_is_cancelled_by_its_first_provisional() -> None:
    world = World()
    world.call()
    world.fork(DESK)
    world.sent()

    world.cancels()
    assert world.sent() == ["200 > alice", "487 > alice"]
    world.acknowledges()
    world.advance(3)
    assert world.sent() == ["INVITE > desk"]  # its retransmissions, and nothing else
    world.answers(DESK, 180)
    assert world.sent() == ["CANCEL() > desk"]


@pytest.mark.acceptance("H48")
def test_a_phone_that_never_replies_hears_only_retransmissions_until_timer_b() -> None:
    world = World()
    world.call()
    world.fork(DESK)
    world.cancels()
    world.acknowledges()
    world.sent()

    world.advance(32)

    assert set(world.sent()) == {"INVITE > desk"}
    assert world.is_empty()


@pytest.mark.acceptance("H56")
def test_a_retransmitted_invite_is_absorbed() -> None:
    world = World()
    world.call()
    world.hold(20)
    world.sent()
    events = len(world.events)

    world.receive(world.invite, ALICE)

    assert world.sent() == ["100 > alice"]
    assert len(world.events) == events


@pytest.mark.acceptance("H37")
def test_words_that_come_too_late_say_why_and_send_nothing() -> None:
    world = ringing(DESK)
    world.answers(DESK, 486)
    world.sent()
    with pytest.raises(TransactionFinal):
        world.inject(MOBILE)
    assert world.one(InjectRejected).why == "final"
    with pytest.raises(InvalidWord):
        world.core.reply(world.request, 404, now=world.now)

    world.acknowledges()
    world.advance(10)
    with pytest.raises(TransactionGone):
        world.inject(MOBILE)

    world.call(call_id="another")
    world.hold(20)
    world.sent()
    world.cancels()
    with pytest.raises(TransactionCancelled):
        world.inject(MOBILE)
    assert world.sent() == ["200 > alice", "487 > alice"]
    assert [event.why for event in world.got(InjectRejected)] == ["final", "gone", "cancelled"]


# the end of the branches


@pytest.mark.acceptance("H32")
def test_without_a_hold_the_last_final_is_the_callers() -> None:
    world = ringing(DESK, hold=25)

    world.core.wait_no_more_branches(world.request, now=world.now)
    world.answers(DESK, 486)

    assert world.sent() == ["ACK > desk", "486 > alice"]


def test_no_more_branches_with_nothing_left_answers_at_once() -> None:
    world = World()
    world.call()
    world.hold(20)
    world.sent()

    assert world.core.wait_no_more_branches(world.request, now=world.now, why="all-failed")
    world.pump()

    assert world.sent() == ["480 > alice"]
    assert world.one(HoldClosed).why == "all-failed"
    assert not world.core.wait_no_more_branches(world.request, now=world.now)


@pytest.mark.acceptance("H33")
def test_a_hold_that_nobody_wakes_for_ends_with_subscriber_absent() -> None:
    world = World()
    world.call()
    world.hold(25)
    world.sent()

    world.advance(24.9)
    assert world.sent() == []
    world.advance(0.2)

    assert world.sent() == ["480 > alice"]
    assert world.answered[ALICE.host].headers(REASON) == ["Q.850;cause=20"]
    assert world.one(HoldOpened).seconds == 25
    assert world.one(HoldClosed).why == "deadline"
    assert world.one(FinalSent).origin == "timeout"


@pytest.mark.acceptance("H34")
def test_a_busy_phone_is_reported_when_the_hold_ends_and_not_before() -> None:
    world = World()
    world.call()
    world.hold(25)
    world.fork(DESK)
    world.advance(1)
    world.answers(DESK, 486)
    world.sent()

    world.advance(23.9)
    assert world.sent() == []
    world.advance(0.2)
    assert world.sent() == ["486 > alice"]


def test_a_stale_binding_does_not_outlast_the_hold() -> None:
    world = World()
    world.call()
    world.hold(20)
    world.fork(DESK)

    world.advance(20.1)

    assert world.answered[ALICE.host].status == 480
    assert world.answered[ALICE.host].headers(REASON) == ["Q.850;cause=20"]


def test_a_phone_called_just_before_the_hold_ends_keeps_its_chance() -> None:
    world = World()
    world.call()
    world.hold(20)
    world.advance(19.5)
    world.inject(MOBILE)

    world.advance(1)
    world.answers(MOBILE, 180)

    assert world.sent()[-1] == "180 > alice"


def test_a_phone_that_rings_outlasts_the_hold() -> None:
    world = ringing(DESK, hold=5)

    world.advance(30)
    assert world.sent() == []
    world.answers(DESK, 200)

    assert world.sent() == ["200 > alice"]


@pytest.mark.acceptance("H52")
def test_a_ring_timer_ends_one_phone_and_the_hold_goes_on() -> None:
    world = World()
    world.call()
    world.hold(25)
    world.fork(DESK, ring_seconds=20)
    world.answers(DESK, 180)
    world.sent()

    world.advance(20)
    assert world.sent() == ["CANCEL(480) > desk"]
    world.confirm_cancel(DESK)
    world.sent()
    world.advance(2)
    world.inject(MOBILE)

    assert world.sent() == ["INVITE > mobile"]
    world.answers(MOBILE, 200)
    assert world.sent() == ["200 > alice"]


def test_a_phone_that_rang_in_vain_makes_it_no_answer() -> None:
    world = ringing(DESK, ring_seconds=20)

    world.advance(20)

    assert world.sent() == ["CANCEL(480) > desk", "480 > alice"]
    assert world.answered[ALICE.host].headers(REASON) == ["Q.850;cause=19"]
    assert world.one(BranchCancelled).cause == 480


@pytest.mark.acceptance("H53")
def test_a_chatty_phone_does_not_outlast_the_call() -> None:
    world = ringing(DESK, policy=Policy(call_deadline=60))

    for _ in range(5):
        world.advance(10)
        world.answers(DESK, 180)
    world.sent()
    world.advance(10.1)

    assert world.sent() == ["CANCEL(480) > desk", "480 > alice"]


def test_timer_c_gives_up_a_phone_that_has_gone_quiet() -> None:
    """§16.8; every provisional above 100 starts it anew (§16.7 step 2)."""
    world = ringing(DESK, policy=Policy(call_deadline=10_000))

    world.advance(100)
    world.answers(DESK, 180)
    world.sent()
    world.advance(184)
    assert world.sent() == []
    world.advance(2)

    assert world.sent() == ["CANCEL(480) > desk", "480 > alice"]


def test_a_cancelled_phone_that_never_confirms_is_forgotten() -> None:
    world = ringing(DESK)
    world.cancels()
    world.acknowledges()

    world.advance(64)

    assert world.is_empty()


@pytest.mark.acceptance("H55")
def test_a_phone_that_ends_what_nobody_cancelled_does_not_make_the_call_cancelled() -> None:
    world = ringing(DESK)

    world.answers(DESK, 487)

    assert world.sent() == ["ACK > desk", "480 > alice"]


@pytest.mark.acceptance("H54")
def test_a_503_stays_with_us() -> None:
    world = ringing(DESK)

    world.answers(DESK, 503)

    assert world.sent() == ["ACK > desk", "500 > alice"]


@pytest.mark.acceptance("H40")
def test_a_contact_that_cannot_be_sent_to_does_not_spoil_the_others() -> None:
    world = World()
    world.call()
    stale = target("stale", DESK.flow._replace(host="192.0.2.99"))
    branches = world.fork(stale, DESK, MOBILE)
    world.core.transport_failed(branches[0].transaction, world.now)
    world.pump()

    world.answers(DESK, 180)
    world.answers(MOBILE, 180)

    assert [branch.state for branch in branches] == ["failed", "ringing", "ringing"]
    world.answers(DESK, 486)
    world.answers(MOBILE, 200)
    assert world.one(FinalSent).status == 200


def test_when_nothing_can_be_sent_at_all_the_caller_hears_that_nobody_is_there() -> None:
    world = World()
    world.call()
    (branch,) = world.fork(DESK)
    world.core.transport_failed(branch.transaction, world.now)
    world.pump()

    assert world.sent() == ["100 > alice", "INVITE > desk", "480 > alice"]
    assert [event.status for event in world.got(BranchFinal)] == [503]


def test_forking_to_nobody_without_a_hold_is_480() -> None:
    world = World()
    world.call()
    world.sent()

    world.fork()

    assert world.sent() == ["480 > alice"]


# declining


@pytest.mark.acceptance("H41")
def test_global_decline_ends_the_call_for_all_phones() -> None:
    world = ringing(DESK, MOBILE, policy=Policy(global_decline=True), hold=25)

    world.answers(DESK, 603)

    assert world.sent() == ["ACK > desk", "CANCEL(603) > mobile", "603 > alice"]
    assert world.one(HoldClosed).why == "final"
    with pytest.raises(TransactionFinal):
        world.inject(target("late", MOBILE.flow))


@pytest.mark.acceptance("H41")
def test_without_it_the_other_phones_ring_on() -> None:
    world = ringing(DESK, MOBILE)

    world.answers(DESK, 603)
    assert world.sent() == ["ACK > desk"]
    world.answers(MOBILE, 486)

    assert world.sent() == ["ACK > mobile", "486 > alice"]


def test_the_decline_of_the_only_phone_is_the_callers_answer() -> None:
    world = ringing(DESK)

    world.answers(DESK, 603)

    assert world.sent() == ["ACK > desk", "603 > alice"]


# late phones


@pytest.mark.acceptance("H22")
@pytest.mark.acceptance("H42")
def test_a_late_phone_joins_and_is_treated_like_the_first() -> None:
    world = World()
    world.call()
    world.hold(25)
    world.fork(DESK)
    world.sent()
    world.advance(2)

    world.inject(again(MOBILE))

    assert "INVITE > mobile" in world.sent()
    first, late = world.seen[DESK.flow.host, "INVITE"], world.seen[MOBILE.flow.host, "INVITE"]
    assert list(late.keys) == list(first.keys)
    assert late.header("record-route") != first.header("record-route")  # each names its own flow
    assert late.call_id == first.call_id
    assert [event.branch.source for event in world.got(BranchAdded)] == ["lookup", "event"]
    world.answers(MOBILE, 180)
    world.answers(MOBILE, 200)
    assert world.sent() == ["180 > alice", "200 > alice"]
    world.dialog("ACK", cseq=1)
    world.dialog("BYE")
    assert world.sent() == ["ACK > mobile", "BYE > mobile"]


@pytest.mark.acceptance("H43")
def test_a_late_phone_behind_another_edge_gets_its_path_as_route() -> None:
    world = World()
    world.call()
    world.hold(25)

    world.inject(again(MOBILE, route=("<sip:edge.example.net;lr;ob>",)))

    assert world.seen[MOBILE.flow.host, "INVITE"].headers("route") == ["<sip:edge.example.net;lr;ob>"]


@pytest.mark.acceptance("H24")
@pytest.mark.acceptance("H28")
def test_a_phone_that_rings_gets_no_second_invite() -> None:
    world = ringing(DESK, hold=25)

    world.inject(again(DESK))

    assert world.sent() == []
    assert world.one(InjectRejected).why == "duplicate"


def test_a_phone_that_shows_itself_alive_gets_the_same_invite_again_at_once() -> None:
    """Interop 2: the gap between retransmissions has grown to seconds by then."""
    world = World()
    world.call()
    world.hold(25)
    world.fork(MOBILE)
    world.advance(4)
    world.sent()

    world.inject(again(MOBILE))

    assert world.sent() == ["INVITE > mobile"]
    assert world.one(InjectRejected).why == "duplicate"
    assert len(world.got(BranchAdded)) == 1


@pytest.mark.acceptance("H25")
def test_a_phone_that_moved_before_it_said_anything_is_called_where_it_is() -> None:
    world = World()
    world.call()
    world.hold(25)
    old = target("old", MOBILE.flow._replace(port=5062), key=MOBILE.key)
    new = again(target("new", MOBILE.flow._replace(port=5064), key=MOBILE.key))
    (first,) = world.fork(old)
    world.sent()

    (second,) = world.inject(new)
    assert (first.state, first.excluded, second.state) == ("cancelled", True, "trying")
    assert world.sent() == ["INVITE > mobile"]
    invite = world.seen[MOBILE.flow.host, "INVITE"]
    world.advance(8)
    assert {bytes(message.data) for message in world.network.take()} == {invite.raw}  # the old one is not repeated
    world.answers(new, 486)

    assert world.sent() == ["ACK > mobile"]  # the hold goes on


def test_an_abandoned_phone_that_wakes_up_late_is_cancelled() -> None:
    world = World()
    world.call()
    world.hold(25)
    (first,) = world.fork(target("old", DESK.flow, key=MOBILE.key))
    invite = world.seen[DESK.flow.host, "INVITE"]
    world.inject(again(MOBILE))
    world.sent()

    world.receive(sip.response(invite.raw, 180, to_tag="old"), DESK.flow)

    assert world.sent() == ["CANCEL() > desk"]
    assert first.state == "cancelled"


@pytest.mark.acceptance("H26")
def test_a_phone_that_could_not_be_reached_is_tried_again_once_it_registers() -> None:
    world = World()
    world.call()
    world.hold(60)
    world.fork(MOBILE)
    world.advance(33)
    assert [event.status for event in world.got(BranchFinal)] == [408]
    world.sent()

    world.inject(MOBILE)
    assert world.sent() == []  # nothing new about it
    world.inject(again(MOBILE))

    assert world.sent() == ["INVITE > mobile"]
    assert world.one(InjectRejected).why == "duplicate"


@pytest.mark.acceptance("H27")
@pytest.mark.parametrize("status", [486, 600, 603, 480, 404])
def test_a_phone_that_has_declined_is_not_asked_again(status: int) -> None:
    world = ringing(MOBILE, hold=25)
    world.answers(MOBILE, status)
    world.sent()

    world.inject(again(MOBILE))

    assert world.sent() == []
    assert world.one(InjectRejected).why == "declined"


@pytest.mark.acceptance("H31")
def test_a_hold_for_two_takes_two() -> None:
    world = World()
    world.call()
    world.hold(25, branches=2)
    phones = [again(target(f"p{n}", DESK.flow._replace(port=6000 + n))) for n in range(3)]
    for phone in phones:
        world.inject(phone)

    assert world.one(HoldClosed).why == "count"
    assert [(event.target, event.why) for event in world.got(InjectRejected)] == [(phones[2], "limit")]
    world.sent()
    for branch in list(world.request.context.branches):
        world.receive(sip.response(branch.transaction.request.raw, 486), branch.target.flow)
    assert world.sent()[-1] == "486 > alice"


def test_the_last_flag_closes_the_hold() -> None:
    world = World()
    world.call()
    world.hold(25)

    world.inject(again(MOBILE), last=True)

    assert world.one(HoldClosed).why == "last-flag"
    world.answers(MOBILE, 486)
    assert world.one(FinalSent).status == 486


@pytest.mark.acceptance("H39")
def test_more_contacts_than_the_limit_are_refused_the_best_ones_tried() -> None:
    world = World(limits=Limits(branches=12))
    world.call()
    phones = [target(f"p{n}", DESK.flow._replace(port=6000 + n), q=n / 20) for n in range(15)]

    branches = world.fork(*phones)

    assert [branch.target for branch in branches] == phones[:2:-1]
    assert [(event.target, event.why) for event in world.got(InjectRejected)] == [
        (phone, "limit") for phone in phones[2::-1]
    ]


# holds of other kinds


@pytest.mark.acceptance("H44")
def test_a_message_waits_for_a_phone_to_wake_but_not_longer_than_its_sender() -> None:
    world = World()
    world.receive(sip.request("MESSAGE", body=b"hi", content_type="text/plain", branch="z9hG4bK-m1"), ALICE)
    world.hold(100)
    assert world.one(HoldOpened).seconds == 28
    world.advance(3)
    world.inject(again(MOBILE))
    assert world.sent() == ["MESSAGE > mobile"]
    world.responds(MOBILE, "MESSAGE", 200)
    assert world.sent() == ["200 > alice"]

    world.receive(sip.request("MESSAGE", body=b"hi", branch="z9hG4bK-m2", call_id="second"), ALICE)
    world.hold(100)
    world.advance(31)
    assert world.sent() == ["480 > alice"]
    world.advance(64)
    assert world.is_empty()


@pytest.mark.acceptance("H45")
@pytest.mark.parametrize("arguments", [{"seconds": 0}, {"seconds": -1}, {"seconds": 5, "branches": 0}])
def test_a_hold_that_makes_no_sense_is_refused(arguments: dict) -> None:
    world = World()
    world.call()

    with pytest.raises(InvalidWord):
        world.core.wait_for_new_branches(world.request, now=world.now, **arguments)


@pytest.mark.acceptance("H38")
def test_a_late_phone_is_not_called_over_a_connection_that_closed() -> None:
    world = World()
    world.call()
    world.hold(20)
    phone = again(target("tcp", DESK.flow._replace(transport="tcp", connection="w1-3")))
    world.core.flow_closed(phone.flow, world.now)
    world.sent()

    world.inject(phone)

    assert world.sent() == []
    assert world.one(InjectRejected).why == "no-flow"
