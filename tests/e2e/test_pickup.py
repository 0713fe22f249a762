"""Somebody dials 33, and a call that rings at a colleague's rings at his own phone instead."""

from __future__ import annotations

import time

import pytest

from .clients.baresip import Baresip
from .clients.scripted import IncomingCall, OutgoingCall, ScriptedPhone
from .exchange import Exchange

RACES = 200
PAIRS = 20  # of pickers, who take turns: nobody may dial a pickup code twice in a second
PAUSE = 1.1


def ring(
    caller: ScriptedPhone, callee: ScriptedPhone, *, in_advance: bool = False
) -> tuple[OutgoingCall, IncomingCall]:
    """A call that rings at the callee's, and the caller hears it."""
    call = caller.call(callee.user, in_advance=in_advance)
    ringing = callee.wait_for_call()
    ringing.respond(180)
    call.wait_for(180)
    return call, ringing


@pytest.mark.parametrize("make", ["baresip over udp", "baresip over tcp"])
def test_a_real_phone_dials_33_and_has_the_call(exchange: Exchange, udp_baresip: Baresip, make: str) -> None:
    bob, charlie, *_ = exchange.group()
    bobs = exchange.baresip(bob)
    charlies = exchange.baresip(charlie, transport=make.rpartition(" ")[2])

    udp_baresip.dial(bob.username)
    bobs.wait_for_call()
    udp_baresip.wait_for("CALL_RINGING")
    charlies.dial("33")
    assert "480" in charlies.wait_for("CALL_CLOSED")["param"]
    picked = charlies.wait_for_call()
    bobs.wait_for("CALL_CLOSED")
    charlies.accept()
    udp_baresip.wait_for("CALL_ESTABLISHED")
    charlies.wait_for("CALL_ESTABLISHED")
    charlies.hang_up()
    udp_baresip.wait_for("CALL_CLOSED")

    assert udp_baresip.user in picked
    assert bobs.saw("CALL_ESTABLISHED") == 0


def test_linphone_dials_33_and_has_the_call(exchange: Exchange, udp_baresip: Baresip) -> None:
    bob, charlie, *_ = exchange.group()
    bobs, charlies = exchange.baresip(bob), exchange.linphone(charlie)

    udp_baresip.dial(bob.username)
    bobs.wait_for_call()
    charlies.dial("33")
    charlies.wait_for("IncomingReceived")
    bobs.wait_for("CALL_CLOSED")
    charlies.accept()
    udp_baresip.wait_for("CALL_ESTABLISHED")
    udp_baresip.hang_up()

    charlies.wait_for("Released")


@pytest.mark.acceptance("H80")
@pytest.mark.acceptance("H90")
@pytest.mark.parametrize("dialled", ["33", "*8", "**{bob}"])
def test_the_picker_hears_480_then_his_phone_rings_and_the_original_is_told_that_it_is_over(
    exchange: Exchange, dialled: str
) -> None:
    bob, charlie, *_ = exchange.group()
    bobs, charlies, alices = exchange.scripted(bob), exchange.scripted(charlie), exchange.scripted(exchange.person())

    call, ringing = ring(alices, bobs)
    charlies.call(dialled.format(bob=bob.username)).wait_for(480)
    picked = charlies.wait_for_call()
    picked.respond(180)
    cancel = ringing.wait_for_cancel()
    picked.respond(200)
    call.wait_for(200)
    picked.wait_for_ack()
    call.bye(picked)

    assert picked.call_id == call.call_id
    assert "cause=200" in cancel.header("reason")


def test_who_is_in_no_group_may_pick_nothing(exchange: Exchange) -> None:
    bob, *_ = exchange.group()
    stranger, caller = exchange.people(2)
    bobs, strangers, alices = exchange.scripted(bob), exchange.scripted(stranger), exchange.scripted(caller)

    call, ringing = ring(alices, bobs)
    for dialled in ("33", f"**{bob.username}"):
        strangers.call(dialled).wait_for(403)
    ringing.respond(200)
    call.wait_for(200)
    call.bye(ringing)

    assert strangers.received("INVITE") == []


@pytest.mark.acceptance("H89")
def test_calls_of_another_group_are_not_to_be_picked(exchange: Exchange) -> None:
    (bob, *_), (other, *_) = exchange.group(), exchange.group()
    bobs, others, alices = exchange.scripted(bob), exchange.scripted(other), exchange.scripted(exchange.person())

    call, ringing = ring(alices, bobs)
    begun = time.monotonic()
    answer = others.call("33").wait_for(480)
    ringing.respond(200)
    call.wait_for(200)
    call.bye(ringing)

    assert answer.at - begun < 1
    assert others.received("INVITE") == []


@pytest.mark.acceptance("H87")
def test_where_nothing_rings_there_is_nothing_to_pick(exchange: Exchange) -> None:
    bob, charlie, *_ = exchange.group()
    exchange.scripted(bob)

    begun = time.monotonic()
    answer = exchange.scripted(charlie).call("33").wait_for(480)

    assert answer.at - begun < 1


@pytest.mark.acceptance("H81")
def test_a_picker_whose_phone_says_nothing_loses_the_call_and_the_original_goes_on_ringing(exchange: Exchange) -> None:
    bob, charlie, dan, *_ = exchange.group()
    bobs, charlies, dans = (exchange.scripted(who) for who in (bob, charlie, dan))
    alices = exchange.scripted(exchange.person())

    call, ringing = ring(alices, bobs)
    charlies.call("33").wait_for(480)
    charlies.wait_for_call()  # and no word to it
    begun = time.monotonic()
    while not dans.received("INVITE"):
        assert time.monotonic() < begun + 8, "the claim was not given up"
        dans.call("33").wait_for(480)
        dans.read(PAUSE)
    picked = dans.wait_for_call()
    picked.respond(180)
    ringing.wait_for_cancel()
    picked.respond(200)
    call.wait_for(200)
    picked.wait_for_ack()
    call.bye(picked)


@pytest.mark.acceptance("H82")
@pytest.mark.timeout(180)
def test_of_two_who_dial_at_the_same_instant_exactly_one_has_the_call(exchange: Exchange) -> None:
    bob, *others = exchange.large_group(1 + 2 * PAIRS)
    bobs, alices = exchange.scripted(bob), exchange.scripted(exchange.person())
    phones = [exchange.scripted(who) for who in others]
    pairs = list(zip(phones[::2], phones[1::2], strict=True))
    dialled_at = dict.fromkeys(range(PAIRS), 0.0)
    alices.call("nobody").wait_for(404)  # she has a nonce now

    for race in range(RACES):
        pair = pairs[race % PAIRS]
        time.sleep(max(0.0, dialled_at[race % PAIRS] + PAUSE - time.monotonic()))
        call, ringing = ring(alices, bobs, in_advance=True)
        dialled_at[race % PAIRS] = time.monotonic()
        for answer in [phone.call("33", in_advance=True) for phone in (pair if race % 2 else pair[::-1])]:
            answer.wait_for(480, 1)
        winner = one_that_rings(pair, call.call_id)
        picked = winner.wait_for_call()
        picked.respond(180)
        ringing.wait_for_cancel()
        picked.respond(200)
        call.wait_for(200)
        picked.wait_for_ack()
        call.bye(picked)

    assert sum(len(phone.received("INVITE")) for phone in phones) == RACES


def one_that_rings(pair: tuple[ScriptedPhone, ScriptedPhone], call_id: str) -> ScriptedPhone:
    """The one of the two that the call has come to."""
    deadline = time.monotonic() + 3
    while True:
        rings = [phone for phone in pair if any(m.call_id == call_id for m in phone.received("INVITE"))]
        if rings:
            assert len(rings) == 1, "both have the call"
            return rings[0]
        assert time.monotonic() < deadline, f"neither has the call {call_id}"
        pair[0].read(0.01)
