"""Several workers: how late an event is at another one, and what a call costs: python benchmarks/across_workers.py

First, event to handler. A worker has thousands of live subscriptions, another raises events that one of them each waits
for; both are processes of their own on a Redis of their own, joined as the product joins them. From raising to the handler's
first step, by the clock that all processes of a machine share.

Second, calls. One, two or four workers behind one port, and SIPp with a socket for each call, so that the kernel spreads them. CPU of
all workers for a call, beside that of a single one; how many responses and requests were handed over follows from chance: a phone's
messages come to the owner of its call once in as many as there are workers. Wall-clock figures mean little on a machine with fewer
cores than workers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.late_register import percentiles
from benchmarks.rig.phones import REALM, Phone
from benchmarks.rig.servers import Sipcore, free_port
from benchmarks.rig.sipp import Answering, run_scenario, write_rows
from sipcore.contract.events import Event, declare_event
from sipcore.ebr import EventRouting, compile_conditions
from sipcore.store.redis_store import RedisStore
from sipcore.tokens import event_ids

BUDGET_MS = {"p50_ms": 0.5, "p99_ms": 3.0}
WARM_UP = 200
E_BENCHMARK = declare_event("E_BENCHMARK", index=("aor",), aor=str, raised_at=int)


class Worker:
    """The store and the event-based routing of one worker, without its SIP side."""

    def __init__(self, url: str, name: str) -> None:
        loop = asyncio.get_running_loop()
        self.store = RedisStore(
            url,
            name,
            time.time,
            compile_conditions=compile_conditions,
            deliver=lambda subscription, event: self.routing.deliver(subscription, event),
        )
        self.routing = EventRouting(
            self.store.event_bus,
            name,
            event_ids(name, time.time),
            monotonic=loop.time,
            epoch=time.time,
            run=_run,
            timers=loop.call_at,
        )

    async def start(self) -> None:
        """Connect."""
        if not await self.store.start():
            raise RuntimeError("no Redis")


def _run(coroutine: Coroutine[Any, Any, None], name: str = "") -> None:
    """As the driver's runner: in the turn that starts it. This handler never waits."""
    with suppress(StopIteration):
        coroutine.send(None)


async def own(url: str, subscriptions: int, events: int, pipe: Any) -> None:
    """The owner of the subscriptions: tells when they are there, and then how late each event was, in milliseconds."""
    worker = Worker(url, "owner")
    await worker.start()
    late: list[float] = []
    done = asyncio.Event()

    async def handler(event: Event, _: object) -> None:
        late.append((time.monotonic_ns() - event.raised_at) / 1e6)
        if len(late) == events:
            done.set()

    pipe.send("started")
    while not worker.store.event_bus.has_peers:  # noqa: ASYNC110 - the store has no event for this
        await asyncio.sleep(0.01)
    for number in range(subscriptions):
        worker.routing.notify_on_event(E_BENCHMARK, {"aor": f"u{number}@{REALM}"}, handler, 300.0)
        if number % 100 == 99:
            await worker.store.event_bus.subscribed()
    pipe.send("subscribed")
    async with asyncio.timeout(events / 50 + 20):
        await done.wait()
    pipe.send(late)
    await worker.store.close()


async def raise_events(url: str, subscriptions: int, events: int, rate: float, pipe: Any) -> None:
    """The other worker."""
    worker = Worker(url, "raiser")
    await worker.start()
    pipe.send("started")
    await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for number in range(events):
        await asyncio.sleep(max(0.0, begin + number / rate - loop.time()))
        attributes = {"aor": f"u{number % subscriptions}@{REALM}", "raised_at": time.monotonic_ns()}
        worker.routing.raise_event(E_BENCHMARK, attributes)
    await asyncio.sleep(2.0)
    await worker.store.close()


def _in_process(core: int, coroutine: Callable[..., Any], *arguments: Any) -> None:
    os.sched_setaffinity(0, {core})
    try:
        import uvloop
    except ImportError:
        asyncio.run(coroutine(*arguments))
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(coroutine(*arguments))


def measure_events(directory: Path, subscriptions: int, events: int, rate: float) -> dict[str, float]:
    """How late events are at another worker."""
    directory.mkdir()
    store = Sipcore(directory / "store", 1, [], digest=False)
    store.start_store()
    context = multiprocessing.get_context("spawn")
    owner, owners_end = context.Pipe()
    raiser, raisers_end = context.Pipe()
    total = events + WARM_UP
    processes = [
        context.Process(target=_in_process, args=(0, own, store.url, subscriptions, total, owners_end)),
        context.Process(target=_in_process, args=(1, raise_events, store.url, subscriptions, total, rate, raisers_end)),
    ]
    try:
        for process in processes:
            process.start()
        raiser.recv(), owner.recv(), owner.recv()
        raiser.send("go")
        if not owner.poll(total / rate + 30):
            raise RuntimeError("not all events have arrived")
        late = owner.recv()
    finally:
        for process in processes:
            process.join(20)
            process.kill()
        store.stop()
    return percentiles(late[WARM_UP:])


def measure_calls(directory: Path, workers: int, calls: int, rate: int) -> dict[str, float]:
    """CPU of so many workers for a call."""
    callees = [f"c{number}" for number in range(40)]
    settings = {"PBX_SIP_WORKERS": str(workers)}
    server = Sipcore(directory / f"calls-{workers}", 0, ["alice", *callees], digest=False, settings=settings)
    answering = [Answering(directory, 1) for _ in range(8)]
    try:
        server.start()
        for number, callee in enumerate(callees):
            phone = Phone(server.address)
            phone.register(callee, f"sip:{callee}@127.0.0.1:{answering[number % len(answering)].port}")
            phone.close()
        rows = write_rows(directory / "callees.csv", [[callee] for callee in callees])
        run_scenario("call", server.address, rows, units=rate, rate=rate, core=1, port=free_port(), socket_each=True)
        before = server.cpu()
        outcome = run_scenario(
            "call", server.address, rows, units=calls, rate=rate, core=1, port=free_port(), socket_each=True
        )
        spent = [after - since for after, since in zip(server.cpu(), before, strict=True)]
    finally:
        for each in answering:
            each.stop()
        server.stop()
    *sip, redis = spent
    return {
        "us_per_call": round(sum(sip) / max(outcome.done, 1) * 1e6),
        "us_redis": round(redis / max(outcome.done, 1) * 1e6),
        "busiest_worker": round(max(sip) / sum(sip), 2),
        "failed": outcome.failed,
        "resent": outcome.retransmitted,
    }


def main() -> int:
    """Measure, print, and return 1 when an event is later than its budget or a call has failed."""
    parser = argparse.ArgumentParser(description="Several workers: events and calls.")
    parser.add_argument("--subscriptions", type=int, default=2000, help="that are live")
    parser.add_argument("--events", type=int, default=3000)
    parser.add_argument("--rate", type=int, default=200, help="events, or calls, a second")
    parser.add_argument("--calls", type=int, default=1000, help="for each number of workers; 0 leaves them out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="pbx-bench-") as made:
        rounds = [
            measure_events(Path(made) / str(number), arguments.subscriptions, arguments.events, arguments.rate)
            for number in range(arguments.rounds)
        ]
        late = {name: statistics.median(each[name] for each in rounds) for name in BUDGET_MS}
        figures["event_to_handler"] = late
        print(f"event to handler at another worker: p50 {late['p50_ms']} ms, p99 {late['p99_ms']} ms")
        for workers in (1, 2, 4) if arguments.calls else ():
            of_calls = measure_calls(Path(made), workers, arguments.calls, arguments.rate)
            figures[f"calls_{workers}_workers"] = of_calls
            print(f"calls, {workers} worker(s): {', '.join(f'{name} {value}' for name, value in of_calls.items())}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    failed = any(each["failed"] for name, each in figures.items() if name.startswith("calls"))
    return int(failed or any(late[name] > budget for name, budget in BUDGET_MS.items()))


if __name__ == "__main__":
    sys.exit(main())
