"""Load by SIPp: one run of a scenario at a steady rate, and the phone that answers."""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .servers import free_port, pinned

__all__ = ["Answering", "Outcome", "run_scenario", "write_rows"]

SCENARIOS = Path(__file__).parent.parent / "scenarios"
GRACE_SECONDS = 8.0  # for what is under way when the last unit has begun; what takes longer counts as failed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What SIPp counted."""

    done: int
    failed: int
    retransmitted: int
    seconds: float


def write_rows(path: Path, rows: Iterable[Sequence[str]]) -> Path:
    """A CSV of SIPp's: its rows are used in turn, the first again after the last."""
    path.write_text("SEQUENTIAL\n" + "".join(f"{';'.join(row)}\n" for row in rows))
    return path


def run_scenario(
    name: str,
    server: tuple[str, int],
    rows: Path,
    *,
    units: int,
    rate: int,
    core: int,
    port: int,
    socket_each: bool = False,
) -> Outcome:
    """Run so many units of a scenario, so many a second, and return once the last one has ended.

    With `socket_each` every unit has a port of its own, so that workers behind one port share them.
    """
    directory = rows.parent
    statistics = directory / f"{name}.csv"
    statistics.unlink(missing_ok=True)
    command = [
        *(_program(), "-sf", str(SCENARIOS / f"{name}.xml"), "-inf", str(rows)),
        *(("-t", "un", "-max_socket", str(units + 100)) if socket_each else ("-p", str(port))),
        *("-i", "127.0.0.1", "-m", str(units), "-r", str(rate), "-l", str(units)),
        *("-trace_stat", "-stf", str(statistics), "-fd", "600", "-nostdin", "-buff_size", "4000000"),
        *("-timeout", f"{units / rate + GRACE_SECONDS:.0f}s"),
        "{}:{}".format(*server),
    ]
    subprocess.run(
        pinned(core, command),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,  # the statistics tell how many failed
    )
    return _read(statistics, units)


def _read(statistics: Path, units: int) -> Outcome:
    with open(statistics, newline="") as lines:
        last = list(csv.DictReader(lines, delimiter=";"))[-1]
    done = int(last["SuccessfulCall(C)"])
    hours, minutes, seconds = last["ElapsedTime(C)"].split(":")[:3]
    elapsed = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return Outcome(done, units - done, int(last["Retransmissions(C)"]), elapsed)


class Answering:
    """The phone at which all calls arrive; it rings and answers at once."""

    def __init__(self, directory: Path, core: int) -> None:
        self.port = free_port()
        command = [
            *(_program(), "-sf", str(SCENARIOS / "answer.xml"), "-i", "127.0.0.1", "-p", str(self.port)),
            *("-nostdin", "-buff_size", "4000000", "-l", "100000"),
        ]
        self._process = subprocess.Popen(
            pinned(core, command),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """End it, with whatever still rings."""
        self._process.kill()
        self._process.wait()


def _program() -> str:
    program = shutil.which("sipp")
    if program is None:
        raise RuntimeError("sipp is not installed")
    return program
