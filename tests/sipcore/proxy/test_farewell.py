"""Answers that nobody takes are acknowledged and hung up."""

from __future__ import annotations

import pytest

from sipcore.proxy import FinalSent, Limits
from tests.support import sip

from .world import DESK, MOBILE, World


@pytest.mark.acceptance("H51")
def test_the_second_of_two_answers_is_acknowledged_and_hung_up() -> None:
    world = World()
    world.call()
    world.fork(DESK, MOBILE)
    world.sent()

    world.answers(MOBILE, 200)
    world.answers(DESK, 200)

    assert world.sent() == ["200 > alice", "ACK > desk", "BYE > desk"]
    assert world.one(FinalSent).branch.target == MOBILE


@pytest.mark.acceptance("H49")
def test_an_answer_that_crosses_the_callers_cancel_is_hung_up() -> None:
    world = World()
    world.call()
    world.fork(DESK)
    world.answers(DESK, 180)
    world.cancels()
    world.sent()

    world.answers(DESK, 200)

    assert world.sent() == ["ACK > desk", "BYE > desk"]
    assert world.one(FinalSent).status == 487
    world.responds(DESK, "BYE", 200)
    world.acknowledges()
    world.responds(DESK, "CANCEL", 200)
    world.advance(64)
    assert world.is_empty()


def test_the_farewell_is_what_the_caller_would_have_said() -> None:
    """RFC 3261 §12.2.1.1: Contact as target; of the route set only what lies between us and the phone, reversed."""
    world = World()
    world.call(headers=[("Record-Route", "<sip:before.example.net;lr>")])
    world.fork(DESK, MOBILE)
    world.answers(MOBILE, 200)
    invite = world.seen[DESK.flow.host, "INVITE"]
    answer = sip.response(invite.raw, 200, to_tag="desk", contact="<sip:desk@10.0.0.7;ob>").replace(
        b"Record-Route: <sip:",
        b"Record-Route: <sip:last.example.net;lr>, <sip:next.example.net;lr>\r\nRecord-Route: <sip:",
        1,
    )

    world.receive(answer, DESK.flow)

    ack, bye = world.seen[DESK.flow.host, "ACK"], world.seen[DESK.flow.host, "BYE"]
    for request in (ack, bye):
        assert request.target == "sip:desk@10.0.0.7;ob"
        assert request.headers("route") == ["<sip:next.example.net;lr>", "<sip:last.example.net;lr>"]
        assert (request.call_id, request.from_tag, request.to_tag) == (invite.call_id, "alice", "desk")
    assert (ack.cseq_number, bye.cseq_number) == (invite.cseq_number, invite.cseq_number + 1)
    assert ack.top_via.branch != invite.top_via.branch


def test_a_farewell_to_a_strict_router_puts_it_into_the_request_uri() -> None:
    world = World()
    world.call()
    world.fork(DESK, MOBILE)
    world.answers(MOBILE, 200)
    invite = world.seen[DESK.flow.host, "INVITE"]

    world.receive(
        sip.response(invite.raw, 200, to_tag="desk", contact="<sip:desk@10.0.0.7>").replace(
            b"Record-Route: <sip:", b"Record-Route: <sip:strict.example.net>\r\nRecord-Route: <sip:", 1
        ),
        DESK.flow,
    )

    bye = world.seen[DESK.flow.host, "BYE"]
    assert bye.target == "sip:strict.example.net"
    assert bye.headers("route") == ["<sip:desk@10.0.0.7>"]


def test_a_repeated_answer_gets_its_ack_again_and_no_second_bye() -> None:
    world = World()
    world.call()
    world.fork(DESK, MOBILE)
    world.answers(MOBILE, 200)
    world.answers(DESK, 200)
    ack = world.seen[DESK.flow.host, "ACK"]
    world.sent()

    world.answers(DESK, 200)

    (sent,) = world.network.take()
    assert sent.data == ack.raw


def test_answers_from_behind_a_forking_proxy_are_told_apart_by_tag_and_bounded() -> None:
    world = World(limits=Limits(absorbed_answers=3))
    world.call()
    world.fork(DESK)
    world.answers(DESK, 200)
    world.sent()

    for number in range(5):
        world.answers(DESK, 200, to_tag=f"fork{number}")

    assert world.sent() == ["ACK > desk", "BYE > desk"] * 3


def test_an_unanswered_bye_bothers_nobody() -> None:
    world = World()
    world.call()
    world.fork(DESK, MOBILE)
    world.answers(MOBILE, 200)
    world.answers(DESK, 200)

    world.advance(65)

    assert world.is_empty()
