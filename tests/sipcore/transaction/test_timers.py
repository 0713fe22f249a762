from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipcore.transaction import NEVER, Timed, TimerQueue, Timers
from sipcore.transaction.timers import MAX_STALE

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


class Bell(Timed):
    __slots__ = ("due", "queued_for", "ring")

    def __init__(self, ring):
        self.ring = ring
        self.due = self.queued_for = NEVER

    def time_reached(self, now):
        self.ring(now)


def set_bell(queue, when, ring):
    bell = Bell(ring)
    queue.set(bell, when)
    return bell


def test_timers_fire_in_order_once_they_are_due():
    queue, fired = TimerQueue(), []
    for when in (3.0, 1.0, 2.0):
        set_bell(queue, when, lambda now, when=when: fired.append((when, now)))

    assert queue.next_deadline() == 1.0
    assert queue.fire(0.9) == 0
    assert queue.fire(2.5) == 2
    assert fired == [(1.0, 2.5), (2.0, 2.5)]
    assert (queue.next_deadline(), len(queue)) == (3.0, 1)


def test_timers_of_the_same_moment_fire_in_the_order_they_were_set():
    queue, fired = TimerQueue(), []
    for name in "abc":
        set_bell(queue, 1.0, lambda now, name=name: fired.append(name))

    queue.fire(1.0)

    assert fired == ["a", "b", "c"]


def test_a_cancelled_timer_neither_fires_nor_counts():
    queue, fired = TimerQueue(), []
    timer = set_bell(queue, 1.0, fired.append)
    set_bell(queue, 2.0, fired.append)

    queue.cancel(timer)
    queue.cancel(timer)

    assert (len(queue), queue.next_deadline(), timer.due) == (1, 2.0, NEVER)
    assert queue.fire(5.0) == 1
    assert (fired, len(queue), queue.next_deadline()) == ([5.0], 0, None)


def test_cancelling_a_timer_that_has_fired_does_not_upset_the_count():
    queue = TimerQueue()
    timer = set_bell(queue, 1.0, lambda now: None)
    queue.fire(1.0)

    queue.cancel(timer)

    set_bell(queue, 2.0, lambda now: None)
    assert len(queue) == 1


def test_a_callback_may_set_and_cancel_timers():
    queue, fired = TimerQueue(), []
    later = set_bell(queue, 2.0, lambda now: fired.append("later"))

    def first(now):
        queue.cancel(later)
        set_bell(queue, now, lambda now: fired.append("at once"))
        set_bell(queue, now + 1, lambda now: fired.append("tomorrow"))

    set_bell(queue, 1.0, first)

    assert queue.fire(2.0) == 2
    assert (fired, len(queue)) == (["at once"], 1)


def test_after_a_callback_that_raises_the_others_are_still_due():
    queue, fired = TimerQueue(), []
    set_bell(queue, 1.0, lambda now: 1 / 0)
    set_bell(queue, 1.0, fired.append)

    with pytest.raises(ZeroDivisionError):
        queue.fire(1.0)

    assert queue.fire(1.0) == 1
    assert fired == [1.0]


def test_cancelled_timers_do_not_pile_up():
    """A worker cancels a timer B of 32 s for nearly every request: it must not carry half a minute of them."""
    queue = TimerQueue()
    keep = [set_bell(queue, 1e6 + number, lambda now: None) for number in range(100)]

    for number in range(20 * MAX_STALE):
        queue.cancel(set_bell(queue, 32.0 + number, lambda now: None))
        assert len(queue._all()) <= 2 * len(keep) + 2 * MAX_STALE

    assert len(queue) == len(keep)
    assert queue.next_deadline() == 1e6


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=60), st.floats(0, 100))
def test_exactly_the_timers_that_are_due_and_not_cancelled_fire_in_order(plan, now):
    queue, fired = TimerQueue(), []
    for when, cancelled in plan:
        timer = set_bell(queue, when, lambda _, when=when: fired.append(when))
        if cancelled:
            queue.cancel(timer)

    queue.fire(now)

    assert fired == sorted(when for when, cancelled in plan if not cancelled and when <= now)
    assert len(queue) == sum(not cancelled and when > now for when, cancelled in plan)


def test_what_is_put_off_is_called_once_and_then():
    queue, fired = TimerQueue(), []
    bell = set_bell(queue, 1.0, fired.append)

    for when in (3.0, 2.0, 2.5):
        queue.set(bell, when)

    assert (queue.next_deadline(), len(queue)) == (2.5, 1)
    assert [queue.fire(now) for now in (2.4, 2.6, 9.0)] == [0, 1, 0]
    assert (fired, len(queue), queue.next_deadline()) == ([2.6], 0, None)


MOVES = st.lists(
    st.tuples(st.integers(0, 3), st.one_of(st.none(), st.floats(0, 40)), st.one_of(st.just(0.0), st.floats(0, 3))),
    max_size=80,
)


@given(MOVES)
def test_whatever_is_set_put_off_and_given_up_each_is_called_when_it_is_due(moves):
    """Against a queue that looks at everything there is, each time."""
    queue, now, due, expected, called = TimerQueue(), 0.0, {}, [], []
    bells = [Bell(lambda now, number=number: called.append((number, now))) for number in range(4)]
    for number, after, passes in moves:
        if after is None:
            queue.cancel(bells[number])
            due.pop(number, None)
        else:
            queue.set(bells[number], now + after)
            due[number] = now + after
        now += passes
        expected += [(number, now) for number in sorted(due) if due[number] <= now]
        due = {number: when for number, when in due.items() if when > now}
        queue.fire(now)

        assert sorted(called) == sorted(expected)
        assert (len(queue), queue.next_deadline()) == (len(due), min(due.values(), default=None))
