"""What happens to messages before, or without, the script."""

from __future__ import annotations

import logging

import pytest

from sipcore.errors import MalformedMessage
from sipcore.proxy import Acknowledged, DialogEnded, FinalSent, Limits, RequestReceived, RequestTerminated
from sipcore.syntax import parse_message
from tests.support import sip
from tests.support.sip import ALICE

from .world import DESK, MOBILE, PBX, World, target


def test_a_request_outside_dialogs_is_the_scripts() -> None:
    world = World()

    world.receive(sip.register(), DESK.flow)

    request = world.one(RequestReceived).request
    assert (request.method, request.flow, request.call_uid) == ("REGISTER", DESK.flow, "")
    world.core.reply(request, 200, now=world.now)
    world.pump()
    assert world.sent() == ["200 > desk"]
    assert world.one(FinalSent).origin == "local"
    world.advance(33)
    assert [type(event) for event in world.events] == [RequestReceived, FinalSent, RequestTerminated]
    assert world.is_empty()


def test_every_invite_is_a_call_of_its_own() -> None:
    world = World()

    first = world.call(call_id="one")
    second = world.call(call_id="two")

    assert first.id != second.id
    assert first.call_uid and second.call_uid and first.call_uid != second.call_uid


def test_a_hundred_goes_only_to_an_invite_that_got_nothing_better() -> None:
    world = World()
    world.core.receive_message(parse_message(sip.invite()), ALICE, world.now)
    world.core.reply(world.core.next_event().request, 407, now=world.now)
    world.pump()
    assert world.sent() == ["407 > alice"]

    world.call(call_id="another", branch="z9hG4bK-another")
    assert world.sent() == ["100 > alice"]


def test_the_acknowledgement_of_a_final_response_is_reported() -> None:
    """A pickup waits for it before it rings the picker's only line."""
    world = World()
    request = world.call()
    world.core.reply(request, 480, now=world.now)
    world.pump()

    world.acknowledges()

    assert world.one(Acknowledged).request is request


def test_a_cancel_for_nothing_is_481() -> None:
    world = World()

    world.receive(sip.cancel(sip.invite()), ALICE)

    assert world.sent() == ["481 > alice"]


def test_a_cancel_after_the_answer_changes_nothing() -> None:
    world = World()
    world.call()
    world.fork(DESK)
    world.answers(DESK, 200)
    world.sent()

    world.cancels()

    assert world.sent() == ["200 > alice"]
    assert not world.request.is_cancelled


def test_the_answers_to_cancel_and_invite_have_one_tag() -> None:
    """RFC 3261 §9.2."""
    world = World()
    world.call()
    world.sent()

    world.cancels()

    to_cancel, to_invite = (message.message for message in world.network.take())
    assert to_cancel.to_tag == to_invite.to_tag != ""


@pytest.mark.parametrize(
    "_case, fields, status",
    [
        ("unknown scheme", {"target": "mailto:bob@example.org"}, 416),
        ("no hops left", {"max_forwards": 0}, 483),
        ("unknown extension", {"headers": [("Proxy-Require", "foo")]}, 420),
        ("looks like anything", {"cseq_method": "BYE"}, 400),
        ("no Call-ID", {"call_id": ""}, 400),
    ],
)
def test_what_may_not_be_proxied_is_refused_before_the_script(_case: str, fields: dict, status: int) -> None:
    world = World()

    world.receive(sip.invite(**fields), ALICE)

    assert world.sent() == [f"{status} > alice"]
    assert world.got(RequestReceived) == []


def test_a_420_names_what_is_not_supported() -> None:
    world = World()

    world.receive(sip.invite(headers=[("Proxy-Require", "foo, bar")]), ALICE)

    assert world.answered[ALICE.host].headers("unsupported") == ["foo, bar"]


def test_an_options_for_us_is_answered_even_with_no_hops_left() -> None:
    world = World()

    world.receive(sip.request("OPTIONS", "sip:example.org", max_forwards=0), ALICE)

    assert world.one(RequestReceived).request.method == "OPTIONS"


def test_but_it_goes_no_further() -> None:
    world = World()
    world.receive(sip.request("OPTIONS", max_forwards=0), ALICE)

    world.fork(DESK)

    assert world.sent() == ["483 > alice"]


def test_a_merged_request_is_refused() -> None:
    """RFC 3261 §8.2.2.2: the same request by two ways."""
    world = World()
    world.call()
    world.sent()

    world.receive(sip.invite(branch="z9hG4bK-other-way"), ALICE)

    assert world.sent() == ["482 > alice"]


def test_a_request_forked_to_two_of_our_users_is_none() -> None:
    world = World()
    world.call()

    world.receive(sip.invite("sip:carol@example.org", branch="z9hG4bK-other-way"), ALICE)

    assert len(world.got(RequestReceived)) == 2


def forwarded_to_ourselves(world: World) -> bytes:
    """An INVITE that has left for our own address."""
    world.call()
    world.fork(target("self", ALICE._replace(host=PBX)))
    (_, out) = world.network.take()
    return out.data


def test_a_request_that_comes_back_as_it_was_loops() -> None:
    world = World()
    data = forwarded_to_ourselves(world).replace(b"sip:self@192.0.2.100:5060", b"sip:bob@example.org", 1)

    world.receive(data, ALICE._replace(host=PBX))

    assert world.network.take_one().kind == "482"


def test_a_request_that_comes_back_for_somebody_else_spirals() -> None:
    world = World()
    data = forwarded_to_ourselves(world)

    world.receive(data, ALICE._replace(host=PBX))

    assert len(world.got(RequestReceived)) == 2


def test_a_broken_message_is_answered_where_that_is_possible() -> None:
    world = World()
    data = sip.invite().replace(b"Content-Length: ", b"Content-Length: 9")

    with pytest.raises(MalformedMessage) as raised:
        parse_message(data)
    world.core.receive_malformed(data, raised.value, ALICE, world.now)
    world.core.receive_malformed(b"\x00\x01nonsense", MalformedMessage("", 0), ALICE, world.now)
    world.pump()

    assert world.sent() == ["400 > alice"]


def test_a_response_to_nothing_is_dropped() -> None:
    """RFC 6026 §7.3."""
    world = World()

    world.receive(sip.response(sip.invite(vias=["SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKw"]), 200), DESK.flow)

    assert world.sent() == []


def test_an_ack_without_a_dialog_of_ours_is_dropped() -> None:
    world = World()

    world.receive(sip.request("ACK", "sip:bob@192.0.2.2", routes=[f"<sip:{PBX};lr>"], to_tag="bob"), ALICE)

    assert world.sent() == []
    assert world.events == []


def test_over_the_limit_requests_are_refused_without_state() -> None:
    world = World(limits=Limits(server_transactions=1))
    world.call()
    world.sent()

    world.receive(sip.register(), DESK.flow)

    assert world.sent() == ["503 > desk"]
    assert world.core.open_requests == 1


@pytest.mark.acceptance("H62")
def test_draining_refuses_new_calls_and_ends_the_old_ones_in_time() -> None:
    world = World()
    world.call()
    world.hold(60)
    world.sent()

    world.core.drain(5, now=world.now)
    world.receive(sip.invite(call_id="new", branch="z9hG4bK-new"), ALICE)
    assert world.sent() == ["503 > alice"]
    assert world.answered[ALICE.host].header("retry-after")
    world.advance(5.1)

    assert world.sent()[-1] == "480 > alice"


# connections


@pytest.mark.acceptance("H57")
def test_a_caller_whose_connection_closed_is_gone_after_a_grace() -> None:
    world = World()
    caller = ALICE._replace(transport="wss", connection="w1-1")
    world.call(caller)
    world.fork(DESK)
    world.answers(DESK, 180)
    world.sent()

    world.core.flow_closed(caller, world.now)
    world.advance(1.9)
    assert world.sent() == []
    world.advance(0.2)

    assert world.sent() == ["487 > alice", "CANCEL() > desk"]
    assert world.request.is_cancelled


def test_a_phone_whose_connection_closed_has_failed() -> None:
    world = World()
    world.call()
    phone = target("tcp", DESK.flow._replace(transport="tcp", connection="w1-3"))
    world.fork(phone, MOBILE)
    world.receive(sip.response(world.seen[DESK.flow.host, "INVITE"].raw, 180), phone.flow)
    world.sent()

    world.core.flow_closed(phone.flow, world.now)
    world.pump()
    assert world.sent() == []
    world.answers(MOBILE, 486)

    assert world.sent() == ["ACK > mobile", "486 > alice"]


def test_a_caller_who_cannot_be_reached_any_more_frees_the_phones() -> None:
    world = World()
    world.call()
    world.fork(DESK)
    world.answers(DESK, 180)
    world.sent()

    world.core.transport_failed(world.request.transaction, world.now)
    world.pump()

    assert world.sent() == ["CANCEL() > desk"]
    assert world.one(FinalSent).origin == "cancel"
    assert world.call_is_over
    world.confirm_cancel(DESK)
    world.advance(64)
    assert world.is_empty()


# dialogs


def test_a_bye_of_either_side_ends_the_dialog() -> None:
    for by_caller in (True, False):
        world = World()
        world.call()
        world.fork(DESK)
        world.answers(DESK, 200)
        world.dialog("ACK", cseq=1)
        world.sent()
        if by_caller:
            world.dialog("BYE")
            world.responds(DESK, "BYE", 200)
        else:
            world.dialog_back(DESK, "BYE")
            assert world.sent() == ["BYE > alice"]
            world.receive(sip.response(world.seen[ALICE.host, "BYE"].raw, 200), ALICE)

        ended = world.one(DialogEnded)
        assert (ended.from_tag, ended.to_tag, ended.status) == ("alice", "desk", 200)
        assert ended.by_tag == ("alice" if by_caller else "desk")


# faults of our own


def test_a_fault_ends_one_request_and_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("sipcore.proxy.upcalls.refusal", fail)
    with caplog.at_level(logging.ERROR):
        world.receive(sip.invite(call_id="one", branch="z9hG4bK-1"), ALICE)
        world.receive(sip.invite(call_id="two", branch="z9hG4bK-2"), ALICE)
    monkeypatch.undo()

    assert world.sent() == ["500 > alice", "500 > alice"]
    assert len(caplog.records) == 1
    world.call(call_id="three")
    assert world.sent() == ["100 > alice"]


def test_a_fault_in_a_response_ends_the_call_it_belongs_to(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.call()
    world.fork(DESK)
    world.sent()

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("sipcore.proxy.response_context.ResponseContext.branch_rings", fail)
    world.answers(DESK, 180)
    monkeypatch.undo()

    assert world.sent() == ["500 > alice", "CANCEL() > desk"]


def test_a_fault_in_a_timer_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.call(call_id="one")
    world.hold(5)
    world.call(call_id="two")
    world.hold(6)
    world.sent()
    real = type(world.request.context)._look_at_the_clock
    calls = []

    def fail_once(self: object, now: float) -> None:
        calls.append(now)
        if len(calls) == 1:
            raise RuntimeError("a bug")
        real(self, now)

    monkeypatch.setattr("sipcore.proxy.response_context.ResponseContext._look_at_the_clock", fail_once)
    world.advance(7)

    assert [kind for kind in world.sent() if not kind.startswith("100")] == ["500 > alice", "480 > alice"]
