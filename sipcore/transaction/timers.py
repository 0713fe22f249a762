"""Timer values of RFC 3261 §17 (table 4), and the one queue in which all timers of a worker wait.

Nothing in here looks at a clock. A timer is set for a moment, and whoever owns the queue says what time it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

__all__ = ["Timer", "TimerQueue", "Timers"]

MAX_CANCELLED = 512
"How many cancelled timers the queue carries before it looks whether they are the majority."

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


class Timer:
    """One timer that was set; it fires once or is cancelled."""

    __slots__ = ("_callback", "_queue")

    def __init__(self, queue: TimerQueue, callback: Callable[[float], None]) -> None:
        self._queue = queue
        self._callback: Callable[[float], None] | None = callback

    @property
    def is_pending(self) -> bool:
        """Whether it has neither fired nor been cancelled."""
        return self._callback is not None

    def cancel(self) -> None:
        """See to it that the timer does not fire. Harmless when it has fired, or was cancelled before."""
        if self._callback is not None:
            self._callback = None  # also breaks the cycle timer -> bound method -> transaction -> timer
            self._queue._one_cancelled()


class TimerQueue:
    """All pending timers: those that are due soon in a heap, all others in buckets of a quarter of a second.

    Nearly every timer of SIP is cancelled long before it is due. In a bucket it costs an append to set and nothing to
    throw away; only what is left of a bucket when its time comes is put in order, in a heap that stays small.

    Cancelling only marks. The marked ones go when their bucket is opened, or together once they are the majority, so the
    queue never holds more than twice the pending timers (and MAX_CANCELLED).
    """

    __slots__ = ("_buckets", "_cancelled", "_heap", "_horizon", "_numbers", "_sequence", "_size")

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._buckets: dict[int, list[Entry]] = {}
        self._numbers: list[int] = []  # a heap of the keys of _buckets
        self._horizon = 0  # buckets before this number have been opened: their timers go to the heap
        self._sequence = 0
        self._size = 0  # entries in heap and buckets
        self._cancelled = 0  # of those

    def __len__(self) -> int:
        """How many timers are pending."""
        return self._size - self._cancelled

    def set(self, when: float, callback: Callable[[float], None]) -> Timer:
        """Have `callback(now)` called by the first `fire` at or after `when`. Equal moments fire in the order set."""
        timer = Timer(self, callback)
        self._sequence = sequence = self._sequence + 1
        self._size += 1
        number = int(when * BUCKETS_PER_SECOND)
        if number < self._horizon:
            heappush(self._heap, (when, sequence, timer))
        elif (bucket := self._buckets.get(number)) is not None:
            bucket.append((when, sequence, timer))
        else:
            self._buckets[number] = [(when, sequence, timer)]
            heappush(self._numbers, number)
        return timer

    def next_deadline(self) -> float | None:
        """When the next timer is due; None when there is none."""
        heap, numbers = self._heap, self._numbers
        while True:
            while heap and heap[0][2]._callback is None:
                heappop(heap)
                self._size -= 1
                self._cancelled -= 1
            if numbers and (not heap or heap[0][0] * BUCKETS_PER_SECOND >= numbers[0]):
                self._open_bucket()
            else:
                return heap[0][0] if heap else None

    def fire(self, now: float) -> int:
        """Call every timer that is due, in order, and return how many were.

        A timer that a callback sets for a moment already past fires in the same call. A callback that raises ends the
        call; the timers after it stay, due.
        """
        horizon = int(now * BUCKETS_PER_SECOND) + 1
        while self._numbers and self._numbers[0] < horizon:
            self._open_bucket()
        self._horizon = max(self._horizon, horizon)
        heap = self._heap
        fired = 0
        while heap and heap[0][0] <= now:
            timer = heappop(heap)[2]
            self._size -= 1
            callback = timer._callback
            if callback is None:
                self._cancelled -= 1
                continue
            timer._callback = None
            fired += 1
            callback(now)
        return fired

    def _open_bucket(self) -> None:
        number = heappop(self._numbers)
        entries = self._buckets.pop(number)
        self._horizon = max(self._horizon, number + 1)
        for entry in entries:
            if entry[2]._callback is not None:
                heappush(self._heap, entry)
            else:
                self._size -= 1
                self._cancelled -= 1

    def _one_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > MAX_CANCELLED and self._cancelled * 2 > self._size:
            self._sweep()

    def _sweep(self) -> None:
        # The lists are changed in place: `fire` may be in the middle of them.
        self._heap[:] = _pending(self._heap)
        heapify(self._heap)
        self._buckets = {number: kept for number, bucket in self._buckets.items() if (kept := _pending(bucket))}
        self._numbers[:] = sorted(self._buckets)
        self._size -= self._cancelled
        self._cancelled = 0


Entry = tuple[float, int, Timer]
"(when, sequence, timer): tuples are compared without running Python."


def _pending(entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry[2]._callback is not None]
