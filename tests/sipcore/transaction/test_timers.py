from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipcore.transaction import TimerQueue, Timers
from sipcore.transaction.timers import MAX_CANCELLED

DEFAULTS = {
    "timer_a": 0.5,
    "timer_b": 32.0,
    "timer_d": 32.0,
    "timer_e": 0.5,
    "timer_f": 32.0,
    "timer_g": 0.5,
    "timer_h": 32.0,
    "timer_i": 5.0,
    "timer_j": 32.0,
    "timer_k": 5.0,
    "timer_l": 32.0,
    "timer_m": 32.0,
    "cancel_timeout": 32.0,
}


@pytest.mark.parametrize(("name", "seconds"), DEFAULTS.items())
def test_timers_are_those_of_the_rfc(name, seconds):
    """RFC 3261 table 4, RFC 6026 §7."""
    assert getattr(Timers(), name) == seconds


def test_shrinking_t1_shrinks_what_is_derived_from_it():
    timers = Timers(t1=0.01)

    assert (timers.timer_a, timers.timer_b, timers.timer_i) == (0.01, 0.64, 5.0)


def test_timers_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Timers().t1 = 1.0


def test_timers_fire_in_order_once_they_are_due():
    queue, fired = TimerQueue(), []
    for when in (3.0, 1.0, 2.0):
        queue.set(when, lambda now, when=when: fired.append((when, now)))

    assert queue.next_deadline() == 1.0
    assert queue.fire(0.9) == 0
    assert queue.fire(2.5) == 2
    assert fired == [(1.0, 2.5), (2.0, 2.5)]
    assert (queue.next_deadline(), len(queue)) == (3.0, 1)


def test_timers_of_the_same_moment_fire_in_the_order_they_were_set():
    queue, fired = TimerQueue(), []
    for name in "abc":
        queue.set(1.0, lambda now, name=name: fired.append(name))

    queue.fire(1.0)

    assert fired == ["a", "b", "c"]


def test_a_cancelled_timer_neither_fires_nor_counts():
    queue, fired = TimerQueue(), []
    timer = queue.set(1.0, fired.append)
    queue.set(2.0, fired.append)

    timer.cancel()
    timer.cancel()

    assert (len(queue), queue.next_deadline(), timer.is_pending) == (1, 2.0, False)
    assert queue.fire(5.0) == 1
    assert (fired, len(queue), queue.next_deadline()) == ([5.0], 0, None)


def test_cancelling_a_timer_that_has_fired_does_not_upset_the_count():
    queue = TimerQueue()
    timer = queue.set(1.0, lambda now: None)
    queue.fire(1.0)

    timer.cancel()

    queue.set(2.0, lambda now: None)
    assert len(queue) == 1


def test_a_callback_may_set_and_cancel_timers():
    queue, fired = TimerQueue(), []
    later = queue.set(2.0, lambda now: fired.append("later"))

    def first(now):
        later.cancel()
        queue.set(now, lambda now: fired.append("at once"))
        queue.set(now + 1, lambda now: fired.append("tomorrow"))

    queue.set(1.0, first)

    assert queue.fire(2.0) == 2
    assert (fired, len(queue)) == (["at once"], 1)


def test_after_a_callback_that_raises_the_others_are_still_due():
    queue, fired = TimerQueue(), []
    queue.set(1.0, lambda now: 1 / 0)
    queue.set(1.0, fired.append)

    with pytest.raises(ZeroDivisionError):
        queue.fire(1.0)

    assert queue.fire(1.0) == 1
    assert fired == [1.0]


def test_cancelled_timers_do_not_pile_up():
    """A worker cancels a timer B of 32 s for nearly every request: it must not carry half a minute of them."""
    queue = TimerQueue()
    keep = [queue.set(1e6 + number, lambda now: None) for number in range(100)]

    for number in range(20 * MAX_CANCELLED):
        queue.set(32.0 + number, lambda now: None).cancel()
        assert len(queue._heap) <= 2 * len(keep) + 2 * MAX_CANCELLED

    assert len(queue) == len(keep)
    assert queue.next_deadline() == 1e6


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=60), st.floats(0, 100))
def test_exactly_the_timers_that_are_due_and_not_cancelled_fire_in_order(plan, now):
    queue, fired = TimerQueue(), []
    for when, cancelled in plan:
        timer = queue.set(when, lambda _, when=when: fired.append(when))
        if cancelled:
            timer.cancel()

    queue.fire(now)

    assert fired == sorted(when for when, cancelled in plan if not cancelled and when <= now)
    assert len(queue) == sum(not cancelled and when > now for when, cancelled in plan)
