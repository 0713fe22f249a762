"""Microseconds of CPU and function calls per REGISTER and per call, bytes in and bytes out: python benchmarks/script.py

One worker with the shipped script and its Redis ports, and nothing outside of the process: the network is a list, and
Redis a connection that says yes at once. What the kernel and Redis cost is missing here; see `against_kamailio.py`.
Only the worker is on the clock: what the phones and Redis say is made beforehand, and datagrams come four at a time, as
they do at some thousand a second.

How many functions are called, C functions included, is the same on a busy machine and an idle one, so that is what to
compare before and after a change. `--profile` prints where they are, `--digest` has every request authenticated,
`--idle` has every request answered 404 by a script that does nothing else: the share of the core and of this bench.
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
from sipcore.script.route_table import RouteTable
from sipcore.script.settings import ScriptSettings
from sipcore.store.call_board import RECORD
from sipcore.store.memory import MemoryDirectory, MemoryStore
from sipcore.store.redis_store import RedisStore
from sipcore.transport.arrival import Arrival
from sipcore.worker import _tame_collector

SHIPPED = Path(sipcore.routes.__file__).parent / "pbx.py"
CALLER, PHONE = Flow("udp", "127.0.0.1", 5070), Flow("udp", "127.0.0.2", 5071)
USERS = 500
TOGETHER = 4  # datagrams of one wake-up
SETTLE = 0.06  # seconds; more than anything is gathered for
ROUNDS = 7
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


class YesLink:
    """Stands for the connection to Redis: everything succeeds, in the next turn of the loop."""

    is_open = True
    is_paused = False

    def __init__(self, store: RedisStore) -> None:
        self._received = store.pipe._received
        self._reader = hiredis.Reader()
        self.commands = 0
        self.seconds = 0.0
        "CPU seconds that this class has taken, which are not the worker's."

    def write(self, data: bytes) -> None:
        """Take commands and answer them."""
        started = time.process_time()
        self._reader.feed(data)
        answers = []
        while (command := self._reader.gets()) is not False:
            answers.append([] if command[0] == b"HGETALL" else self._yes(command))
        self.commands += len(answers)
        asyncio.get_running_loop().call_soon(self._answer, answers)
        self.seconds += time.process_time() - started

    def _answer(self, answers: list[Any]) -> None:
        for answer in answers:
            self._received(answer)

    @staticmethod
    def _yes(command: list[bytes]) -> int:
        return 0 if command[:2] == [b"EVALSHA", RECORD.sha] else 1


class Bench:
    """The worker, and what it sends."""

    def __init__(self, *, digest: bool) -> None:
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
        self.seconds = 0.0
        "CPU seconds of the worker."
        self.profile: cProfile.Profile | None = None
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

    def submit(self, job: Job) -> bool:
        """Take a job, instead of Celery."""
        return True

    def _send(self, outbound: Outbound) -> None:
        self.sent.append(outbound.data)

    async def feed(self, datagrams: list[bytes], flow: Flow, settle: float = 0.0) -> list[bytes]:
        """Give the worker these datagrams and return what it says to them."""
        self.sent = []
        received, pump = self._arrival.received, self.driver.pump
        started, others = time.process_time(), self.redis.seconds
        if self.profile is not None:
            self.profile.enable()
        for first in range(0, len(datagrams), TOGETHER):
            for data in datagrams[first : first + TOGETHER]:
                received(data, flow)
            pump()
            await asyncio.sleep(0)
        await asyncio.sleep(settle)
        if self.profile is not None:
            self.profile.disable()
        self.seconds += time.process_time() - started - (self.redis.seconds - others)
        return self.sent


def header(message: bytes, name: bytes) -> bytes:
    """All lines of a header, with their line ends."""
    return b"".join(line + b"\r\n" for line in message.split(b"\r\n") if line.startswith(name))


def request(method: str, number: int, target: str, *lines: str, body: str = "", branch: str = "") -> bytes:
    """A request as SIPp writes it."""
    start = f"{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-{number}{branch};rport\r\n"
    rest = f"Max-Forwards: 70\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    return (start + "".join(f"{line}\r\n" for line in lines) + rest).encode()


def registration(number: int, *more: str, branch: str = "") -> bytes:
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
    return request("REGISTER", number, "sip:pbx.example", *lines, *more, branch=branch)


async def register(bench: Bench, numbers: range) -> None:
    """Each number a REGISTER, with the challenge when there is one."""
    answers = await bench.feed([registration(number) for number in numbers], PHONE, SETTLE)
    if answers[0].startswith(b"SIP/2.0 401"):
        again = [
            registration(number, _credentials(answer, "REGISTER", 100 + number % USERS), branch="a")
            for number, answer in zip(numbers, answers, strict=True)
        ]
        answers = await bench.feed(again, PHONE, SETTLE)
    _expect(answers, b"SIP/2.0 200", len(numbers))


def _expect(messages: list[bytes], start: bytes, count: int) -> list[bytes]:
    """The messages that begin so, one for each unit; it is a fault of the bench or of the worker if there are fewer."""
    found = [message for message in messages if message.startswith(start)]
    if len(found) != count:
        raise SystemExit(f"{len(found)} of {count} {start.decode()}: {messages[:1]}")
    return found


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


async def call(bench: Bench, numbers: range) -> None:
    """INVITE 100 180 200 ACK BYE 200, all calls in step."""
    count = len(numbers)
    calls = [Call(number) for number in numbers]
    sent = await bench.feed([call.invite() for call in calls], CALLER)
    if sent[0].startswith(b"SIP/2.0 407"):
        await bench.feed([call.ack_refused() for call in calls], CALLER)
        again = [
            call.invite(_credentials(answer, "INVITE", call.caller)) for call, answer in zip(calls, sent, strict=True)
        ]
        sent = await bench.feed(again, CALLER)
    for call, forked in zip(calls, _expect(sent, b"INVITE", count), strict=True):
        call.forked = forked
    await bench.feed([call.ringing() for call in calls], PHONE, SETTLE)
    await bench.feed([call.answered() for call in calls], PHONE, SETTLE)
    await bench.feed([call.ack() for call in calls], CALLER)
    byes = _expect(await bench.feed([call.bye() for call in calls], CALLER), b"BYE", count)
    _expect(await bench.feed([hung_up(bye) for bye in byes], PHONE, SETTLE), b"SIP/2.0 200", count)


class Call:
    """What the two phones of one call say."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.caller, self.callee = 100 + number % USERS, 100 + (number + 1) % USERS
        self.common = (f"From: <sip:{self.caller}@pbx.example>;tag=c{number}", f"Call-ID: call-{number}")
        self.to = f"To: <sip:{self.callee}@pbx.example>"
        self.target = f"sip:{self.callee}@pbx.example"
        self.forked = b""

    def invite(self, credentials: str = "") -> bytes:
        """The INVITE; the second one, with credentials."""
        contact = f"Contact: <sip:{self.caller}@127.0.0.1:5070>"
        lines = (
            *self.common,
            self.to,
            contact,
            f"CSeq: {2 if credentials else 1} INVITE",
            "Content-Type: application/sdp",
        )
        more, branch = ((credentials,), "a") if credentials else ((), "")
        return request("INVITE", self.number, self.target, *lines, *more, body=SDP, branch=branch)

    def ack_refused(self) -> bytes:
        """The ACK to a 407."""
        return request("ACK", self.number, self.target, *self.common, self.to, "CSeq: 1 ACK")

    def _answer(self) -> bytes:
        copied = b"".join(header(self.forked, name) for name in (b"Via:", b"Record-Route:", b"From:"))
        to = header(self.forked, b"To:")[:-2] + f";tag=p{self.number}\r\n".encode()
        contact = f"Contact: <sip:{self.callee}@127.0.0.2:5071>\r\n".encode()
        return copied + to + header(self.forked, b"Call-ID:") + header(self.forked, b"CSeq:") + contact

    def ringing(self) -> bytes:
        """The phone rings."""
        return b"SIP/2.0 180 Ringing\r\n" + self._answer() + b"Content-Length: 0\r\n\r\n"

    def answered(self) -> bytes:
        """The phone answers."""
        tail = f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}".encode()
        return b"SIP/2.0 200 OK\r\n" + self._answer() + tail

    def _within(self, method: str, sequence: str, branch: str) -> bytes:
        route = [line.replace("Record-Route", "Route") for line in _lines(header(self.forked, b"Record-Route:"))]
        target = f"sip:{self.callee}@127.0.0.2:5071"
        lines = (*self.common, f"{self.to};tag=p{self.number}", *route, sequence)
        return request(method, self.number, target, *lines, branch=branch)

    def ack(self) -> bytes:
        """The ACK to the 200."""
        return self._within("ACK", "CSeq: 1 ACK", "k")

    def bye(self) -> bytes:
        """The caller hangs up."""
        return self._within("BYE", "CSeq: 3 BYE", "b")


def hung_up(bye: bytes) -> bytes:
    """The phone's answer to a BYE."""
    copied = b"".join(header(bye, name) for name in (b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:"))
    return b"SIP/2.0 200 OK\r\n" + copied + b"Content-Length: 0\r\n\r\n"


def _lines(headers: bytes) -> list[str]:
    return headers.decode().rstrip("\r\n").split("\r\n")


Unit = Callable[[Bench, range], Awaitable[None]]


async def measure(bench: Bench, unit: Unit, numbers: range, profile: cProfile.Profile | None = None) -> float:
    """Microseconds of the worker's CPU for each number; the profile, when given, is on meanwhile."""
    gc.collect()
    gc.freeze()
    bench.seconds = 0.0
    bench.profile = profile
    await unit(bench, numbers)
    return bench.seconds / len(numbers) * 1e6


async def refuse(request: Any) -> None:
    """The route of `--idle`."""
    request.reply(404)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", action="store_true", help="print the functions that take most of the time")
    parser.add_argument("--digest", action="store_true", help="challenge every REGISTER and INVITE")
    parser.add_argument("--idle", action="store_true", help="answer every request 404 and do nothing else")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    bench = Bench(digest=options.digest)
    _tame_collector()
    if options.idle:
        bench.driver.routes = RouteTable("idle", {"*": refuse})
        await idle(bench)
        return
    first = 1
    for name, unit, count in (("REGISTER", register, 1000), ("call", call, 300)):
        best = float("inf")
        for _ in range(ROUNDS):
            best = min(best, await measure(bench, unit, range(first, first + count)))
            first += count
        profile = cProfile.Profile()
        await measure(bench, unit, range(first, first + count), profile)
        first += count
        stats = pstats.Stats(profile)
        print(f"{best:8.1f} us  {stats.total_calls / count:8.1f} function calls  {name}")
        if options.profile:
            stats.sort_stats("tottime").print_stats(60)


async def idle(bench: Bench) -> None:
    """What a REGISTER costs that nothing is done for."""
    best = float("inf")
    for number in range(ROUNDS):
        bench.seconds = 0.0
        await bench.feed([registration(n) for n in range(number * 2000, number * 2000 + 2000)], PHONE)
        best = min(best, bench.seconds / 2000 * 1e6)
    print(f"{best:8.1f} us  REGISTER answered 404")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
