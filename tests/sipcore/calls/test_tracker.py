from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipcore.calls import CallTracker
from sipcore.contract.calls import BranchState, CallState
from sipcore.contract.events import CATALOGUE
from sipcore.proxy.events import HoldClosed, HoldOpened, InjectRejected, RequestReceived, TakeoverEnded
from sipcore.proxy.target import Target

from .story import ALICE, BOB, DAN, EPOCH, FLOW, Story

PARTIES = {"caller": ALICE, "callee": BOB, "callid": "call-c1"}
BRANCH = {
    "tx": "r-c1",
    "branch": "1",
    "uri": "sip:1@192.168.1.5",
    "aor": BOB,
    "flow_id": "udp:198.51.100.7:5060",
    "source": "lookup",
}


def test_an_answered_call_from_its_first_ring_to_its_bye():
    story = Story().known().add().ring()

    ringing = story.tracker.drain()

    assert ringing.states == [
        CallState(
            uid="c1",
            call_id="call-c1",
            caller=ALICE,
            caller_name="Alice",
            dialled="102",
            callee=BOB,
            state="ringing",
            groups=("sales",),
            started_at=EPOCH,
            ringing_at=EPOCH + 2,
            worker="worker-a",
            branches=(BranchState("1", BOB, "sip:1@192.168.1.5", "phone 1", "lookup", "ringing", 180, EPOCH + 1),),
        )
    ]
    assert (ringing.gone, ringing.records) == ([], [])
    assert ringing.events == [
        ("E_CALL_STARTED", {**PARTIES, "dialled": "102"}, "c1", "r-c1"),
        ("E_BRANCH_ADDED", BRANCH, "c1", "r-c1"),
        ("E_BRANCH_PROVISIONAL", {**BRANCH, "code": 180}, "c1", "r-c1"),
        ("E_CALL_RINGING", {**PARTIES, "groups": ["sales"], "since": EPOCH + 2}, "c1", "r-c1"),
    ]

    answered = story.answer().terminated().tracker.drain()

    (state,) = answered.states
    assert (state.state, state.code, state.answered_by, state.answered_at) == ("answered", 200, BOB, EPOCH + 4)
    assert state.branches[0].state == "answered"
    assert answered.events == [
        ("E_BRANCH_FINAL", {**BRANCH, "code": 200}, "c1", "r-c1"),
        ("E_CALL_ANSWERED", {**PARTIES, "answered_by": BOB, "ring_ms": 2000}, "c1", "r-c1"),
    ]

    ended = story.bye(by="to-bob").tracker.drain()

    assert (ended.states, ended.gone) == ([], ["c1"])
    (record,) = ended.records
    assert (record.state, record.reason, record.hangup_by, record.ended_at) == (
        "ended",
        "answered",
        "callee",
        EPOCH + 6,
    )
    assert ended.events == [
        (
            "E_CALL_ENDED",
            {**PARTIES, "final": 200, "reason": "answered", "answered_by": BOB, "ring_ms": 2000, "talk_ms": 2000},
            "c1",
            "r-c1",
        ),
    ]
    assert story.tracker.count == 0


def test_nothing_is_drained_when_nothing_happened():
    story = Story()
    assert story.tracker.drain() is None

    story.known()

    assert story.tracker.drain() is not None
    assert story.tracker.drain() is None


def test_many_events_of_one_turn_are_one_change():
    story = Story().known().add("1").add("2").ring("1").ring("2").ring("1", 183)

    assert len(story.tracker.drain().states) == 1


def test_only_what_changed_is_shown_again():
    tracker = CallTracker("worker-a")
    first, second = Story(tracker).known().add(), Story(tracker, name="c2").known().add()
    tracker.drain()

    second.ring()

    assert [state.uid for state in tracker.drain().states] == ["c2"]
    assert first.tracker.count == 2


@pytest.mark.parametrize(
    ("_case", "tell", "reason", "missed"),
    [
        ("busy", lambda s: s.add().end(status=486).final(486, id="1"), "busy", True),
        ("busy everywhere", lambda s: s.add().end(status=600).final(600, id="1"), "busy", True),
        ("declined", lambda s: s.add().ring().end(status=603).final(603, id="1"), "declined", False),
        ("caller gave up", lambda s: s.add().ring().final(487, "cancel").drop(cause=487), "cancelled", True),
        ("nobody came to the phone", lambda s: s.add().ring().drop(cause=480).final(480, "timeout"), "no-answer", True),
        ("its phone said so", lambda s: s.add().ring().end(status=480).final(480, id="1"), "no-answer", True),
        ("no phone there", lambda s: s.final(480, "local"), "unreachable", True),
        ("no phone woke up", lambda s: s.tell(HoldOpened(s.request, 20)).final(480, "timeout"), "unreachable", True),
        ("a phone that is silent", lambda s: s.add().end(status=408).final(408, "timeout"), "unreachable", True),
        ("a flow that failed", lambda s: s.add().end(status=430).final(430, id="1"), "unreachable", True),
        ("unknown number", lambda s: s.final(404, "local"), "failed", False),
        ("our fault", lambda s: s.final(500, "local"), "failed", False),
        ("moved", lambda s: s.add().end(status=302).final(302, id="1"), "failed", False),
        ("no final response ever", lambda s: s.add().terminated(), "failed", False),
    ],
)
def test_how_a_call_ended_is_said_in_one_word(_case, tell, reason, missed):
    story = tell(Story().known())

    changes = story.tracker.drain()

    assert [record.reason for record in changes.records] == [reason]
    assert changes.gone == ["c1"]
    names = [name for name, *_ in changes.events]
    assert names[-1] == "E_CALL_ENDED"
    assert (names[-2] == "E_CALL_MISSED") is missed


def test_what_the_phones_did_is_told_before_the_end():
    story = Story().known().add().ring()
    story.tracker.drain()

    story.final(487, "cancel").drop(cause=487)

    assert story.names() == ["E_BRANCH_CANCELLED", "E_CALL_MISSED", "E_CALL_ENDED"]


def test_the_record_shows_what_became_of_each_phone():
    story = Story().known().add("1").add("2").ring("1").ring("2").answer("1").drop("2", cause=200).bye()

    (record,) = story.tracker.drain().records

    assert [(b.id, b.state, b.code) for b in record.branches] == [("1", "answered", 200), ("2", "cancelled", 180)]


def test_a_phone_that_confirms_after_the_end_is_an_event_and_no_second_record():
    story = Story().known().add().ring().final(487, "cancel").drop(cause=487)
    story.tracker.drain()

    changes = story.end(status=487).terminated().tracker.drain()

    assert [name for name, *_ in changes.events] == ["E_BRANCH_FINAL"]
    assert (changes.states, changes.gone, changes.records) == ([], [], [])


def test_an_answer_that_crosses_its_cancel_does_not_answer_the_call():
    story = Story().known().add().ring().final(487, "cancel").drop(cause=487).end(status=200)

    (record,) = story.tracker.drain().records

    assert (record.reason, record.answered_at) == ("cancelled", 0.0)
    assert [(b.state, b.code) for b in record.branches] == [("cancelled", 200)]


# What is no call


def test_what_the_script_never_calls_a_call_is_nowhere_to_be_seen():
    """A challenge, a stray request, a refused stranger."""
    story = Story().tell(RequestReceived(Story().request)).add().final(407, "local").terminated()

    assert story.tracker.drain() is None
    assert story.tracker.count == 0


@pytest.mark.parametrize("options", [{"method": "MESSAGE"}, {"method": "OPTIONS"}, {"to_tag": "in-dialog"}])
def test_other_requests_and_re_invites_are_no_calls(options):
    story = Story(**options).known().add().ring().answer().terminated()

    assert story.tracker.drain() is None


def test_a_bye_of_another_dialog_ends_nothing():
    story = Story().known().add().answer()
    story.tracker.drain()

    Story(story.tracker, name="other").bye()

    assert story.tracker.drain() is None
    assert story.tracker.count == 1


# Waking, corrections, late words


def test_a_call_that_waits_for_sleeping_phones_shows_how_many():
    story = Story().known()
    story.tracker.waking(story.request, 2, story.now)

    (waking,) = story.tracker.drain().states
    (ringing,) = story.add(source="event").ring().tracker.drain().states

    assert (waking.state, waking.waking) == ("waking", 2)
    assert (ringing.state, ringing.waking) == ("ringing", 2)


def test_waking_does_not_take_back_that_a_phone_rings():
    story = Story().known().add().ring()
    story.tracker.waking(story.request, 1, story.now)

    assert story.tracker.drain().states[0].state == "ringing"


def test_who_is_called_may_be_corrected():
    story = Story().known("old@pbx.example").known(BOB)

    changes = story.tracker.drain()

    assert [state.callee for state in changes.states] == [BOB]
    assert [name for name, *_ in changes.events] == ["E_CALL_STARTED"]


@pytest.mark.parametrize("gone", [False, True])
def test_a_caller_who_gave_up_before_he_was_looked_up_leaves_a_record(gone):
    story = Story()
    story.request.is_cancelled = True
    story.request.transaction = None if gone else SimpleNamespace(is_final=True)

    story.known()

    changes = story.tracker.drain()
    assert [(record.reason, record.code) for record in changes.records] == [("cancelled", 487)]
    assert story.names() == []
    assert story.tracker.count == 0


def test_the_hold_and_refused_targets_are_told():
    story = Story().known()
    story.tracker.drain()
    target = Target("sip:1@192.168.1.5", FLOW)

    story.tell(HoldOpened(story.request, 20)).tell(HoldOpened(story.request, 20, 2))
    story.tell(InjectRejected(story.request, target, "duplicate")).tell(HoldClosed(story.request, "deadline"))

    assert story.tracker.drain().events == [
        ("E_WAIT_ARMED", {"tx": "r-c1", "seconds": 20.0, "branches": 0, "deadline": EPOCH + 21}, "c1", "r-c1"),
        ("E_WAIT_ARMED", {"tx": "r-c1", "seconds": 20.0, "branches": 2, "deadline": EPOCH + 22}, "c1", "r-c1"),
        (
            "E_INJECT_REJECTED",
            {"tx": "r-c1", "uri": "sip:1@192.168.1.5", "aor": "", "source": "lookup", "why": "duplicate"},
            "c1",
            "r-c1",
        ),
        ("E_WAIT_CLOSED", {"tx": "r-c1", "why": "deadline"}, "c1", "r-c1"),
    ]


# Pickup


def picked(story: Story) -> str:
    changes = story.tracker.drain()
    return (changes.states or changes.records)[0].picked_by


def test_the_board_says_who_picks_while_his_phone_rings():
    story = Story().known().add().ring().add("2", aor=DAN, source="pickup").tell_takeover()

    assert picked(story) == DAN


def test_a_call_that_was_picked_says_so_for_good():
    story = Story().known().add().ring().add("2", aor=DAN, source="pickup").tell_takeover()

    story.ring("2").answer("2").drop("1").tell(TakeoverEnded(story.request, "t", "done")).bye()

    (record,) = story.tracker.drain().records
    assert (record.picked_by, record.answered_by) == (DAN, DAN)


@pytest.mark.parametrize("outcome", ["failed", "timeout"])
def test_a_pickup_that_failed_is_taken_back(outcome):
    story = Story().known().add().ring().add("2", aor=DAN, source="pickup").tell_takeover()

    story.tell(TakeoverEnded(story.request, "t", outcome))

    assert picked(story) == ""


def test_a_call_that_its_own_phone_answered_first_was_not_picked():
    story = Story().known().add().ring().add("2", aor=DAN, source="pickup").tell_takeover()

    story.answer("1").tell(TakeoverEnded(story.request, "t", "lost")).drop("2")

    (state,) = story.tracker.drain().states
    assert (state.picked_by, state.answered_by) == ("", BOB)


def test_a_call_that_ended_under_the_pickers_hands_was_not_picked():
    story = Story().known().add().ring().add("2", aor=DAN, source="pickup").tell_takeover()

    story.final(487, "cancel").tell(TakeoverEnded(story.request, "t", "caller-gone"))

    assert picked(story) == ""


# Lost calls


def test_an_answered_call_without_bye_is_lost_after_half_a_day():
    story = Story().known().add().answer().terminated()
    story.tracker.drain()

    other = Story(story.tracker, name="c2", method="OPTIONS")
    other.now = story.now + 12 * 3600 - 5
    assert other.tell(RequestReceived(other.request)).tracker.drain() is None
    other.now = story.now + 12 * 3600

    changes = other.tell(RequestReceived(other.request)).tracker.drain()

    assert [(record.uid, record.reason) for record in changes.records] == [("c1", "lost")]
    assert story.tracker.count == 0


def test_the_longest_talk_makes_room():
    tracker = CallTracker("worker-a", max_calls=2)
    for number in range(3):
        Story(tracker, name=f"c{number}").known().add().answer()

    changes = tracker.drain()

    assert [(record.uid, record.reason) for record in changes.records] == [("c0", "lost")]
    assert tracker.count == 2


def test_a_worker_that_goes_leaves_no_call_behind():
    tracker = CallTracker("worker-a")
    Story(tracker).known().add().answer()
    Story(tracker, name="c2").known().add().ring()
    tracker.drain()

    tracker.shut_down(EPOCH + 60)

    assert [(record.uid, record.reason) for record in tracker.drain().records] == [("c1", "lost"), ("c2", "lost")]
    assert tracker.count == 0


def test_a_call_that_spirals_through_us_ends_with_one_bye():
    tracker = CallTracker("worker-a")
    outer, inner = Story(tracker).known().add().answer(), Story(tracker)
    inner.request.id, inner.request.call_uid = "r-inner", "inner"
    inner.known().add().answer()
    tracker.drain()

    outer.bye()

    assert tracker.drain().gone == ["c1", "inner"]


# Whatever happens

STEPS = {
    "ring 1": lambda s: s.ring("1"),
    "ring 2": lambda s: s.ring("2", 183),
    "drop 1": lambda s: s.drop("1"),
    "end 1": lambda s: s.end("1", 487),
    "end 2": lambda s: s.end("2", 200),
    "wake": lambda s: s.tracker.waking(s.request, 1, s.now),
    "known again": lambda s: s.known(),
    "takeover": lambda s: s.add("3", aor=DAN, source="pickup"),
    "takeover over": lambda s: s.tell(TakeoverEnded(s.request, "t", "failed")),
    "hold": lambda s: s.tell(HoldOpened(s.request, 20)),
    "hold closed": lambda s: s.tell(HoldClosed(s.request, "final")),
    "bye": lambda s: s.bye(),
    "answer": lambda s: s.final(200, id="1"),
    "busy": lambda s: s.final(486, id="2"),
    "cancel": lambda s: s.final(487, "cancel"),
    "gone": lambda s: s.terminated(),
    "drain": lambda s: None,
}
FINALS = {"answer", "busy", "cancel"}
ENDINGS = {"busy", "cancel", "gone"}


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=25))
def test_whatever_happens_a_call_leaves_once_with_one_record(steps):
    story = Story().known().add("1").add("2")
    drained = []
    happened: list[str] = []
    for step in steps:
        is_gone = story.request.transaction is None
        if (is_gone and step not in ("bye", "drain")) or (step in FINALS and FINALS & set(happened)):
            continue  # the core sends one final response, and tells nothing of a transaction that is gone but BYE
        STEPS[step](story)
        happened.append(step)
        if step == "gone":
            story.request.transaction = None
        if step == "drain":
            drained.append(story.tracker.drain())
    drained.append(story.tracker.drain())

    changes = [each for each in drained if each is not None]
    gone = [uid for each in changes for uid in each.gone]
    records = [record.uid for each in changes for record in each.records]
    names = [name for each in changes for name, *_ in each.events]
    is_over = ("answer" in happened and "bye" in happened) or (
        "answer" not in happened and bool(ENDINGS & set(happened))
    )
    assert gone == records == (["c1"] if is_over else [])
    assert story.tracker.count == (0 if is_over else 1)
    assert names.count("E_CALL_STARTED") == 1
    assert names.count("E_CALL_ENDED") == len(gone)
    assert names.count("E_CALL_RINGING") <= 1
    if is_over:
        left = next(number for number, each in enumerate(changes) if each.gone)
        assert not any(each.states for each in changes[left:])


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=25))
def test_every_event_has_exactly_the_attributes_that_are_declared(steps):
    story = Story().known().add("1").add("2")
    for step in steps:
        if story.request.transaction is not None:
            STEPS[step](story)
    story.tell(InjectRejected(story.request, Target("sip:x@h", FLOW), "limit")).final(480, "local")

    for name, attributes, call_uid, cause in story.tracker.drain().events:
        assert {key: type(value) for key, value in attributes.items()} == dict(CATALOGUE[name].attributes)
        assert (call_uid, cause) == ("c1", "r-c1")
