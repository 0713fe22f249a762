"""A call through the core, and what no input may do to it."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sipcore.errors import MalformedMessage
from sipcore.proxy import BranchAdded, BranchFinal, BranchProvisional, DialogEnded, FinalSent, RequestReceived
from sipcore.proxy import RequestTerminated as Terminated
from sipcore.syntax import parse_message
from tests.support import sip
from tests.support.sip import ALICE

from .world import DAN, DESK, MOBILE, World


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

    assert [type(event) for event in world.events] == [
        RequestReceived,
        BranchAdded,
        BranchProvisional,
        BranchFinal,
        FinalSent,
        DialogEnded,
        Terminated,
    ]
    assert world.is_empty()


def test_an_answer_of_the_script_ends_what_it_had_started() -> None:
    world = World()
    world.call()
    world.hold(20)
    world.fork(DESK)
    world.answers(DESK, 180)
    world.sent()

    world.core.reply(world.request, 302, headers=[("Contact", "<sip:voicemail@example.org>")], now=world.now)
    world.pump()

    assert world.sent() == ["302 > alice", "CANCEL() > desk"]
    assert world.one(FinalSent).origin == "local"


@pytest.mark.acceptance("H58")
def test_a_provisional_of_the_script_has_a_tag_that_no_phone_has() -> None:
    world = World()
    world.call()
    world.hold(20)
    world.core.reply(world.request, 180, now=world.now)
    world.pump()
    ours = world.answered[ALICE.host]
    world.inject(MOBILE)
    world.answers(MOBILE, 180)

    assert ours.to_tag not in ("", "mobile")
    assert not ours.has("rseq") and not ours.body
    assert world.answered[ALICE.host].to_tag == "mobile"


def test_a_final_reply_ends_a_call_that_rings() -> None:
    world = World()
    world.call()
    world.fork(DESK)
    world.answers(DESK, 180)
    world.sent()

    world.core.reply(world.request, 480, now=world.now)
    world.pump()

    assert world.sent() == ["480 > alice", "CANCEL() > desk"]


def answered(world: World) -> None:
    world.answers(MOBILE, 200)
    world.confirm_cancel(DESK)
    world.dialog("ACK", cseq=1)
    world.dialog("INVITE", cseq=2)
    world.answers(MOBILE, 200)
    world.dialog("BYE", cseq=3)
    world.responds(MOBILE, "BYE", 200)


def answered_twice(world: World) -> None:
    world.answers(DESK, 200)
    world.answers(MOBILE, 200)
    world.responds(MOBILE, "BYE", 200)


def cancelled(world: World) -> None:
    world.cancels()
    world.confirm_cancel(DESK)


def moved(world: World) -> None:
    world.pick_up(DAN)
    world.answers(DAN, 180)
    world.answers(DAN, 486)


@pytest.mark.parametrize("story", [answered, answered_twice, cancelled, moved])
def test_a_call_that_is_over_leaves_nothing_to_the_garbage_collector(story: Callable[[World], None]) -> None:
    """Cycles would be found by pauses of the collector, in the middle of other calls."""
    world = World()
    world.call()
    world.fork(DESK, MOBILE)
    world.answers(DESK, 180)
    gc.collect()
    gc.disable()
    try:
        story(world)
        world.advance(400)
        assert world.is_empty()
        world.events.clear()
        world.network.take()
        world.request = None
        world.seen.clear()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = [thing for thing in gc.garbage if type(thing).__module__.startswith("sipcore")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()

    assert left == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, 7),
            st.integers(0, 900),
            st.integers(0, 12),
            st.binary(max_size=6) | st.sampled_from([b"\r\n", b",", b";", b"<", b'"']),
        ),
        max_size=12,
    )
)
def test_no_message_however_broken_raises_or_finds_a_fault(
    edits: list[tuple[int, int, int, bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    world = World()
    world.call()
    world.fork(DESK, MOBILE)
    world.answers(DESK, 180)
    invite = world.seen[DESK.flow.host, "INVITE"].raw
    world.answers(DESK, 200)
    route = world.answered[ALICE.host].header("record-route") or ""
    messages = [
        (world.invite, ALICE),
        (sip.cancel(world.invite), ALICE),
        (sip.response(invite, 180, to_tag="desk"), DESK.flow),
        (sip.response(invite, 200, to_tag="fork", contact=f"<{DESK.uri}>"), DESK.flow),
        (sip.response(world.seen[MOBILE.flow.host, "INVITE"].raw, 603, to_tag="mobile"), MOBILE.flow),
        (sip.request("ACK", DESK.uri, routes=[route], to_tag="desk", branch="z9hG4bKa"), ALICE),
        (sip.bye(DESK.uri, routes=[route], to_tag="desk"), ALICE),
        (sip.request("MESSAGE", branch="z9hG4bKm", call_id="m"), ALICE),
    ]
    for which, start, length, replacement in edits:
        data, flow = messages[which]
        broken = data[:start] + replacement + data[start + length :]
        try:
            message = parse_message(broken)
        except MalformedMessage as error:
            world.core.receive_malformed(broken, error, flow, world.now)
        else:
            world.core.receive_message(message, flow, world.now)
        while world.core.next_event() is not None:
            pass
        world.core.messages_to_send()
    world.core.handle_timer(world.now + 400)
    world.core.messages_to_send()

    assert caplog.records == []
