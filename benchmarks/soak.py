"""Memory and CPU of a worker under a steady load, slice by slice: python benchmarks/soak.py

Calls at a steady rate and refreshes of bindings, both with digest, for `--minutes`. A call's transactions stay for 32 s after
it, so the first slices grow; after them memory must stay where it is and a call must cost what it cost before. What a
slice of seconds cannot show (a reference that is kept, a heap that falls to pieces) shows here.

The exit status is 1 when a unit failed, or when the worker grew by more than `MAY_GROW` over the second half.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.against_kamailio import MEASUREMENTS, USERS, Bench
from benchmarks.rig.servers import Sipcore
from benchmarks.rig.sipp import Answering

CALL_SECONDS, REGISTER_SECONDS = 25.0, 5.0  # of each slice
MAY_GROW = 0.03


def main() -> int:
    """Run it and say how it went."""
    parser = argparse.ArgumentParser(description="Memory and CPU of a worker under a steady load.")
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--calls", type=int, default=400, help="calls a second")
    parser.add_argument("--python", default=sys.executable, help="interpreter for sipcore")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    arguments = parser.parse_args()
    measurements = {measurement.scenario: measurement for measurement in MEASUREMENTS}
    call = replace(measurements["call_digest"], rate=arguments.calls)
    register = measurements["register_digest"]
    failed, resident = 0, []
    with tempfile.TemporaryDirectory(prefix="pbx-bench-") as name:
        directory = Path(name)
        answering = Answering(directory, arguments.load_core)
        server = Sipcore(directory / "sipcore", arguments.server_core, USERS, digest=True, python=arguments.python)
        try:
            server.start()
            bench = Bench(server, directory / "load", answering, arguments.load_core)
            print(
                "| slice | calls | µs CPU | REGISTERs | µs CPU | MB of the worker | of Redis | failed |\n"
                + "|---" * 8
                + "|"
            )
            for number in range(max(4, round(arguments.minutes * 60 / (CALL_SECONDS + REGISTER_SECONDS)))):
                called, of_calls = bench.run(call, CALL_SECONDS)
                registered, of_registers = bench.run(register, REGISTER_SECONDS)
                worker, store = (size / 2**20 for size in server.memory())
                resident.append(worker)
                failed += called.failed + registered.failed
                print(
                    f"| {number + 1} | {called.done} | {sum(of_calls) / max(1, called.done) * 1e6:.0f} "
                    f"| {registered.done} | {sum(of_registers) / max(1, registered.done) * 1e6:.0f} "
                    f"| {worker:.0f} | {store:.0f} | {called.failed + registered.failed} |",
                    flush=True,
                )
        finally:
            answering.stop()
            server.stop()
    grown = resident[-1] / resident[len(resident) // 2] - 1
    print(f"\nThe worker grew by {grown:.1%} over the second half.")
    return int(failed > 0 or grown > MAY_GROW)


if __name__ == "__main__":
    sys.exit(main())
