"""CPU per call and per registration, beside Debian's Kamailio in the same run: python benchmarks/against_kamailio.py

Needs kamailio 5.6 and sip-tester (Debian's names), and a Valkey or Redis. Both proxies get the same load from SIPp over
UDP on loopback, one after the other and around again; a figure is the median of the rounds, a ratio the median of each
round's. What counts is CPU time of the whole process tree, divided by the units that SIPp calls successful; for sipcore
its Redis server's share is added. A figure with a failed unit is void, and the exit status says so.

Servers are pinned to one core and SIPp to another. On a machine that others use as well only the ratios mean anything:
the clock speed changes, and CPU per unit falls as the load rises, because wake-ups are shared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.rig.phones import REALM, Phone, authorization
from benchmarks.rig.servers import Kamailio, Server, Sipcore, free_port
from benchmarks.rig.sipp import Answering, Outcome, run_scenario, write_rows

CALLEES = [f"c{number}" for number in range(200)]
PHONES = [f"r{number}" for number in range(500)]
USERS = ["alice", *CALLEES, *PHONES]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One line of the table."""

    name: str
    scenario: str
    rate: int
    budget: float
    "The highest ratio to Kamailio that the project allows itself."
    goal: float

    @property
    def digest(self) -> bool:
        """Whether the servers challenge."""
        return self.scenario.endswith("_digest")


MEASUREMENTS = (
    Measurement("call, 500/s", "call", 500, 2.0, 1.0),
    Measurement("call, 1000/s", "call", 1000, 2.0, 1.0),
    Measurement("call with digest, 500/s", "call_digest", 500, 2.0, 1.0),
    Measurement("REGISTER, 2000/s", "register", 2000, 3.0, 1.3),
    Measurement("REGISTER with digest, 2000/s", "register_digest", 2000, 3.0, 1.5),
)


@dataclass(slots=True)
class Figures:
    """What one server took for one measurement, round by round."""

    micros: list[float] = field(default_factory=list)
    "CPU per unit; for sipcore with its Redis server."
    store: list[float] = field(default_factory=list)
    "The Redis server's share of it."
    failed: int = 0
    retransmitted: int = 0


class Bench:
    """A server that runs, with its users registered, and the load for it."""

    def __init__(self, server: Server, directory: Path, answering: Answering, core: int) -> None:
        self.server = server
        self._directory = directory
        self._core = core
        self._port = free_port()  # always the same, so that a REGISTER refreshes the binding there is
        self._nonces: dict[str, str] = {}
        self._uses: Counter[str] = Counter()
        directory.mkdir(parents=True)
        phone = Phone(server.address)
        for user in CALLEES:
            phone.register(user, f"sip:{user}@127.0.0.1:{answering.port}")
        if server.digest:
            self._nonces = {user: phone.nonce(user) for user in (*PHONES, "alice")}
        phone.close()

    def run(self, measurement: Measurement, seconds: float) -> tuple[Outcome, list[float]]:
        """One round: what SIPp counted, and the CPU seconds of each process tree."""
        units = round(measurement.rate * seconds)
        rows = write_rows(self._directory / "rows.csv", self._rows(measurement.scenario, units))
        before = self.server.cpu()
        outcome = run_scenario(
            measurement.scenario,
            self.server.address,
            rows,
            units=units,
            rate=measurement.rate,
            core=self._core,
            port=self._port,
        )
        return outcome, [after - start for start, after in zip(before, self.server.cpu(), strict=True)]

    def _rows(self, scenario: str, units: int) -> Iterator[tuple[str, ...]]:
        users = CALLEES if scenario.startswith("call") else PHONES
        for number in range(units):
            user = users[number % len(users)]
            if scenario == "call_digest":
                yield user, self._signed("Proxy-Authorization", "alice", "INVITE", f"sip:{user}@{REALM}")
            elif scenario == "register_digest":
                yield user, self._signed("Authorization", user, "REGISTER", f"sip:{REALM}")
            else:
                yield (user,)

    def _signed(self, name: str, user: str, method: str, uri: str) -> str:
        self._uses[user] += 1
        return authorization(name, user, method, uri, self._nonces[user], self._uses[user])


def measure(
    arguments: argparse.Namespace, measurements: list[Measurement], directory: Path
) -> dict[str, list[Figures]]:
    """Run all rounds; the figures of both servers for each measurement, Kamailio first."""
    answering = Answering(directory, arguments.load_core)
    servers: list[Server] = []
    benches: dict[bool, list[Bench]] = {}
    figures = {measurement.name: [Figures(), Figures()] for measurement in measurements}
    try:
        for digest in sorted({measurement.digest for measurement in measurements}):
            benches[digest] = []
            for kind in (Kamailio, Sipcore):
                place = directory / f"{kind.name}-{digest}"
                servers.append(kind(place, arguments.server_core, USERS, digest=digest, python=arguments.python))
                servers[-1].start()
                benches[digest].append(Bench(servers[-1], place / "load", answering, arguments.load_core))
        for measurement in measurements:  # caches fill, bindings are made, code warms up
            for bench in benches[measurement.digest]:
                bench.run(measurement, 0.6)
        for number in range(arguments.rounds):
            print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
            for measurement in measurements:
                for bench, taken in zip(benches[measurement.digest], figures[measurement.name], strict=True):
                    outcome, seconds = bench.run(measurement, arguments.seconds)
                    taken.failed += outcome.failed
                    taken.retransmitted += outcome.retransmitted
                    units = max(1, outcome.done)
                    taken.micros.append(sum(seconds) / units * 1e6)
                    taken.store.append(sum(seconds[1:]) / units * 1e6)
    finally:
        answering.stop()
        for server in servers:
            server.stop()
    return figures


def summary(measurement: Measurement, kamailio: Figures, sipcore: Figures) -> dict[str, object]:
    """Medians and the verdict of one measurement."""
    ratios = [ours / theirs for theirs, ours in zip(kamailio.micros, sipcore.micros, strict=True)]
    failed = kamailio.failed + sipcore.failed
    return {
        "measurement": measurement.name,
        "kamailio_micros": round(statistics.median(kamailio.micros), 1),
        "sipcore_micros": round(statistics.median(sipcore.micros), 1),
        "of_which_redis_micros": round(statistics.median(sipcore.store), 1),
        "ratio": round(statistics.median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in sorted(ratios)],
        "budget": measurement.budget,
        "goal": measurement.goal,
        "failed": failed,
        "retransmitted": kamailio.retransmitted + sipcore.retransmitted,
        "void": failed > 0,
    }


def show(lines: list[dict[str, object]]) -> None:
    """Print the table."""
    print("| µs CPU | Kamailio | sipcore | of which Redis | ratio (least, most) | budget | goal | failed | resent |")
    print("|---|---|---|---|---|---|---|---|---|")
    for line in lines:
        ratios = line["ratios"]
        print(
            f"| {line['measurement']} | {line['kamailio_micros']:.0f} | {line['sipcore_micros']:.0f} "
            f"| {line['of_which_redis_micros']:.0f} | {'void' if line['void'] else line['ratio']} "
            f"({ratios[0]}, {ratios[-1]}) | {line['budget']} | {line['goal']} | {line['failed']} | {line['retransmitted']} |"
        )


def main() -> int:
    """Measure, print, and return 1 when a figure is void or over its budget."""
    parser = argparse.ArgumentParser(description="CPU per call and per registration, beside Kamailio.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of load, for each figure of a round")
    parser.add_argument("--quick", action="store_true", help="two rounds of 1.5 seconds: under a minute")
    parser.add_argument("--only", help="measurements whose name begins so")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--python", default=sys.executable, help="interpreter for sipcore; PYTHONPATH is passed on")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds = 2, 1.5
    measurements = [each for each in MEASUREMENTS if each.name.startswith(arguments.only or "")]
    with tempfile.TemporaryDirectory(prefix="pbx-bench-") as directory:
        figures = measure(arguments, measurements, Path(directory))
    lines = [summary(measurement, *figures[measurement.name]) for measurement in measurements]
    show(lines)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(lines, indent=1) + "\n")
    return int(any(line["void"] or line["ratio"] > line["budget"] for line in lines))


if __name__ == "__main__":
    sys.exit(main())
