"""Timer values of RFC 3261 §17 (table 4), and the one queue in which all timers of a worker wait.

Nothing in here looks at a clock. Something waits for a moment, and whoever owns the queue says what time it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING

__all__ = ["NEVER", "Timed", "TimerQueue", "Timers"]

NEVER = inf

MAX_STALE = 512
"How many entries that mean nothing the queue carries at least before it looks whether they are the majority."

BUCKETS_PER_SECOND = 4
"A power of two, so that no rounding tells a moment's bucket wrong."


@dataclass(frozen=True, slots=True)
class Timers:
    """The timers of RFC 3261 and RFC 6026, in seconds, all derived from three.

    The values are those for unreliable transports; over reliable ones the machines leave out A, E and G and take D, I,
    J and K as zero. Tests may shrink them; nobody else should.
    """

    t1: float = 0.5
    "Estimate of the round-trip time (§17.1.1.1)."
    t2: float = 4.0
    "Longest interval between retransmissions of a non-INVITE request or of a response to INVITE."
    t4: float = 5.0
    "How long a message may stay in the network."

    timer_a: float = field(init=False)
    "First interval between retransmissions of INVITE; it doubles each time, without end (§17.1.1.2)."
    timer_b: float = field(init=False)
    "How long an INVITE waits for any response."
    timer_d: float = field(init=False)
    "How long a client absorbs retransmissions of a final response to INVITE other than 2xx: at least 32 s."
    timer_e: float = field(init=False)
    "First interval between retransmissions of other requests; it doubles up to T2 (§17.1.2.2)."
    timer_f: float = field(init=False)
    "How long any other request waits for its final response."
    timer_g: float = field(init=False)
    "First interval between retransmissions of a final response to INVITE; it doubles up to T2 (§17.2.1)."
    timer_h: float = field(init=False)
    "How long a server waits for the ACK."
    timer_i: float = field(init=False)
    "How long a server absorbs further ACKs."
    timer_j: float = field(init=False)
    "How long a server absorbs retransmissions of a request other than INVITE (§17.2.2)."
    timer_k: float = field(init=False)
    "How long a client absorbs retransmissions of a response to a request other than INVITE."
    timer_l: float = field(init=False)
    "How long a server absorbs INVITEs, and sends further 2xx, after its first 2xx (RFC 6026 §7.1)."
    timer_m: float = field(init=False)
    "How long a client lets further 2xx to INVITE through (RFC 6026 §7.2)."
    cancel_timeout: float = field(init=False)
    "How long a cancelled INVITE waits for its final response once the CANCEL is sent (§9.1)."

    def __post_init__(self) -> None:
        for name, seconds in {
            "timer_a": self.t1,
            "timer_b": 64 * self.t1,
            "timer_d": 64 * self.t1,
            "timer_e": self.t1,
            "timer_f": 64 * self.t1,
            "timer_g": self.t1,
            "timer_h": 64 * self.t1,
            "timer_i": self.t4,
            "timer_j": 64 * self.t1,
            "timer_k": self.t4,
            "timer_l": 64 * self.t1,
            "timer_m": 64 * self.t1,
            "cancel_timeout": 64 * self.t1,
        }.items():
            object.__setattr__(self, name, seconds)


class Timed:
    """Whatever waits for a moment: for one at a time, at which `time_reached` is called.

    It is its own timer, for there are three or four of these in each call and nearly all are put off, or given up, long
    before they are due. The slots are those of the classes below it.
    """

    if not TYPE_CHECKING:  # to a checker these would be all there are
        __slots__ = ()

    due: float
    "When it is to be called; NEVER, as at first, for not at all. Set by the queue."
    queued_for: float
    "The moment of its earliest entry in the queue; NEVER while there is none."

    def time_reached(self, now: float) -> None:
        """The moment has come."""
        raise NotImplementedError


class TimerQueue:
    """All that wait for a moment: those that are due soon in a heap, all others in buckets of a quarter of a second.

    What is put off keeps its place, and goes to its new one when that comes up. What is given up just says so. A bucket
    costs an append, and only what is left of it when its time comes is put in order, in a heap that stays small.

    Entries that mean nothing any more go when their bucket is opened, or together once they may be the majority by far, so
    the queue never holds more than four times what waits (and MAX_STALE).
    """

    __slots__ = ("_buckets", "_given_up", "_heap", "_horizon", "_numbers", "_patience", "_sequence")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timed]] = []  # tuples are compared without running Python
        self._buckets: dict[int, list[Timed]] = {}
        self._numbers: list[int] = []  # a heap of the keys of _buckets
        self._horizon = 0  # buckets before this number have been opened: what is due then goes to the heap
        self._sequence = 0
        self._given_up = 0  # since the last look at how many entries that has left
        self._patience = MAX_STALE  # so many are given up until the next look, which costs a look at all

    def __len__(self) -> int:
        """How many wait for a moment. Counted anew, so not for often."""
        return sum(timed.due != NEVER for timed in self._all())

    def set(self, timed: Timed, when: float) -> None:
        """Have it called by the first `fire` at or after `when`, and not when it had waited for until now.

        Equal moments come in the order in which they were set, unless they were put off.
        """
        timed.due = when
        if when < timed.queued_for:
            timed.queued_for = when
            number = int(when * BUCKETS_PER_SECOND)
            if number < self._horizon:
                self._sequence = sequence = self._sequence + 1
                heappush(self._heap, (when, sequence, timed))
            else:
                try:
                    self._buckets[number].append(timed)
                except KeyError:
                    self._buckets[number] = [timed]
                    heappush(self._numbers, number)

    def cancel(self, timed: Timed) -> None:
        """Have it not called. Harmless when it does not wait."""
        if timed.due != NEVER:
            timed.due = NEVER
            self._given_up = given_up = self._given_up + 1
            if given_up > self._patience:
                self._look_after_the_stale()

    def next_deadline(self) -> float | None:
        """When the next one is due; None when nothing waits."""
        heap = self._heap
        while True:
            if heap:  # no bucket has anything earlier
                when, _, timed = heap[0]
                if timed.due == when:
                    return when
                heappop(heap)
                if timed.queued_for == when:
                    self._requeue(timed)
            elif self._numbers:
                self._open_bucket()
            else:
                return None

    def fire(self, now: float) -> int:
        """Call all that are due, in order, and return how many were.

        What is set meanwhile for a moment already past comes in the same call. One that raises ends the call; those after
        it stay, due.
        """
        horizon = int(now * BUCKETS_PER_SECOND) + 1
        while self._numbers and self._numbers[0] < horizon:
            self._open_bucket()
        self._horizon = max(self._horizon, horizon)
        heap = self._heap
        fired = 0
        while heap and heap[0][0] <= now:
            when, _, timed = heappop(heap)
            if timed.queued_for == when:  # else it was entered anew elsewhere
                if timed.due == when:
                    timed.due = timed.queued_for = NEVER
                    fired += 1
                    timed.time_reached(now)
                else:
                    self._requeue(timed)
        return fired

    def _requeue(self, timed: Timed) -> None:
        """Its entry has been taken out; enter it where it belongs, if it still waits."""
        timed.queued_for = NEVER
        if timed.due != NEVER:
            self.set(timed, timed.due)

    def _open_bucket(self) -> None:
        number = heappop(self._numbers)
        self._horizon = max(self._horizon, number + 1)
        for timed in self._buckets.pop(number):
            if timed.queued_for != NEVER and int(timed.queued_for * BUCKETS_PER_SECOND) == number:
                self._requeue(timed)

    def _all(self) -> list[Timed]:
        """Each that has an entry, once."""
        entered = [entry[2] for entry in self._heap]
        for bucket in self._buckets.values():
            entered += bucket
        return list({id(timed): timed for timed in entered}.values())

    def _look_after_the_stale(self) -> None:
        self._given_up = 0
        entered = self._all()
        if sum(timed.due == NEVER for timed in entered) * 2 > len(entered):
            # The lists are changed in place: `fire` may be in the middle of them.
            self._heap.clear()
            self._numbers.clear()
            self._buckets.clear()
            for timed in entered:
                self._requeue(timed)
        self._patience = max(MAX_STALE, 2 * len(self))
