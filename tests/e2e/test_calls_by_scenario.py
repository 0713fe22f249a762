"""Calls as scenarios of sipp: who says what, in which order, and nothing else."""

from __future__ import annotations

import pytest

from .conftest import RING_SECONDS
from .exchange import Exchange


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_call_begins_and_ends(exchange: Exchange, transport: str) -> None:
    caller, callee = exchange.people(2)
    phone = exchange.sipp_phone("a_phone_answers", callee)

    call = exchange.sipp("a_caller_talks_and_hangs_up", caller, callee.username, transport=transport)

    call.wait()
    phone.wait()


@pytest.mark.acceptance("H50")
def test_all_phones_ring_and_those_that_do_not_answer_hear_that_another_one_did(exchange: Exchange) -> None:
    caller, callee = exchange.people(2)
    others = [exchange.sipp_phone("a_phone_rings_until_another_one_answers", callee) for _ in range(2)]
    winner = exchange.scripted(callee)

    call = exchange.sipp("a_caller_talks_and_hangs_up", caller, callee.username)
    incoming = winner.wait_for_call()
    incoming.respond(180)
    for other in others:
        other.wait_for_message("SIP/2.0 180 Ringing")
    incoming.answer()
    incoming.wait_for_bye()

    for run in (call, *others):
        run.wait()


@pytest.mark.acceptance("H50")
def test_a_caller_who_gives_up_stops_every_phone_and_none_hears_that_another_one_answered(exchange: Exchange) -> None:
    caller, callee = exchange.people(2)
    phones = [exchange.sipp_phone("a_phone_rings_until_it_is_told_to_stop", callee) for _ in range(2)]

    call = exchange.sipp("a_caller_gives_up_while_it_rings", caller, callee.username)

    for run in (call, *phones):
        run.wait()


@pytest.mark.parametrize("status", [486, 603])
def test_what_the_only_phone_says_is_what_the_caller_hears(exchange: Exchange, status: int) -> None:
    caller, callee = exchange.people(2)
    phone = exchange.sipp_phone("a_phone_refuses", callee, values={"status": status})

    call = exchange.sipp("a_caller_is_refused", caller, callee.username, values={"status": status})

    call.wait()
    phone.wait()


def test_a_phone_that_declines_does_not_stop_the_others(exchange: Exchange) -> None:
    caller, callee = exchange.people(2)
    declining = exchange.sipp_phone("a_phone_refuses", callee, values={"status": 603})
    answering = exchange.sipp_phone("a_phone_answers", callee)

    call = exchange.sipp("a_caller_talks_and_hangs_up", caller, callee.username)

    for run in (call, declining, answering):
        run.wait()


def test_a_phone_that_nobody_answers_stops_when_its_time_is_over(exchange: Exchange) -> None:
    caller, callee = exchange.people(2)
    phone = exchange.sipp_phone("a_phone_rings_until_it_is_told_to_stop", callee)

    call = exchange.sipp("a_caller_is_refused", caller, callee.username, values={"status": 480})

    said = call.wait(RING_SECONDS + 10)
    phone.wait()
    assert "Reason: Q.850;cause=19" in said


def test_both_sides_change_a_call_through_the_proxy(exchange: Exchange) -> None:
    caller, callee = exchange.people(2)
    phone = exchange.sipp_phone("a_phone_hears_the_call_changed_and_changes_it", callee)

    call = exchange.sipp("a_caller_changes_the_call_and_hears_it_changed", caller, callee.username)

    call.wait()
    phone.wait()


def test_a_slow_phone_is_called_once_however_often_the_invite_is_sent(exchange: Exchange) -> None:
    caller, callee = exchange.people(2)
    phone = exchange.sipp_phone("a_phone_is_slow_to_say_anything", callee)

    call = exchange.sipp("a_caller_talks_and_hangs_up", caller, callee.username)

    call.wait()
    phone.wait()


def test_a_late_ack_reaches_the_phone_that_has_repeated_its_answer(exchange: Exchange) -> None:
    caller, callee = exchange.people(2)
    phone = exchange.sipp_phone("a_phone_answers", callee)

    call = exchange.sipp("a_caller_acknowledges_late", caller, callee.username)

    said = call.wait()
    phone.wait()
    assert said.count("SIP/2.0 200 OK") >= 3 + 1  # to the INVITE, as often as it was sent, and to the BYE
