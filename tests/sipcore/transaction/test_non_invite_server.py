from __future__ import annotations

import pytest

from sipcore.syntax import parse_message
from sipcore.transaction.non_invite_server import NonInviteServerTransaction
from tests.support import sip

from .rig import TCP, Case, Rig, finish, play_server
from .rows import missing_rows, rows_walked

REGISTER = sip.register()

CASES = {
    "a_repeated_request_is_absorbed_until_there_is_an_answer": Case(
        "RFC 3261 §17.2.2: in Trying retransmissions are discarded",
        steps=((0.5, "REGISTER"), (1, 200), (1.5, "REGISTER"), (3.5, "REGISTER")),
        trace=[
            (0, "got REGISTER"),
            (1, "send 200"),
            (1.5, "send 200"),
            (3.5, "send 200"),
            (33, "REGISTER terminated"),
        ],
        ends=33,
    ),
    "a_repeated_request_is_answered_with_the_last_provisional": Case(
        "RFC 3261 §17.2.2: in Proceeding the most recent provisional MUST be sent",
        steps=((1, 100), (1.5, "REGISTER"), (2, 183), (2.5, "REGISTER"), (2.6, "REGISTER"), (3, 404)),
        trace=[
            (0, "got REGISTER"),
            (1, "send 100"),
            (1.5, "send 100"),
            (2, "send 183"),
            (2.5, "send 183"),
            (2.6, "send 183"),
            (3, "send 404"),
            (35, "REGISTER terminated"),
        ],
        ends=35,
    ),
    "a_second_final_response_is_discarded": Case(
        "RFC 3261 §17.2.2: any other final responses MUST be discarded in Completed",
        steps=((0, 401), (0.1, 200), (0.2, 100), (0.3, "REGISTER")),
        trace=[(0, "got REGISTER"), (0, "send 401"), (0.3, "send 401"), (32, "REGISTER terminated")],
        ends=32,
    ),
    "over_a_reliable_transport_the_answer_ends_it": Case(
        "RFC 3261 §17.2.2: timer J is zero for reliable transports",
        flow=TCP,
        steps=((1, 200),),
        trace=[(0, "got REGISTER"), (1, "send 200"), (1, "REGISTER terminated")],
        ends=1,
    ),
    "the_connection_breaks_before_the_answer": Case(
        "departure: Trying ends by a transport error",
        flow=TCP,
        steps=((1, "error"), (2, 200)),
        trace=[(0, "got REGISTER"), (1, "REGISTER terminated")],
        ends=2,
    ),
    "the_provisional_cannot_be_sent": Case(
        "RFC 3261 §17.2.2, figure 8",
        steps=((1, 100), (1.1, "error")),
        trace=[(0, "got REGISTER"), (1, "send 100"), (1.1, "REGISTER terminated")],
        ends=1.1,
    ),
    "the_answer_cannot_be_sent": Case(
        "RFC 3261 §17.2.2, figure 8",
        steps=((1, 200), (1.1, "error")),
        trace=[(0, "got REGISTER"), (1, "send 200"), (1.1, "REGISTER terminated")],
        ends=1.1,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_non_invite_server(case):
    rig = play_server(case, REGISTER)

    finish(rig, case)


def test_the_cases_walk_through_the_whole_table(monkeypatch):
    def play():
        for case in CASES.values():
            play_server(case, REGISTER).run_out()

    walked = rows_walked(monkeypatch, play)

    assert {(state, given) for _, state, given in walked} == set(NonInviteServerTransaction.TABLE)


@pytest.mark.parametrize(("state", "given"), missing_rows(NonInviteServerTransaction))
def test_what_is_not_in_the_table_is_absorbed(state, given):
    rig = Rig()
    rig.request(REGISTER)
    (transaction,) = rig.servers
    transaction.state = state
    rig.trace.clear()

    transaction.step(given, 0.0, parse_message(sip.response(REGISTER, 200)))

    assert (transaction.state, rig.trace, rig.layer.server_count) == (state, [], 1)
