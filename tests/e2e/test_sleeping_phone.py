"""A call to somebody whose phone sleeps: push, REGISTER, and the call that has waited rings after all."""

from __future__ import annotations

import hashlib
import hmac
import time

import pytest

from tests.support.machine import wait_until
from tests.support.push_receiver import Push

from .clients.message import Message
from .clients.scripted import IncomingCall, OutgoingCall
from .conftest import WAKE_SECONDS
from .exchange import Exchange, Sleeper

SLEEP = 2.0  # seconds between a push and the REGISTER that it leads to


def pushed(exchange: Exchange, sleeper: Sleeper) -> Push:
    """The push that has come for this sleeper, or comes now; its signature is right."""
    push = exchange.product.push.wait_for(sleeper.is_pushed)
    secret = exchange.product.environment["PBX_PUSH_HTTP_SECRET"]
    signed = push.headers["x-pbx-timestamp"].encode() + b"." + push.body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    assert push.headers["x-pbx-signature"] == f"v1={expected}"
    return push


def pushes(exchange: Exchange, sleeper: Sleeper) -> int:
    """How many have come."""
    return sum(map(sleeper.is_pushed, exchange.product.push.received))


def sleep_on(push: Push) -> None:
    """Be the phone that takes its time to wake up."""
    time.sleep(max(0.0, push.at + SLEEP - time.monotonic()))


def talk_and_end(call: OutgoingCall, incoming: IncomingCall, *, ended_by: str = "caller") -> None:
    """Answer, and hang up on one side."""
    incoming.respond(180)
    call.wait_for(180)
    incoming.respond(200)
    call.wait_for(200)
    incoming.wait_for_ack()
    if ended_by == "caller":
        call.bye(incoming)
    else:
        incoming.bye(call)


@pytest.mark.parametrize("ended_by", ["caller", "callee"])
def test_a_real_phone_is_woken_rings_and_talks(exchange: Exchange, udp_baresip, ended_by: str) -> None:
    sleeper = exchange.sleeper()

    udp_baresip.dial(sleeper.who.username)
    sleep_on(pushed(exchange, sleeper))
    woken = exchange.baresip(sleeper.who)
    woken.wait_for_call()
    woken.accept()
    udp_baresip.wait_for("CALL_ESTABLISHED")
    woken.wait_for("CALL_ESTABLISHED")
    (udp_baresip if ended_by == "caller" else woken).hang_up()

    udp_baresip.wait_for("CALL_CLOSED")
    woken.wait_for("CALL_CLOSED")
    assert pushes(exchange, sleeper) == 1


@pytest.mark.acceptance("H21")
@pytest.mark.acceptance("H22")
@pytest.mark.acceptance("H42")
@pytest.mark.acceptance("H75")
@pytest.mark.parametrize("ended_by", ["caller", "callee"])
def test_the_app_has_the_answer_to_its_register_and_then_the_call(exchange: Exchange, ended_by: str) -> None:
    sleeper = exchange.sleeper()
    caller = exchange.scripted(exchange.person())

    call = caller.call(sleeper.who.username)
    push = pushed(exchange, sleeper)
    sleep_on(push)
    app = exchange.app(sleeper)
    incoming = app.wait_for_call(1)

    assert push.json["call_id"] == call.call_id == incoming.call_id
    assert push.json["from_uri"] == f"{caller.user}@{exchange.product.domain}"
    assert "pn-" not in str(incoming.invite)
    assert [(m.status, m.method) for m in app.history] == [(401, ""), (200, ""), (0, "INVITE")]
    talk_and_end(call, incoming, ended_by=ended_by)


def test_a_call_of_sipp_waits_until_sipp_is_there_to_answer(exchange: Exchange) -> None:
    sleeper = exchange.sleeper()

    call = exchange.sipp("a_caller_talks_and_hangs_up", exchange.person(), sleeper.who.username)
    sleep_on(pushed(exchange, sleeper))
    phone = exchange.sipp_phone("a_phone_answers", sleeper.who)

    call.wait()
    phone.wait()


@pytest.mark.acceptance("H23")
@pytest.mark.parametrize("asleep", ["silent", "unreachable"])
def test_a_phone_that_only_refreshes_its_contact_is_sent_the_call_at_once(exchange: Exchange, asleep: str) -> None:
    """Its contact has outlived its sleep, so the call goes there first and nobody hears it: no insert, but an update."""
    sleeper = exchange.sleeper()
    app = exchange.app(sleeper)
    if asleep == "unreachable":
        app.close()
    caller = exchange.scripted(exchange.person())

    call = caller.call(sleeper.who.username)
    push = pushed(exchange, sleeper)
    # Later than the INVITE is sent again for the third time, so that the fourth is four seconds away.
    time.sleep(max(0.0, push.at + 3.8 - time.monotonic()))
    if asleep == "unreachable":
        app = exchange.scripted(sleeper.who, register=False, port=app.port)
    app.read()
    missed = len(app.received("INVITE"))
    before = sum(app.copies(message) for message in app.received("INVITE"))
    sleeper.register(app)
    registered_at = time.monotonic()
    while sum(app.copies(message) for message in app.received("INVITE")) == before:
        assert time.monotonic() < registered_at + 1.5, f"{app}: {before} INVITEs before the REGISTER, none after it"
        app.read(0.1)

    assert missed == (1 if asleep == "silent" else 0)
    talk_and_end(call, app.wait_for_call())


def test_a_phone_that_is_registered_is_pushed_only_when_it_does_not_ring(exchange: Exchange) -> None:
    """The one that stays silent is called last, so that the other's time to ring is over when its push comes."""
    ringing, silent = exchange.sleeper(), exchange.sleeper()
    awake, dead = exchange.app(ringing), exchange.app(silent)
    caller = exchange.scripted(exchange.person())

    first = caller.call(ringing.who.username)
    incoming = awake.wait_for_call()
    incoming.respond(180)
    first.wait_for(180)
    called_at = time.monotonic()
    second = caller.call(silent.who.username)
    push = pushed(exchange, silent)

    assert push.at - called_at > 0.4
    assert dead.received("INVITE")
    assert pushes(exchange, ringing) == 0
    second.cancel()
    second.wait_for(487)
    incoming.respond(200)
    first.wait_for(200)
    incoming.wait_for_ack()
    first.bye(incoming)


def test_the_desk_phone_rings_while_the_mobile_is_woken_and_stops_when_that_answers(exchange: Exchange) -> None:
    sleeper = exchange.sleeper()
    desk = exchange.scripted(sleeper.who)
    caller = exchange.scripted(exchange.person())

    call = caller.call(sleeper.who.username)
    at_the_desk = desk.wait_for_call()
    at_the_desk.respond(180)
    call.wait_for(180)
    sleep_on(pushed(exchange, sleeper))
    app = exchange.app(sleeper)
    incoming = app.wait_for_call()
    incoming.respond(200)
    call.wait_for(200)
    incoming.wait_for_ack()
    cancel = at_the_desk.wait_for_cancel()
    call.bye(incoming)

    assert "cause=200" in cancel.header("reason")
    assert len(desk.received("INVITE")) == 1


def test_a_phone_that_registers_once_gets_every_call_that_waits_for_it(exchange: Exchange) -> None:
    sleeper = exchange.sleeper()
    callers = [exchange.scripted(who) for who in exchange.people(2)]

    calls = {}
    for caller in callers:
        call = caller.call(sleeper.who.username)
        calls[call.call_id] = call
    sleep_on(pushed(exchange, sleeper))
    app = exchange.app(sleeper)
    incoming = [app.wait_for_call(), app.wait_for_call()]

    assert {each.call_id for each in incoming} == calls.keys()
    for each in incoming:
        talk_and_end(calls[each.call_id], each)
    assert len(app.received("INVITE")) == 2


@pytest.mark.acceptance("H56")
def test_an_invite_that_is_sent_again_meanwhile_brings_no_second_push_and_no_second_call(exchange: Exchange) -> None:
    sleeper = exchange.sleeper()
    caller = exchange.scripted(exchange.person())

    call = caller.call(sleeper.who.username)
    pushed(exchange, sleeper)
    ringing = call.wait_for(180)  # the push was accepted, and no phone is registered that could ring
    for _ in range(3):
        before = caller.copies(ringing)
        caller.send(call.invite)
        wait_until(lambda before=before: caller.copies(ringing) > before, 2, "no 180 to an INVITE that was sent again")
    app = exchange.app(sleeper)
    talk_and_end(call, app.wait_for_call())

    assert pushes(exchange, sleeper) == 1
    assert len(app.received("INVITE")) == 1


@pytest.mark.acceptance("H46")
def test_a_caller_who_gives_up_is_told_at_once_and_nothing_happens_after_that(exchange: Exchange) -> None:
    sleeper = exchange.sleeper()
    caller = exchange.scripted(exchange.person())
    exchange.product.push.answer_with(lambda push: 503 if sleeper.is_pushed(push) else 200)

    call = caller.call(sleeper.who.username)
    pushed(exchange, sleeper)
    gave_up_at = time.monotonic()
    call.cancel()
    call.wait_for(487)
    told_at = time.monotonic()
    app = exchange.app(sleeper)

    assert told_at - gave_up_at < 0.5
    app.expect_silence(lambda m: m.method == "INVITE", 3.5, "a call that is over")  # pushes are repeated within 3 s
    in_flight = told_at + 0.2
    assert not [push for push in exchange.product.push.received if sleeper.is_pushed(push) and push.at > in_flight]
    exchange.product.push.answer_with(200)


@pytest.mark.acceptance("H33")
def test_nobody_comes_and_the_caller_is_told_when_the_window_ends(exchange: Exchange) -> None:
    """With a phone that was pushed, and with nobody who could be."""
    sleeper, never_registered = exchange.sleeper(), exchange.person()
    caller, other_caller = (exchange.scripted(who) for who in exchange.people(2))

    begun = time.monotonic()
    call = caller.call(sleeper.who.username)
    other_call = other_caller.call(never_registered.username)
    answers: list[Message] = []
    for each in (call, other_call):
        answers.append(each.wait_for(480, WAKE_SECONDS + 5))

    for answer in answers:
        assert answer.header("reason") == "Q.850;cause=20"
        assert WAKE_SECONDS - 0.2 < answer.at - begun < WAKE_SECONDS + 2
    assert pushes(exchange, sleeper) == 1


@pytest.mark.acceptance("H35")
def test_a_dead_token_ends_the_wait_of_a_call_that_nobody_else_can_take(exchange: Exchange) -> None:
    sleeper = exchange.sleeper()
    caller = exchange.scripted(exchange.person())
    exchange.product.push.answer_with(lambda push: 410 if sleeper.is_pushed(push) else 200)

    call = caller.call(sleeper.who.username)
    push = pushed(exchange, sleeper)
    answer = call.wait_for(480, 5)

    assert answer.at - push.at < 2
    exchange.product.push.answer_with(200)
