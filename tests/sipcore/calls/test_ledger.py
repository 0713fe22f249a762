from __future__ import annotations

import pytest

from sipcore.calls.ledger import Ledger


@pytest.fixture
def ledger() -> Ledger:
    return Ledger("worker-a", max_call_seconds=100.0, max_calls=10, wants=lambda name: False)


def test_only_the_first_word_about_an_end_counts(ledger):
    call = ledger.open("r1", "c1", "call-1", "tag", 1.0)

    ledger.end(call, "busy", 2.0)
    ledger.end(call, "lost", 3.0)

    (record,) = ledger.drain().records
    assert (record.reason, record.ended_at) == ("busy", 2.0)


def test_calls_are_lost_in_the_order_they_were_answered(ledger):
    first = ledger.open("r1", "c1", "call-1", "tag", 1.0)
    second = ledger.open("r2", "c2", "call-2", "tag", 1.0)
    ledger.answer(second, "bob", 2.0)
    ledger.answer(first, "bob", 50.0)

    assert ledger.oldest_ends_at == 102.0
    ledger.lose_the_silent(102.0)
    assert ledger.oldest_ends_at == 150.0
    ledger.end(first, "answered", 103.0)

    assert ledger.oldest_ends_at == float("inf")
    assert [(record.uid, record.reason) for record in ledger.drain().records] == [("c2", "lost"), ("c1", "answered")]


def test_a_clock_that_was_set_back_makes_no_negative_talk(ledger):
    call = ledger.open("r1", "c1", "call-1", "tag", 100.0)
    ledger.answer(call, "bob", 100.0)
    ledger.end(call, "answered", 40.0)

    assert ledger.drain().events[-1][1]["talk_ms"] == 0


def test_the_same_caller_may_have_several_calls_in_one_dialog(ledger):
    outer = ledger.open("r1", "c1", "call-1", "tag", 1.0)
    inner = ledger.open("r2", "c2", "call-1", "tag", 1.0)

    ledger.end(outer, "answered", 2.0)

    assert ledger.in_dialog("call-1", "tag") == [inner]
    assert len(ledger) == 1
