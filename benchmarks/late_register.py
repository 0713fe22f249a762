"""From a late REGISTER to the injected INVITE, with thousands of calls waiting: python benchmarks/late_register.py

Calls to subscribers that nobody has registered for wait in a worker. Then their phones register, one at a time, and
each is timed from sending the REGISTER to having the INVITE; first with no other call waiting, then with all of them.
Wall time, so that whatever else runs on the machine is in it: p50 says what the worker does, p99 what the machine does.
Memory is the growth of the worker's resident set, divided by the calls.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.rig.phones import REALM, Phone
from benchmarks.rig.servers import Sipcore
from sipcore.syntax import make_response, parse_message

WARM_UP = 50
BUDGET_MS = 3.0
CALLS_PER_BURST = 20


class Waiting:
    """A caller whose calls wait, and the phone that they wait for."""

    def __init__(self, server: Sipcore) -> None:
        self._caller = Phone(server.address)
        self._phone = Phone(server.address)

    def call(self, users: list[str]) -> None:
        """Call these; return when the server has taken all calls."""
        for first in range(0, len(users), CALLS_PER_BURST):
            burst = users[first : first + CALLS_PER_BURST]
            for user in burst:
                contact = f"Contact: <sip:caller@{self._caller.address}>"
                self._caller.socket.send(self._caller.request("INVITE", "caller", f"sip:{user}@{REALM}", contact))
            for _ in burst:
                answer = self._caller.socket.recv(65535)
                assert answer.startswith(b"SIP/2.0 100"), answer

    def register(self, user: str) -> float:
        """Register a callee's phone; milliseconds until it has the INVITE."""
        phone = self._phone
        contact = f"Contact: <sip:{user}@{phone.address}>"
        data = phone.request("REGISTER", user, f"sip:{REALM}", contact, "Expires: 600")
        begin = time.perf_counter()
        phone.socket.send(data)
        wanted = f"INVITE sip:{user}@".encode()
        while not (invite := phone.socket.recv(65535)).startswith(wanted):
            pass  # the 200, or an INVITE to another user that was sent again before its 180 had come
        took = time.perf_counter() - begin
        phone.socket.send(make_response(parse_message(invite), 180, to_tag="late").raw)
        while f"To: <sip:{user}@".encode() not in (heard := self._caller.socket.recv(65535)):
            pass
        assert heard.startswith(b"SIP/2.0 180"), heard
        return took * 1000


def percentiles(samples: list[float]) -> dict[str, float]:
    """p50 and p99, in milliseconds."""
    ordered = sorted(samples)
    return {"p50_ms": round(statistics.median(ordered), 2), "p99_ms": round(ordered[int(len(ordered) * 0.99)], 2)}


def main() -> int:
    """Measure, print, and return 1 when the median is over its budget."""
    parser = argparse.ArgumentParser(description="From a late REGISTER to the injected INVITE.")
    parser.add_argument("--calls", type=int, default=4000, help="that wait")
    parser.add_argument("--samples", type=int, default=300, help="phones that register")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--server-core", type=int, default=0)
    arguments = parser.parse_args()
    alone = [f"a{number}" for number in range(WARM_UP + arguments.samples)]
    crowd = [f"w{number}" for number in range(arguments.calls)]
    with tempfile.TemporaryDirectory(prefix="pbx-bench-") as directory:
        server = Sipcore(
            Path(directory) / "sipcore",
            arguments.server_core,
            ["caller", *alone, *crowd],
            digest=False,
            settings={"PBX_WAKE_SECONDS": "600", "PBX_RING_SECONDS": "600"},
        )
        try:
            server.start()
            waiting = Waiting(server)
            few = []
            for user in alone:
                waiting.call([user])
                few.append(waiting.register(user))
            before = server.memory()[0]
            waiting.call(crowd)
            time.sleep(2.0)  # what is written behind has been written
            per_call = (server.memory()[0] - before) / len(crowd)
            many = [waiting.register(user) for user in crowd[: arguments.samples]]
        finally:
            server.stop()
    figures = {
        "none_waiting": percentiles(few[WARM_UP:]),
        f"{arguments.calls}_waiting": percentiles(many),
        "bytes_per_waiting_call": round(per_call),
    }
    for name in list(figures)[:2]:
        print(f"{name.replace('_', ' ')}: p50 {figures[name]['p50_ms']} ms, p99 {figures[name]['p99_ms']} ms")
    print(f"memory of a waiting call: {per_call / 1000:.1f} kB")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    return int(statistics.median(many) > BUDGET_MS)


if __name__ == "__main__":
    sys.exit(main())
