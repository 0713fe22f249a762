from __future__ import annotations

import pytest

from sipcore.syntax import parse_message
from sipcore.transaction import State
from sipcore.transaction.invite_server import InviteServerTransaction
from tests.support import sip

from .rig import TCP, Case, Rig, finish, play_server
from .rows import missing_rows, rows_walked

INVITE = sip.invite()

CASES = {
    "a_repeated_invite_is_answered_with_the_last_provisional": Case(
        "RFC 3261 §17.2.1: the most recent provisional MUST be retransmitted",
        steps=((0.1, "INVITE"), (0.2, 100), (0.5, "INVITE"), (1, 180), (1.5, "INVITE"), (2, "error")),
        trace=[
            (0, "got INVITE"),
            (0.2, "send 100"),
            (0.5, "send 100"),
            (1, "send 180"),
            (1.5, "send 180"),
            (2, "INVITE terminated"),
        ],
        ends=2,
    ),
    "a_rejection_is_repeated_up_to_t2_until_timer_h": Case(
        "RFC 3261 §17.2.1: timer G doubles up to T2; timer H: the TU MUST be told, the transaction destroyed",
        steps=((0, 486),),
        trace=[
            (0, "got INVITE"),
            *[(when, "send 486") for when in (0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)],
            (32, "ACK missing"),
            (32, "INVITE terminated"),
        ],
        ends=32,
    ),
    "over_a_reliable_transport_a_rejection_is_sent_once": Case(
        "RFC 3261 §17.2.1: timer G is for unreliable transports, timer H for all",
        flow=TCP,
        steps=((0, 486),),
        trace=[(0, "got INVITE"), (0, "send 486"), (32, "ACK missing"), (32, "INVITE terminated")],
        ends=32,
    ),
    "the_ack_ends_retransmission_and_further_acks_are_absorbed": Case(
        "RFC 3261 §17.2.1: Confirmed absorbs ACKs for timer I, which is T4",
        steps=((0.1, 486), (0.2, "ACK"), (0.3, "ACK"), (0.4, "INVITE"), (0.5, 200)),
        trace=[
            (0, "got INVITE"),
            (0.1, "send 486"),
            (0.2, "acknowledged"),
            (5.2, "INVITE terminated"),
        ],
        ends=5.2,
    ),
    "over_a_reliable_transport_the_ack_ends_it": Case(
        "RFC 3261 §17.2.1: timer I is zero for reliable transports",
        flow=TCP,
        steps=((0.1, 486), (0.2, "ACK")),
        trace=[(0, "got INVITE"), (0.1, "send 486"), (0.2, "acknowledged"), (0.2, "INVITE terminated")],
        ends=0.2,
    ),
    "a_repeated_invite_after_a_rejection_is_answered_with_it": Case(
        "RFC 3261 §17.2.1: in Completed the final response is passed to the transport again",
        steps=((0, 486), (0.1, "INVITE"), (0.7, "INVITE"), (1, "error")),
        trace=[
            (0, "got INVITE"),
            (0, "send 486"),
            (0.1, "send 486"),
            (0.5, "send 486"),
            (0.7, "send 486"),
            (1, "INVITE terminated"),
        ],
        ends=1,
    ),
    "after_a_2xx_repeated_invites_are_absorbed_and_further_2xx_sent": Case(
        "RFC 6026 §7.1: Accepted; no response to INVITE retransmissions, the TU's 2xx pass, timer L",
        steps=((0.1, 180), (1, 200), (1.5, "INVITE"), (2, 200), (3, 200)),
        trace=[
            (0, "got INVITE"),
            (0.1, "send 180"),
            (1, "send 200"),
            (2, "send 200"),
            (3, "send 200"),
            (33, "INVITE terminated"),
        ],
        ends=33,
    ),
    "an_ack_in_accepted_belongs_to_the_user": Case(
        "RFC 6026 §7.1: an ACK received in Accepted MUST be passed to the TU",
        steps=((0, 200), (0.1, "ACK"), (0.2, "ACK")),
        trace=[(0, "got INVITE"), (0, "send 200"), (0.1, "got ACK"), (0.2, "got ACK"), (32, "INVITE terminated")],
        ends=32,
    ),
    "after_a_2xx_nothing_else_is_sent_and_no_error_ends_it": Case(
        "RFC 6026 §7.1; departure: a transport error in Accepted is absorbed",
        steps=((0, 200), (0.1, 180), (0.2, 486), (0.3, "error")),
        trace=[(0, "got INVITE"), (0, "send 200"), (32, "INVITE terminated")],
        ends=32,
    ),
    "after_a_rejection_further_responses_are_discarded": Case(
        "RFC 3261 §17.2.1",
        flow=TCP,
        steps=((0, 486), (0.1, 200), (0.2, 180), (0.3, 603), (0.4, "ACK")),
        trace=[(0, "got INVITE"), (0, "send 486"), (0.4, "acknowledged"), (0.4, "INVITE terminated")],
        ends=0.4,
    ),
    "a_transport_error_in_confirmed_changes_nothing": Case(
        "RFC 3261 §17.2.1, figure 7",
        steps=((0, 486), (0.1, "ACK"), (0.2, "error")),
        trace=[(0, "got INVITE"), (0, "send 486"), (0.1, "acknowledged"), (5.1, "INVITE terminated")],
        ends=5.1,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_invite_server(case):
    rig = play_server(case, INVITE)

    finish(rig, case)


def test_the_cases_walk_through_the_whole_table(monkeypatch):
    def play():
        for case in CASES.values():
            play_server(case, INVITE).run_out()

    walked = rows_walked(monkeypatch, play)

    assert {(state, given) for _, state, given in walked} == set(InviteServerTransaction.TABLE)


@pytest.mark.parametrize(("state", "given"), missing_rows(InviteServerTransaction))
def test_what_is_not_in_the_table_is_absorbed(state, given):
    rig = Rig()
    rig.request(INVITE)
    (transaction,) = rig.servers
    transaction.state = state
    rig.trace.clear()

    transaction.step(given, 0.0, parse_message(sip.response(INVITE, 200)))

    assert (transaction.state, rig.trace, rig.layer.server_count) == (state, [], 1)


def test_is_final_once_a_final_response_was_sent():
    rig = Rig()
    rig.request(INVITE)
    (transaction,) = rig.servers

    seen = [(transaction.is_final, transaction.last_response)]
    for status in (180, 486):
        rig.respond(transaction, status)
        seen.append((transaction.is_final, parse_message(transaction.last_response).status))

    assert seen == [(False, None), (False, 180), (True, 486)]
    assert transaction.state is State.COMPLETED


def test_the_user_may_answer_from_within_the_request():
    class Prompt(Rig):
        def request_received(self, transaction, now):
            super().request_received(transaction, now)
            self.respond(transaction, 404)

    rig = Prompt()

    rig.request(INVITE)

    assert rig.trace == [(0, "got INVITE"), (0, "send 404")]
