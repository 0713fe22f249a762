from __future__ import annotations

import pytest

from sipcore.syntax import parse_message
from sipcore.transaction.non_invite_client import NonInviteClientTransaction
from tests.support import sip

from .rig import TCP, Case, Rig, finish, play_client
from .rows import missing_rows, rows_walked

BYE = sip.bye(branch="z9hG4bK-edge-1")

CASES = {
    "an_unanswered_request_is_repeated_at_intervals_up_to_t2_and_times_out": Case(
        "RFC 3261 §17.1.2.2: timer E doubles up to T2; timer F",
        steps=(),
        trace=[
            *[(when, "send BYE") for when in (0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)],
            (32, "timed out"),
        ],
        ends=32,
    ),
    "a_reliable_transport_repeats_nothing": Case(
        "RFC 3261 §17.1.2.2: timer E is for unreliable transports",
        flow=TCP,
        steps=(),
        trace=[(0, "send BYE"), (32, "timed out")],
        ends=32,
    ),
    "after_a_provisional_it_is_repeated_every_t2": Case(
        "RFC 3261 §17.1.2.2: in Proceeding timer E MUST be reset to T2",
        steps=((0.1, 100), (0.2, 183)),
        trace=[
            (0, "send BYE"),
            (0.1, "got 100"),
            (0.2, "got 183"),
            *[(when, "send BYE") for when in (0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5)],
            (32, "timed out"),
        ],
        ends=32,
    ),
    "further_finals_are_absorbed_until_timer_k": Case(
        "RFC 3261 §17.1.2.2: Completed, timer K is T4",
        steps=((0.1, 200), (0.2, 200), (4, 486), (4.5, 100)),
        trace=[(0, "send BYE"), (0.1, "got 200")],
        ends=5.1,
    ),
    "a_final_after_a_provisional": Case(
        "RFC 3261 §17.1.2.2",
        steps=((0.1, 100), (0.2, 481)),
        trace=[(0, "send BYE"), (0.1, "got 100"), (0.2, "got 481")],
        ends=5.2,
    ),
    "over_a_reliable_transport_a_final_ends_it_at_once": Case(
        "RFC 3261 §17.1.2.2: timer K is zero for reliable transports",
        flow=TCP,
        steps=((0.1, 200),),
        trace=[(0, "send BYE"), (0.1, "got 200")],
        ends=0.1,
    ),
    "a_transport_error": Case(
        "RFC 3261 §17.1.4",
        steps=((0.1, "error"),),
        trace=[(0, "send BYE"), (0.1, "transport failed")],
        ends=0.1,
    ),
    "a_transport_error_after_a_provisional": Case(
        "RFC 3261 §17.1.4",
        steps=((0.1, 100), (0.2, "error")),
        trace=[(0, "send BYE"), (0.1, "got 100"), (0.2, "transport failed")],
        ends=0.2,
    ),
    "a_transport_error_after_the_final_says_nothing_new": Case(
        "RFC 3261 §17.1.2.2: Completed only waits",
        steps=((0.1, 200), (0.2, "error")),
        trace=[(0, "send BYE"), (0.1, "got 200")],
        ends=5.1,
    ),
    "an_abandoned_request_is_silent": Case(
        "abandon: no retransmission, no report",
        steps=((0.1, "abandon"),),
        trace=[(0, "send BYE")],
        ends=32,
    ),
    "the_response_to_an_abandoned_request_is_not_reported": Case(
        "abandon",
        steps=((0.1, 100), (0.2, "abandon"), (3, 200)),
        trace=[(0, "send BYE"), (0.1, "got 100")],
        ends=8,
    ),
    "only_an_invite_can_be_cancelled_or_nudged": Case(
        "RFC 3261 §9.1: a CANCEL SHOULD NOT be sent for anything but an INVITE",
        steps=((0.1, "cancel"), (0.1, "nudge"), (0.2, 200)),
        trace=[(0, "send BYE"), (0.2, "got 200")],
        ends=5.2,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_non_invite_client(case):
    rig = play_client(case, BYE)

    finish(rig, case)


def test_the_cases_walk_through_the_whole_table(monkeypatch):
    def play():
        for case in CASES.values():
            play_client(case, BYE).run_out()

    walked = rows_walked(monkeypatch, play)

    assert {(state, given) for _, state, given in walked} == set(NonInviteClientTransaction.TABLE)


@pytest.mark.parametrize(("state", "given"), missing_rows(NonInviteClientTransaction))
def test_what_is_not_in_the_table_is_absorbed(state, given):
    rig = Rig()
    transaction = rig.start(BYE)
    transaction.state = state
    rig.trace.clear()

    transaction.step(given, 0.0, parse_message(sip.response(BYE, 200)))

    assert (transaction.state, rig.trace, rig.layer.client_count) == (state, [], 1)
