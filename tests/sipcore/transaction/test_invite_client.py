from __future__ import annotations

import pytest

from sipcore.syntax import parse_message
from sipcore.transaction import State
from sipcore.transaction.invite_client import InviteClientTransaction
from tests.support import sip

from .rig import TCP, Case, Rig, finish, play_client
from .rows import missing_rows, rows_walked

INVITE = sip.invite(branch="z9hG4bK-edge-1", routes=["<sip:edge.example.org;lr>"])
SENT_UNTIL_TIMER_B = [(when, "send INVITE") for when in (0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5)]

CASES = {
    "an_unanswered_invite_is_repeated_at_doubling_intervals_and_times_out": Case(
        "RFC 3261 §17.1.1.2: timer A MUST double; timer B: MUST inform the TU",
        steps=(),
        trace=[*SENT_UNTIL_TIMER_B, (32, "timed out")],
        ends=32,
    ),
    "a_reliable_transport_repeats_nothing": Case(
        "RFC 3261 §17.1.1.2: timer A MUST NOT be started over a reliable transport",
        flow=TCP,
        steps=(),
        trace=[(0, "send INVITE"), (32, "timed out")],
        ends=32,
    ),
    "a_provisional_ends_retransmission_and_timer_b": Case(
        "RFC 3261 §17.1.1.2: in Proceeding the client SHOULD NOT retransmit",
        steps=((0.7, 100), (100, 180), (200, 486)),
        trace=[
            (0, "send INVITE"),
            (0.5, "send INVITE"),
            (0.7, "got 100"),
            (100, "got 180"),
            (200, "send ACK"),
            (200, "got 486"),
        ],
        ends=232,
    ),
    "a_repeated_rejection_is_acknowledged_again_and_told_once": Case(
        "RFC 3261 §17.1.1.2: a retransmitted final MUST cause the ACK, MUST NOT be passed up; timer D at least 32 s",
        steps=((0.1, 486), (0.6, 486), (20, 486)),
        trace=[
            (0, "send INVITE"),
            (0.1, "send ACK"),
            (0.1, "got 486"),
            (0.6, "send ACK"),
            (20, "send ACK"),
        ],
        ends=32.1,
    ),
    "over_a_reliable_transport_a_rejection_ends_it_at_once": Case(
        "RFC 3261 §17.1.1.2: timer D is zero for reliable transports",
        flow=TCP,
        steps=((0.1, 180), (0.2, 486)),
        trace=[(0, "send INVITE"), (0.1, "got 180"), (0.2, "send ACK"), (0.2, "got 486")],
        ends=0.2,
    ),
    "every_2xx_is_passed_up_until_timer_m_and_none_acknowledged": Case(
        "RFC 6026 §8.4: Accepted; each 2xx MUST be passed to the TU, and no ACK generated",
        steps=((0.1, 200), (0.6, 200), (32.05, 200)),
        trace=[(0, "send INVITE"), (0.1, "got 200"), (0.6, "got 200"), (32.05, "got 200")],
        ends=32.1,
    ),
    "timer_m_does_not_depend_on_the_transport": Case(
        "RFC 6026 §8.4: timer M is 64*T1",
        flow=TCP,
        steps=((0.1, 180), (0.2, 200)),
        trace=[(0, "send INVITE"), (0.1, "got 180"), (0.2, "got 200")],
        ends=32.2,
    ),
    "an_answer_absorbs_what_comes_after_it_but_2xx": Case(
        "RFC 6026 §7.2",
        steps=((0.1, 200), (0.2, 180), (0.3, 486)),
        trace=[(0, "send INVITE"), (0.1, "got 200")],
        ends=32.1,
    ),
    "a_rejection_absorbs_late_provisionals_and_lets_a_late_2xx_through": Case(
        "departure: the phone that answered gets its ACK and BYE",
        steps=((0.1, 408), (0.2, 180), (0.3, 200)),
        trace=[(0, "send INVITE"), (0.1, "send ACK"), (0.1, "got 408"), (0.3, "got 200")],
        ends=32.1,
    ),
    "a_transport_error_before_any_response": Case(
        "RFC 3261 §17.1.4: the TU SHOULD be informed, and the transaction terminates",
        steps=((0.1, "error"), (0.2, "error")),
        trace=[(0, "send INVITE"), (0.1, "transport failed")],
        ends=0.2,
    ),
    "a_connection_that_breaks_while_the_phone_rings": Case(
        "departure: Proceeding ends by a transport error",
        flow=TCP,
        steps=((0.1, 180), (5, "error")),
        trace=[(0, "send INVITE"), (0.1, "got 180"), (5, "transport failed")],
        ends=5,
    ),
    "an_ack_that_cannot_be_sent": Case(
        "RFC 3261 §17.1.1.2: Completed ends by a transport error; departure: it is not reported",
        steps=((0.1, 486), (0.2, "error")),
        trace=[(0, "send INVITE"), (0.1, "send ACK"), (0.1, "got 486")],
        ends=0.2,
    ),
    "a_cancel_waits_for_the_first_provisional": Case(
        "RFC 3261 §9.1: the CANCEL MUST NOT be sent before a provisional",
        flow=TCP,
        steps=((0.1, "cancel"), (0.2, "cancel"), (3, 100), (3.1, 180), (3.2, 487)),
        trace=[
            (0, "send INVITE"),
            (3, "send CANCEL"),
            (3, "got 100"),
            (3.1, "got 180"),
            (3.2, "send ACK"),
            (3.2, "got 487"),
        ],
        ends=35,  # the CANCEL itself is never answered here: its timer F
    ),
    "a_cancelled_invite_that_nobody_answers_is_repeated_until_timer_b": Case(
        "RFC 3261 §9.1",
        steps=((0.1, "cancel"),),
        trace=[*SENT_UNTIL_TIMER_B, (32, "timed out")],
        ends=32,
    ),
    "a_ringing_invite_is_cancelled_at_once_and_once": Case(
        "RFC 3261 §9.1",
        flow=TCP,
        steps=((0.1, 180), (1, "cancel"), (2, "cancel"), (3, 487)),
        trace=[
            (0, "send INVITE"),
            (0.1, "got 180"),
            (1, "send CANCEL"),
            (3, "send ACK"),
            (3, "got 487"),
        ],
        ends=33,
    ),
    "a_cancelled_invite_without_final_response_is_given_up_after_64_t1": Case(
        "RFC 3261 §9.1: no final in 64*T1: consider it cancelled, destroy it",
        flow=TCP,
        steps=((0.1, 180), (1, "cancel"), (20, 180)),
        trace=[(0, "send INVITE"), (0.1, "got 180"), (1, "send CANCEL"), (20, "got 180"), (33, "timed out")],
        ends=33,
    ),
    "timer_d_starts_anew_after_a_cancel": Case(
        "RFC 3261 §17.1.1.2: timer D at least 32 s, whatever ran before it",
        steps=((0.1, 180), (1, "cancel"), (3, 487), (34, 487)),
        trace=[
            (0, "send INVITE"),
            (0.1, "got 180"),
            (1, "send CANCEL"),
            (1.5, "send CANCEL"),
            (2.5, "send CANCEL"),
            (3, "send ACK"),
            (3, "got 487"),
            *[(when, "send CANCEL") for when in (4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5, 32.5)],
            (34, "send ACK"),
        ],
        ends=35,
    ),
    "a_2xx_that_crosses_the_cancel_is_passed_up": Case(
        "RFC 3261 §9.1: a CANCEL has no effect on a request that has been answered",
        flow=TCP,
        steps=((0.1, "cancel"), (0.2, 200), (0.3, "cancel")),
        trace=[(0, "send INVITE"), (0.2, "got 200")],
        ends=32.2,
    ),
    "an_abandoned_invite_is_silent": Case(
        "abandon: no retransmission, no CANCEL, no report",
        steps=((0.6, "abandon"),),
        trace=[(0, "send INVITE"), (0.5, "send INVITE")],
        ends=32,
    ),
    "a_phone_that_wakes_up_after_its_invite_was_abandoned_is_heard": Case(
        "abandon: late 1xx and 2xx are reported, a rejection is acknowledged only",
        steps=((0.1, "abandon"), (9, 180), (10, 200), (11, 200)),
        trace=[(0, "send INVITE"), (9, "got 180"), (10, "got 200"), (11, "got 200")],
        ends=42,
    ),
    "a_rejection_of_an_abandoned_invite_is_acknowledged_only": Case(
        "abandon",
        steps=((0.1, "abandon"), (9, 486)),
        trace=[(0, "send INVITE"), (9, "send ACK")],
        ends=41,
    ),
    "an_abandoned_invite_that_rings_is_forgotten_three_minutes_after_it_was_sent": Case(
        "abandon: everything ends",
        steps=((0.1, 180), (30, "abandon"), (31, "abandon")),
        trace=[(0, "send INVITE"), (0.1, "got 180")],
        ends=180,
    ),
    "an_abandoned_invite_that_rings_late_is_forgotten_then_too": Case(
        "abandon: everything ends",
        steps=((0.1, "abandon"), (30, 180)),
        trace=[(0, "send INVITE"), (30, "got 180")],
        ends=180,
    ),
    "an_abandoned_invite_may_still_be_cancelled": Case(
        "abandon, then cancel: the CANCEL bounds it",
        flow=TCP,
        steps=((0.1, "abandon"), (5, 180), (6, "cancel"), (7, "abandon")),
        trace=[(0, "send INVITE"), (5, "got 180"), (6, "send CANCEL")],
        ends=38,
    ),
    "an_abandoned_invite_reports_no_transport_error": Case(
        "abandon",
        steps=((0.1, "abandon"), (0.2, "error")),
        trace=[(0, "send INVITE")],
        ends=0.2,
    ),
    "a_nudge_repeats_an_unanswered_invite_and_leaves_the_schedule_alone": Case(
        "interop 2: the gap between retransmissions has grown to many seconds",
        steps=((9, "nudge"), (15.6, 180), (16, "nudge"), (17, 486), (18, "nudge")),
        trace=[
            *[(when, "send INVITE") for when in (0, 0.5, 1.5, 3.5, 7.5, 9, 15.5)],
            (15.6, "got 180"),
            (17, "send ACK"),
            (17, "got 486"),
        ],
        ends=49,
    ),
    "a_nudge_does_nothing_over_a_reliable_transport": Case(
        "RFC 3261 §17.1.1.2: nothing is repeated over a reliable transport",
        flow=TCP,
        steps=((9, "nudge"),),
        trace=[(0, "send INVITE"), (32, "timed out")],
        ends=32,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_invite_client(case):
    rig = play_client(case, INVITE)

    finish(rig, case)


def test_the_cases_walk_through_the_whole_table(monkeypatch):
    def play():
        for case in CASES.values():
            play_client(case, INVITE).run_out()

    walked = rows_walked(monkeypatch, play)

    assert {(state, given) for machine, state, given in walked if machine is InviteClientTransaction} == set(
        InviteClientTransaction.TABLE
    )


@pytest.mark.parametrize(("state", "given"), missing_rows(InviteClientTransaction))
def test_what_is_not_in_the_table_is_absorbed(state, given):
    rig = Rig()
    transaction = rig.start(INVITE)
    transaction.state = state
    rig.trace.clear()

    transaction.step(given, 0.0, parse_message(sip.response(INVITE, 200)))

    assert (transaction.state, rig.trace, rig.layer.client_count) == (state, [], 1)


def test_the_ack_to_a_rejection_is_the_invites_but_for_the_to_tag():
    """RFC 3261 §17.1.1.3: Request-URI, Call-ID, From, CSeq number, top Via and Route of the INVITE; To of the response."""
    rig = Rig()
    rig.start(INVITE)

    rig.response(sip.response(INVITE, 486, to_tag="busy"))

    ack, invite = rig.sent[-1].message, parse_message(INVITE)
    assert (ack.method, ack.target, ack.to_tag) == ("ACK", invite.target, "busy")
    for name in ("from", "call-id", "via", "route"):
        assert ack.headers(name) == invite.headers(name)
    assert (ack.cseq_number, ack.cseq_method, ack.body) == (1, "ACK", b"")


def test_a_held_cancel_keeps_the_reason_it_was_first_given():
    rig = Rig()
    transaction = rig.start(INVITE)
    rig.layer.cancel(transaction, 0.1, [("Reason", 'SIP;cause=200;text="Call completed elsewhere"')])
    rig.layer.cancel(transaction, 0.2, [("Reason", "SIP;cause=480")])
    assert not transaction.cancel_sent

    rig.response(sip.response(INVITE, 180))

    cancel = rig.sent[-1].message
    assert transaction.cancel_sent
    assert cancel.headers("reason") == ['SIP;cause=200;text="Call completed elsewhere"']
    assert cancel.top_via.branch == transaction.branch


@pytest.mark.parametrize("status", [200, 481])
def test_what_becomes_of_the_cancel_is_not_reported(status):
    """RFC 3261 §9.1: only the final response to the INVITE counts."""
    rig = Rig()
    transaction = rig.start(INVITE)
    rig.response(sip.response(INVITE, 180))
    rig.layer.cancel(transaction, rig.now)
    cancel = rig.sent[-1]
    rig.trace.clear()

    rig.response(sip.response(cancel.data, status))
    rig.layer.transport_failed(cancel.transaction, rig.now)

    assert rig.trace == []
    assert transaction.state is State.PROCEEDING


def test_an_unanswered_cancel_is_repeated_like_any_request():
    rig = Rig()
    transaction = rig.start(INVITE)
    rig.response(sip.response(INVITE, 180))
    rig.layer.cancel(transaction, rig.now)
    rig.trace.clear()

    rig.run_out()

    cancels = [when for when, what in rig.trace if what == "send CANCEL"]
    assert cancels == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert rig.trace[-1] == (32, "timed out")


def test_each_phone_that_answers_behind_a_forking_proxy_is_heard():
    """RFC 6026 §8.4: 2xx from other To tags."""
    answers = []

    class Heard(Rig):
        def response_received(self, transaction, response, now):
            answers.append((response.status, response.to_tag))

    rig = Heard()
    rig.start(INVITE)

    for tag in ("bob", "desk", "bob"):
        rig.response(sip.response(INVITE, 200, to_tag=tag))

    assert answers == [(200, "bob"), (200, "desk"), (200, "bob")]


def test_the_user_may_cancel_from_within_the_first_provisional():
    class Hasty(Rig):
        def response_received(self, transaction, response, now):
            super().response_received(transaction, response, now)
            self.layer.cancel(transaction, now)

    rig = Hasty()
    rig.start(INVITE)

    rig.response(sip.response(INVITE, 180))

    assert rig.trace == [(0, "send INVITE"), (0, "got 180"), (0, "send CANCEL")]
