"""Phones that all come back at once, while calls wait for them: python -m benchmarks.avalanche

Ten thousand calls to subscribers that nobody has registered for wait in a worker. Then the phones register, 500 a second,
and each must get its own call: one INVITE, soon. It answers, the caller acknowledges and hangs up. In the end every
call has been answered once and no key of them is left in Redis, nor anything in the worker.

The load is a process on the other core. It sends once, as phones on a network without loss; whatever gets lost counts.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import sys
import tempfile
import time
from pathlib import Path

import redis

from sipcore.contract import keys
from sipcore.syntax import Message, Response, make_response, parse_message

from .late_register import CALLS_PER_BURST, percentiles
from .rig.phones import REALM, Phone
from .rig.servers import Sipcore

BUDGET_P95_MS = 30.0
PATIENCE = 10.0  # seconds that the last calls have to end after the last REGISTER
RECEIVE_BUFFER = 8_000_000
LEFT_BEHIND = ("pbx:ebr:*", "pbx:calls", "pbx:pickup:*", "pbx:push:*")
"What a call may leave in Redis while it lives, and not after. Bindings stay, and so do the log and the records."


class Avalanche:
    """The callers, on one socket, and their callees' phones, on another."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._caller, self._phone = Phone(server), Phone(server)
        self._selector = selectors.DefaultSelector()
        for phone, handle in ((self._caller, self._to_caller), (self._phone, self._to_phone)):
            phone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            phone.socket.setblocking(False)
            self._selector.register(phone.socket, selectors.EVENT_READ, (phone.socket, handle))
        self.trying = self.refused = self.ended = 0
        self.registered_at: dict[str, float] = {}
        self.latency_ms: dict[str, float] = {}
        self.branches: dict[str, set[str]] = {}
        "By user, the branches of the INVITEs that came for him: more than one is a phone that was called twice."

    def call(self, users: list[str]) -> None:
        """Have all of these called; return when every call waits."""
        contact = f"Contact: <sip:caller@{self._caller.address}>"
        for first in range(0, len(users), CALLS_PER_BURST):
            for user in users[first : first + CALLS_PER_BURST]:
                self._caller.socket.send(self._caller.request("INVITE", "caller", f"sip:{user}@{REALM}", contact))
            self._take_until(lambda: self.trying >= first + CALLS_PER_BURST, 5.0)  # noqa: B023 - called in this round
        self._take_until(lambda: self.trying == len(users), 5.0)

    def register(self, users: list[str], rate: float) -> float:
        """Register their phones at that rate; return the seconds it took until all calls had ended."""
        begin = time.perf_counter()
        for number, user in enumerate(users):
            self._take_until(lambda: False, begin + number / rate - time.perf_counter())
            contact = f"Contact: <sip:{user}@{self._phone.address}>"
            data = self._phone.request("REGISTER", user, f"sip:{REALM}", contact, "Expires: 600")
            self.registered_at[user] = time.perf_counter()
            self._phone.socket.send(data)
        self._take_until(lambda: self.ended == len(users), PATIENCE)
        return time.perf_counter() - begin

    def _take_until(self, done: object, seconds: float) -> None:
        deadline = time.perf_counter() + seconds
        while not done() and (left := deadline - time.perf_counter()) > 0:  # type: ignore[operator]
            for key, _ in self._selector.select(left):
                bound, handle = key.data
                for _ in range(64):
                    try:
                        handle(parse_message(bound.recv(65535)))
                    except BlockingIOError:
                        break

    def _to_phone(self, message: Message) -> None:
        if isinstance(message, Response):
            self.refused += message.status >= 300
            return
        answer = make_response(
            message,
            200,
            to_tag="p",
            headers=[
                *(("Record-Route", value) for value in message.headers("record-route")),
                ("Contact", f"<{message.target}>"),
            ],
        )
        if message.method == "INVITE":
            user = message.uri.user or ""
            seen = self.branches.setdefault(user, set())
            if not seen:
                self.latency_ms[user] = (time.perf_counter() - self.registered_at[user]) * 1000
            seen.add(message.branch)
        if message.method != "ACK":
            self._phone.socket.send(answer.raw)

    def _to_caller(self, message: Message) -> None:
        assert isinstance(message, Response)
        if message.status == 100:
            self.trying += 1
        elif message.cseq_method == "BYE":
            self.ended += 1
        elif message.status == 200:
            for method in ("ACK", "BYE"):
                self._caller.socket.send(self._within(message, method))

    def _within(self, answer: Response, method: str) -> bytes:
        number = answer.cseq_number + (method == "BYE")
        lines = [
            f"{method} {answer.contacts[0].uri_text} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._caller.address};branch=z9hG4bK{method}{answer.call_id}",
            *(f"Route: {value}" for value in reversed(answer.headers("record-route"))),
            "Max-Forwards: 70",
            f"From: {answer.header('from')}",
            f"To: {answer.header('to')}",
            f"Call-ID: {answer.call_id}",
            f"CSeq: {number} {method}",
            "Content-Length: 0",
        ]
        return "\r\n".join([*lines, "", ""]).encode()


def left_behind(url: str) -> list[str]:
    """Keys that are there though no call is."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        found = [key for pattern in LEFT_BEHIND for key in client.scan_iter(pattern, count=1000)]
        own = {keys.subscriptions_of(name) for name in client.zrange(keys.WORKERS, 0, -1)}
        return [key for key in found if key not in own or client.scard(key)]


def run(calls: int, rate: float, core: int = 0) -> tuple[dict[str, float], list[str]]:
    """Let so many calls wait and so many phones a second come; return the figures, and the keys that were left."""
    users = [f"u{number}" for number in range(calls)]
    with tempfile.TemporaryDirectory(prefix="pbx-bench-") as directory:
        settings = {"PBX_WAKE_SECONDS": "600", "PBX_RING_SECONDS": "600"}
        server = Sipcore(Path(directory) / "sipcore", core, ["caller", *users], digest=False, settings=settings)
        try:
            server.start()
            avalanche = Avalanche(server.address)
            avalanche.call(users)
            took = avalanche.register(users, rate)
            time.sleep(1.0)  # what is written behind has been written
            left = left_behind(server.url)
        finally:
            server.stop()
    samples = sorted(avalanche.latency_ms.values())
    figures = {
        "calls": calls,
        "calls_waiting": avalanche.trying,
        "invited": len(avalanche.latency_ms),
        "invited_twice": sum(len(branches) > 1 for branches in avalanche.branches.values()),
        "registers_refused": avalanche.refused,
        "ended": avalanche.ended,
        "keys_left": len(left),
        "seconds": round(took, 1),
        **percentiles(samples),
        "p95_ms": round(samples[int(len(samples) * 0.95)], 2),
    }
    return figures, left


def main() -> int:
    """Measure, print, and return 1 when a call was lost, a phone called twice, or the budget exceeded."""
    parser = argparse.ArgumentParser(description="Phones that all come back at once, while calls wait for them.")
    parser.add_argument("--calls", type=int, default=10_000, help="that wait")
    parser.add_argument("--rate", type=float, default=500.0, help="REGISTERs a second")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--server-core", type=int, default=0)
    arguments = parser.parse_args()
    figures, left = run(arguments.calls, arguments.rate, arguments.server_core)
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):18} {value}")
    for key in left[:10]:
        print("left:", key)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    whole = figures["invited"] == figures["ended"] == arguments.calls and not figures["invited_twice"] and not left
    return int(not whole or figures["p95_ms"] > BUDGET_P95_MS)


if __name__ == "__main__":
    sys.exit(main())
