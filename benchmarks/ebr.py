"""What event-based routing costs while 50 000 subscriptions are live: python benchmarks/ebr.py

One worker, its index and its lanes, and nothing outside of the process: the bus does nothing. An event that matches runs a
route that returns at once. Subscribing is for two events and one AoR, as the shipped script does it for each call, with what
ends it. Bytes are those that Python has allocated, by `tracemalloc`, without the transaction that a subscription is bound to.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import tracemalloc
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from sipcore.contract.events import E_TX_CREATED, E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE
from sipcore.ebr import EventRouting

ARRIVALS = (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE)


class NoBus:
    """A worker alone, of which nobody sees anything."""

    has_peers = False

    def wants(self, name: str) -> bool:
        return False

    def subscribe(self, record: Any) -> None: ...
    def unsubscribe(self, record: Any) -> None: ...
    def publish(self, event: Any) -> None: ...
    def offer(self, event: Any) -> None: ...
    async def subscribed(self) -> None: ...


class NoTimer:
    def cancel(self) -> None: ...


def run(coroutine: Coroutine[Any, Any, None], *more: Any) -> None:
    """Run a route that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("a route of this benchmark waits")


def make() -> EventRouting:
    ids = count()
    return EventRouting(
        NoBus(),  # type: ignore[arg-type]
        "w1",
        lambda: f"{time.time_ns():016x}-{next(ids)}",
        monotonic=time.monotonic,
        epoch=time.time,
        run=run,
        timers=lambda when, then: NoTimer(),
    )


async def route(event: Any, call: Any) -> None:
    """A notification route."""


def contact(number: int) -> dict[str, Any]:
    return {
        "domain": "location",
        "aor": f"{number}@pbx.example",
        "uri": f"sip:{number}@198.51.100.7:5060",
        "transport": "udp",
        "expires_in": 600,
        "key": f"sip:{number}@198.51.100.7:5060",
    }


def microseconds(unit: Callable[[int], object], times: int, rounds: int = 5) -> float:
    """The best of some rounds: what else the machine does can only add to it."""
    best = float("inf")
    for turn in range(rounds):
        gc.collect()
        started = time.process_time()
        for number in range(turn * times, (turn + 1) * times):
            unit(number)
        best = min(best, (time.process_time() - started) / times)
    return best * 1e6


class Call:
    """What a subscription is bound to."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--live", type=int, default=50_000, help="subscriptions that are live meanwhile")
    live = parser.parse_args().live
    routing = make()
    calls = [Call() for _ in range(live)]
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number, call in enumerate(calls):
        routing.notify_on_event(ARRIVALS, {"aor": f"{number}@pbx.example"}, route, 60, bound_to=call, call_uid="c1")
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    gc.freeze()
    print(f"{(after - before) / live:8.0f} bytes for each of {live} live subscriptions")

    def subscribe(number: int) -> None:
        call = Call()
        routing.notify_on_event(ARRIVALS, {"aor": f"x{number}@pbx.example"}, route, 60, bound_to=call, call_uid="c1")
        routing.release(call, "tx-final")

    def matched(number: int) -> None:
        routing.tell(E_UL_CONTACT_UPDATE, contact(number % live))

    def unmatched(number: int) -> None:
        routing.tell(E_UL_CONTACT_UPDATE, contact(live + number))

    def raised(number: int) -> None:
        routing.raise_event(E_UL_CONTACT_UPDATE, contact(number % live))

    evaluated = routing.evaluations
    matched(0)
    print(f"{routing.evaluations - evaluated:8} filters evaluated for one REGISTER")
    making = microseconds(contact, 20_000)
    for what, unit in (
        ("an event that one waits for, its route included", matched),
        ("the same, raised by a script: checked and copied", raised),
        ("an event that nobody waits for", unmatched),
    ):
        print(f"{microseconds(unit, 10_000) - making:8.2f} us  {what}")
    print(f"{microseconds(subscribe, 10_000):8.2f} us  subscribe and release")
    print(
        f"{microseconds(lambda number: routing.wants(E_TX_CREATED), 50_000):8.3f} us  ask whether a quiet event is wanted"
    )
    for call in calls:
        routing.release(call, "tx-final")
    if routing.count:
        raise SystemExit(f"{routing.count} subscriptions are left")


if __name__ == "__main__":
    main()
