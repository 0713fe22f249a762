"""A call through the core, and what the core does without being asked."""

from __future__ import annotations

from .world import DESK, World


def test_a_call_from_invite_to_bye() -> None:
    world = World()

    world.call()
    world.fork(DESK)
    assert world.sent() == ["100 > alice", "INVITE > desk"]
    world.answers(DESK, 100)
    assert world.sent() == []
    world.answers(DESK, 180)
    assert world.sent() == ["180 > alice"]
    world.answers(DESK, 200)
    assert world.sent() == ["200 > alice"]
    world.dialog("ACK", cseq=1)
    assert world.sent() == ["ACK > desk"]
    world.dialog("BYE")
    assert world.sent() == ["BYE > desk"]
    world.responds(DESK, "BYE", 200)
    assert world.sent() == ["200 > alice"]
    world.advance(64)
    assert world.is_empty()
