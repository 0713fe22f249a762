"""Microseconds of CPU per operation of `sipcore.store` and `sipcore.ebr`: python benchmarks/store.py [RATE]

A private server on a unix socket, and RATE operations a second (2000), one for each datagram that a feeder sends, as a
busy worker has them: at a steady rate the cost of waking up is part of it, which a burst would hide. What the datagram
costs by itself is measured in turn and taken off. `client` is this process, `server` the Redis server.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import uvloop

from sipcore.contract.calls import BranchState, CallState
from sipcore.contract.events import E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE
from sipcore.contract.location import Binding, BindingChanges
from sipcore.contract.records import replace
from sipcore.ebr import EventRouting, compile_conditions
from sipcore.store.redis_store import RedisStore
from tests.store.server import RedisServer, find_server

SECONDS = 2.0
PHONES = 10_000

Operation = Callable[[int], Awaitable[object] | None]


def server_cpu(server: RedisServer) -> float:
    """CPU seconds that the server has used."""
    nanoseconds = Path(f"/proc/{server.pid}/schedstat").read_text().split()[0]
    return int(nanoseconds) / 1e9


def feed(sending: socket.socket, rate: float) -> None:
    """In a process of its own: one datagram for each operation, as phones send them."""
    started, done = time.monotonic(), 0
    while (elapsed := time.monotonic() - started) < SECONDS:
        while done < elapsed * rate:
            sending.send(b"x")
            done += 1
        time.sleep(0.0002)
    sending.send(b"")


async def pace(operation: Operation, rate: float, server: RedisServer) -> tuple[float, float]:
    """Run once for each datagram of a feeder; CPU seconds per operation of client and server."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task] = set()
    receiving, sending = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiving.setblocking(False)
    over = loop.create_future()
    done = 0

    def readable() -> None:
        nonlocal done
        for _ in range(64):
            try:
                if not receiving.recv(16):
                    over.set_result(None)
                    return
            except BlockingIOError:
                return
            pending = operation(done)
            if pending is not None:
                task = loop.create_task(pending)
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            done += 1

    feeder = multiprocessing.get_context("fork").Process(target=feed, args=(sending, rate))
    feeder.start()
    gc.collect()
    client, remote = time.process_time(), server_cpu(server)
    loop.add_reader(receiving, readable)
    await over
    loop.remove_reader(receiving)
    if tasks:
        await asyncio.wait(tasks)
    client, remote = time.process_time() - client, server_cpu(server) - remote
    feeder.join()
    receiving.close()
    sending.close()
    return client / done, remote / done


async def measure(name: str, operation: Operation, rate: float, server: RedisServer) -> None:
    """Print the median of three rounds, each against a round that does nothing."""

    async def nothing() -> None:
        pass

    awaits = asyncio.iscoroutinefunction(operation)
    rounds = []
    for _ in range(3):
        idle, _ = await pace((lambda number: nothing()) if awaits else (lambda number: None), rate, server)
        client, remote = await pace(operation, rate, server)
        rounds.append((client - idle, remote, idle))
    client, remote, idle = (1e6 * statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"{name:42} {rate:6.0f}/s   client {client:6.1f} us   server {remote:6.1f} us   (arrival alone {idle:.1f})")


async def main(rate: float) -> None:
    binary = find_server()
    assert binary is not None, "no valkey-server"
    with tempfile.TemporaryDirectory(prefix="pbx-bench-") as directory:
        server = RedisServer(binary, Path(directory))
        server.start()
        try:
            await run(rate, server)
        finally:
            server.kill()


async def run(rate: float, server: RedisServer) -> None:
    ids = count()
    store = RedisStore(
        server.url,
        "w1",
        time.time,
        compile_conditions=compile_conditions,
        deliver=lambda sub, event: routing.deliver(sub, event),
    )
    loop = asyncio.get_running_loop()
    running: set[asyncio.Task] = set()

    def start(coroutine):
        task = loop.create_task(coroutine)
        running.add(task)
        task.add_done_callback(running.discard)

    routing = EventRouting(
        store.event_bus, "w1", lambda: f"w1-{next(ids):x}", loop.time, time.time, start, loop.call_at
    )
    assert await store.start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)

    async def register(number: int) -> None:
        aor = f"{number % PHONES}@pbx.example.org"

        def change(current: tuple[Binding, ...]) -> BindingChanges:
            now = time.time()
            if current:
                (old,) = current
                new = replace(old, cseq=old.cseq + 1, expires_at=now + 3600, refreshed_at=now)
                return BindingChanges(aor, (new,), updated=(new,))
            new = binding(aor, now)
            return BindingChanges(aor, (new,), inserted=(new,))

        await store.location.update(aor, change)

    known = [f"{number}@pbx.example.org" for number in range(PHONES)]

    async def look_up(number: int) -> None:
        await store.location.lookup(known[number % PHONES], fresh=True)

    contact = attributes(binding("bob@pbx.example.org", time.time()))

    def raise_event(number: int) -> None:
        routing.raise_event(E_UL_CONTACT_UPDATE, contact)

    def subscribe(number: int) -> None:
        call = object()
        routing.notify_on_event(
            (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE), {"aor": known[number % PHONES]}, print, 20, bound_to=call
        )
        loop.call_later(0.2, routing.release, call, "tx-final")

    def call(number: int) -> None:
        for state, after in (("setup", 0.0), ("ringing", 0.01), ("answered", 0.2)):
            loop.call_later(after, store.call_board.put, board_call(f"c{number}", state))
        loop.call_later(0.4, store.call_board.remove, f"c{number}")
        loop.call_later(0.4, store.call_board.record, board_call(f"c{number}", "ended"))

    for first in range(0, PHONES, 1000):
        await asyncio.gather(*(register(number) for number in range(first, first + 1000)))
    await measure("update of a known binding", register, rate, server)
    await measure("look-up of a known AoR", look_up, rate, server)
    await measure("raise an event that nobody waits for", raise_event, rate, server)
    await measure("subscribe, and release 0.2 s later", subscribe, rate / 2, server)
    await measure("a call on the board, put 3 times, recorded", call, rate / 4, server)
    await asyncio.sleep(0.5)
    await store.close()


def binding(aor: str, now: float) -> Binding:
    user = aor.partition("@")[0]
    return Binding(
        aor,
        "<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>",
        f"sip:{user}@192.0.2.17:5062;transport=udp",
        now + 3600,
        f"{user}FpLxk3uxtm8tn@192.0.2.17",
        1,
        1.0,
        "<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>",
        host="198.51.100.7",
        port=40001,
        worker="w1",
        socket="udp:192.0.2.1:5060",
        user_agent="Example Phone 5.2",
        methods=("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "MESSAGE"),
        registered_at=now,
        refreshed_at=now,
    )


def attributes(bound: Binding) -> dict:
    from sipcore.contract.records import to_dict

    return {
        "domain": "location",
        "aor": bound.aor,
        "uri": bound.contact,
        "received": "sip:198.51.100.7:40001",
        "path": "",
        "qval": 10,
        "user_agent": bound.user_agent,
        "socket": bound.socket,
        "expires": 1_800_000_000,
        "expires_in": 3600,
        "callid": bound.call_id,
        "cseq": 1,
        "instance_id": bound.instance_id,
        "transport": "udp",
        "key": bound.key,
        "binding": to_dict(bound),
    }


def board_call(uid: str, state: str) -> CallState:
    branch = BranchState(
        "b1", "102@pbx.example.org", "sip:102@192.0.2.17:5062", "Example Phone 5.2", "lookup", "ringing", 180
    )
    return CallState(
        uid,
        f"{uid}@192.0.2.9",
        "101@pbx.example.org",
        "Alice",
        "102",
        "102@pbx.example.org",
        state,
        ("1",),
        1_800_000_000.0,
        1_800_000_000.5,
        worker="w1",
        branches=(branch,),
    )


if __name__ == "__main__":
    uvloop.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 2000.0))
