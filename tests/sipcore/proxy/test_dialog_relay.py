"""One request within a dialog, from one side to the other."""

from __future__ import annotations

import pytest

from sipcore.proxy import DialogEnded
from tests.support import sip
from tests.support.sip import ALICE

from .test_dialog_routes import talking
from .world import DESK


def test_a_re_invite_passes_with_its_provisionals() -> None:
    world = talking()

    world.dialog("INVITE", body=sip.SDP, content_type="application/sdp")
    assert world.sent() == ["INVITE > desk", "100 > alice"]
    world.answers(DESK, 100)
    world.answers(DESK, 183)
    world.answers(DESK, 200)
    world.answers(DESK, 200)

    assert world.sent(and_retransmissions=True) == ["183 > alice", "200 > alice", "200 > alice"]
    world.advance(64)
    assert world.is_empty()


def test_a_cancelled_re_invite_is_the_other_sides_to_answer() -> None:
    """A 2xx that crosses belongs to a dialog that must live on: no 487 and no BYE from us."""
    world = talking()
    world.dialog("INVITE")
    world.answers(DESK, 180)
    world.sent()

    world.receive(
        sip.cancel(
            sip.request(
                "INVITE",
                "sip:desk@192.0.2.2:5060",
                branch="z9hG4bK-alice-3",
                to="<sip:bob@example.org>",
                to_tag="desk",
                cseq=2,
            )
        ),
        ALICE,
    )

    assert world.sent() == ["200 > alice", "CANCEL() > desk"]
    world.answers(DESK, 200)
    assert world.sent() == ["200 > alice"]


def test_a_re_invite_that_rings_for_ever_is_ended_by_timer_c() -> None:
    world = talking()
    world.dialog("INVITE")
    world.answers(DESK, 180)
    world.advance(100)
    world.answers(DESK, 180)
    world.sent()

    world.advance(184)
    assert "CANCEL() > desk" not in world.sent()
    world.advance(2)
    assert "CANCEL() > desk" in world.sent()
    world.confirm_cancel(DESK)

    assert "487 > alice" in world.sent()


@pytest.mark.parametrize("method", ["INVITE", "INFO", "BYE"])
def test_a_side_that_does_not_answer_costs_the_request_and_not_the_dialog(method: str) -> None:
    world = talking()
    world.dialog(method)
    world.sent()

    world.advance(33)

    assert "480 > alice" in world.sent()


def test_a_challenged_bye_has_not_ended_the_dialog() -> None:
    world = talking()

    world.dialog("BYE")
    world.responds(DESK, "BYE", 401)
    assert world.got(DialogEnded) == []
    world.dialog("BYE", cseq=3)
    world.responds(DESK, "BYE", 481)

    assert world.one(DialogEnded).status == 481


def test_a_provisional_for_anything_but_invite_is_dropped() -> None:
    """RFC 4320 §4.1."""
    world = talking()
    world.dialog("INFO")
    world.sent()

    world.responds(DESK, "INFO", 183)

    assert world.sent() == []
