"""Microseconds of CPU and function calls per REGISTER and per call, bytes in and bytes out: python benchmarks/script.py

One worker with the shipped script and its Redis ports, and nothing outside of the process: the network is a list, and
Redis a connection that says yes at once. What the kernel and Redis cost is missing here; see `against_kamailio.py`.

How many functions are called, C functions included, is the same on a busy machine and an idle one, so that is what to
compare before and after a change. `--profile` prints where they are, `--digest` has every request authenticated.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import logging
import pstats
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import hiredis
import uvloop

import sipcore.routes
from sipcore.assembly import Ports, assemble, make_edge
from sipcore.contract.credentials import ha1
from sipcore.contract.directory import SubscriberRecord
from sipcore.contract.flow import Flow
from sipcore.contract.jobs import Job
from sipcore.ebr import compile_conditions
from sipcore.proxy.core import Outbound
from sipcore.script.loader import load_script
from sipcore.script.settings import ScriptSettings
from sipcore.store.call_board import RECORD
from sipcore.store.memory import MemoryDirectory, MemoryStore
from sipcore.store.redis_store import RedisStore
from sipcore.transport.arrival import Arrival

SHIPPED = Path(sipcore.routes.__file__).parent / "pbx.py"
CALLER, PHONE = Flow("udp", "127.0.0.1", 5070), Flow("udp", "127.0.0.2", 5071)
USERS = 50
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


class YesLink:
    """Stands for the connection to Redis: everything succeeds, in the next turn of the loop."""

    is_open = True
    is_paused = False

    def __init__(self, store: RedisStore) -> None:
        self._received = store.pipe._received
        self._reader = hiredis.Reader()
        self.commands = 0

    def write(self, data: bytes) -> None:
        """Take commands and answer them."""
        asyncio.get_running_loop().call_soon(self._answer, data)

    def _answer(self, data: bytes) -> None:
        self._reader.feed(data)
        while (command := self._reader.gets()) is not False:
            self.commands += 1
            self._received([] if command[0] == b"HGETALL" else self._yes(command))

    @staticmethod
    def _yes(command: list[bytes]) -> int:
        return 0 if command[:2] == [b"EVALSHA", RECORD.sha] else 1


class Bench:
    """The worker, and what it sends."""

    def __init__(self, *, digest: bool) -> None:
        loop = asyncio.get_running_loop()
        settings = ScriptSettings(domains=("pbx.example",), trusted_sources=() if digest else ("127.0.0.0/8",))
        store = RedisStore(
            "redis://unused",
            "w1",
            time.time,
            compile_conditions=compile_conditions,
            deliver=lambda id, event: self.driver.routing.deliver(id, event),
        )
        self.redis = YesLink(store)
        store.pipe._link = self.redis  # type: ignore[assignment]
        directory = MemoryStore(time.time)
        for number in range(USERS):
            user = f"{100 + number}"
            hashes = {name: ha1(name, user, "pbx.example", "secret") for name in ("MD5", "SHA-256")}
            record = SubscriberRecord(f"{user}@pbx.example", user, "pbx.example", hashes)
            directory.subscribers[record.aor] = record
        self.sent: list[bytes] = []
        self._wanted = 0
        self._enough: asyncio.Future[None] = loop.create_future()
        self.driver = assemble(
            worker="w1",
            edge=make_edge("w1", {"udp": ("127.0.0.1", 5060)}, settings.domains, b"s" * 32),
            settings=settings,
            ports=Ports(store.location, MemoryDirectory(directory), store.event_bus, store.call_board, self),
            routes=load_script(SHIPPED),
            send=self._send,
            secret=b"n" * 32,
            epoch=time.time,
            aliases=frozenset({"localhost"}),
            is_connected=lambda flow: False,
            socket_of=lambda flow: "udp:127.0.0.1:5060",
        )
        self._arrival = Arrival(self.driver.message_received, self.driver.malformed_received)
        self._loop = loop

    def submit(self, job: Job) -> bool:
        """Take a job, instead of Celery."""
        return True

    def _send(self, outbound: Outbound) -> None:
        self.sent.append(outbound.data)
        if len(self.sent) == self._wanted:
            self._enough.set_result(None)

    async def feed(self, data: bytes, flow: Flow, answers: int) -> list[bytes]:
        """Give the worker a datagram and return what it says to it, which is that many datagrams."""
        self.sent, self._wanted, self._enough = [], answers, self._loop.create_future()
        self._arrival.received(data, flow)
        self.driver.pump()
        if answers and not self._enough.done():
            await self._enough
        return self.sent


def header(message: bytes, name: bytes) -> bytes:
    """All lines of a header, with their line ends."""
    return b"".join(line + b"\r\n" for line in message.split(b"\r\n") if line.startswith(name))


def request(method: str, number: int, target: str, *lines: str, body: str = "", branch: str = "") -> bytes:
    """A request as SIPp writes it."""
    start = f"{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-{number}{branch};rport\r\n"
    rest = f"Max-Forwards: 70\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    return (start + "".join(f"{line}\r\n" for line in lines) + rest).encode()


async def register(bench: Bench, number: int) -> None:
    """One refresh of a phone."""
    user = 100 + number % USERS
    lines = (
        f"From: <sip:{user}@pbx.example>;tag=t{number}",
        f"To: <sip:{user}@pbx.example>",
        f"Call-ID: reg-{user}",
        f"CSeq: {number + 1} REGISTER",
        f"Contact: <sip:{user}@127.0.0.2:5071>",
        "Expires: 3600",
        "User-Agent: Deskphone 1.0",
    )
    (answer,) = await bench.feed(request("REGISTER", number, "sip:pbx.example", *lines), PHONE, 1)
    if answer.startswith(b"SIP/2.0 401"):
        credentials = _credentials(answer, "REGISTER", user)
        data = request("REGISTER", number, "sip:pbx.example", *lines, credentials, branch="a")
        (answer,) = await bench.feed(data, PHONE, 1)
    if not answer.startswith(b"SIP/2.0 200"):
        raise SystemExit(answer.decode())


def _credentials(challenge: bytes, method: str, user: int) -> str:
    from hashlib import md5

    nonce = challenge.partition(b'nonce="')[2].partition(b'"')[0].decode()
    first = ha1("MD5", f"{user}", "pbx.example", "secret")
    second = md5(f"{method}:sip:pbx.example".encode()).hexdigest()
    response = md5(f"{first}:{nonce}:00000001:abcd:auth:{second}".encode()).hexdigest()
    name = "Proxy-Authorization" if challenge.startswith(b"SIP/2.0 407") else "Authorization"
    return (
        f'{name}: Digest username="{user}", realm="pbx.example", nonce="{nonce}", uri="sip:pbx.example",'
        f' response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="abcd"'
    )


async def call(bench: Bench, number: int) -> None:
    """INVITE 100 180 200 ACK BYE 200."""
    caller, callee = 100 + number % USERS, 100 + (number + 1) % USERS
    common = (f"From: <sip:{caller}@pbx.example>;tag=c{number}", f"Call-ID: call-{number}")
    to, contact = f"To: <sip:{callee}@pbx.example>", f"Contact: <sip:{caller}@127.0.0.1:5070>"
    target = f"sip:{callee}@pbx.example"
    lines = (*common, to, contact, "CSeq: 1 INVITE", "Content-Type: application/sdp")
    sent = await bench.feed(request("INVITE", number, target, *lines, body=SDP), CALLER, 1)
    if sent[-1].startswith(b"SIP/2.0 407"):
        ack = request("ACK", number, target, *common, to, "CSeq: 1 ACK")
        await bench.feed(ack, CALLER, 0)
        credentials = _credentials(sent[-1], "INVITE", caller)
        lines = (*common, to, contact, "CSeq: 2 INVITE", "Content-Type: application/sdp", credentials)
        sent = await bench.feed(request("INVITE", number, target, *lines, body=SDP, branch="a"), CALLER, 2)
    forked = next((data for data in sent if data.startswith(b"INVITE")), None)
    if forked is None:
        raise SystemExit(b"".join(sent).decode())
    route = header(forked, b"Record-Route:")
    answer = (
        header(forked, b"Via:")
        + route
        + header(forked, b"From:")
        + header(forked, b"To:")[:-2]
        + f";tag=p{number}\r\n".encode()
        + header(forked, b"Call-ID:")
        + header(forked, b"CSeq:")
        + f"Contact: <sip:{callee}@127.0.0.2:5071>\r\n".encode()
    )
    await bench.feed(b"SIP/2.0 180 Ringing\r\n" + answer + b"Content-Length: 0\r\n\r\n", PHONE, 1)
    tail = f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}".encode()
    await bench.feed(b"SIP/2.0 200 OK\r\n" + answer + tail, PHONE, 1)
    target = f"sip:{callee}@127.0.0.2:5071"
    within = (*common, f"{to};tag=p{number}", *(line.replace("Record-Route", "Route") for line in _lines(route)))
    await bench.feed(request("ACK", number, target, *within, "CSeq: 1 ACK", branch="k"), CALLER, 1)
    (bye,) = await bench.feed(request("BYE", number, target, *within, "CSeq: 3 BYE", branch="b"), CALLER, 1)
    answer = b"".join(header(bye, name) for name in (b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:"))
    await bench.feed(b"SIP/2.0 200 OK\r\n" + answer + b"Content-Length: 0\r\n\r\n", PHONE, 1)


def _lines(headers: bytes) -> list[str]:
    return headers.decode().rstrip("\r\n").split("\r\n")


Unit = Callable[[Bench, int], Awaitable[None]]


async def measure(bench: Bench, unit: Unit, first: int, count: int, profile: Any = None) -> float:
    """Microseconds of CPU for each of `count` units; the profile, when given, is on meanwhile."""
    for number in range(first, first + USERS):
        await unit(bench, number)
    gc.collect()
    gc.freeze()
    started = time.process_time()
    if profile is not None:
        profile.enable()
    for number in range(first + USERS, first + USERS + count):
        await unit(bench, number)
    if profile is not None:
        profile.disable()
    return (time.process_time() - started) / count * 1e6


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", action="store_true", help="print the functions that take most of the time")
    parser.add_argument("--digest", action="store_true", help="challenge every REGISTER and INVITE")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    bench = Bench(digest=options.digest)
    number = 1
    for name, unit, count in (("REGISTER", register, 2000), ("call", call, 500)):
        best = float("inf")
        for _ in range(5):
            best = min(best, await measure(bench, unit, number, count))
            number += USERS + count
        profile = cProfile.Profile()
        await measure(bench, unit, number, count, profile)
        number += USERS + count
        stats = pstats.Stats(profile)
        print(f"{best:8.1f} us  {stats.total_calls / count:8.1f} function calls  {name}")
        if options.profile:
            stats.sort_stats("tottime").print_stats(60)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
