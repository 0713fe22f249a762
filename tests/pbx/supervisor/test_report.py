from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

from pbx.supervisor.report import Report


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_carries_the_time_and_who_said_it():
    out = io.StringIO()

    Report(out).line("sip", "registered 101")

    time, rest = out.getvalue().split(" ", 1)
    assert len(time) == len("12:34:56")
    assert rest == "sip      | registered 101\n"


def test_on_a_terminal_each_name_keeps_a_colour_of_its_own(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    report = Report(out)
    for name in ("web", "sip", "web"):
        report.line(name, "x")

    colours = [line.partition(" ")[2].partition("m")[0] for line in out.getvalue().splitlines()]
    assert colours[0] == colours[2] != colours[1]


def test_what_a_stranger_sends_cannot_steer_the_terminal():
    out = io.StringIO()

    Report(out).line("sip", "User-Agent: \x1b[2J\x07 evil\u202e\x9b")

    assert out.getvalue().endswith("User-Agent: \\x1b[2J\\x07 evil\\x202e\\x9b\n")


def test_private_lines_are_shown_and_not_kept(tmp_path):
    out, file = io.StringIO(), tmp_path / "pbx.log"
    report = Report(out, file)

    report.line("setup", "Password: swordfish", private=True)
    report.line("setup", "done")
    report.close()

    assert "swordfish" in out.getvalue()
    assert "swordfish" not in file.read_text()
    assert file.read_text().endswith("setup    | done\n")


def test_a_reader_that_has_gone_is_no_reason_to_end(tmp_path):
    """As in `bin/run | head -1`: what follows still reaches the file, and the exit status is that of the work."""
    file = tmp_path / "pbx.log"
    program = (
        "import sys; from pathlib import Path; from pbx.supervisor.report import Report\n"
        f"report = Report(sys.stdout, Path({str(file)!r}))\n"
        "report.line('web', 'first'); sys.stdin.readline()\n"
        "report.line('web', 'second'); report.line('web', 'third'); report.close()"
    )
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=write, cwd=Path(__file__).parents[3]
    )
    os.close(write)
    os.read(read, 100)
    os.close(read)

    process.communicate(b"\n", timeout=30)

    assert process.returncode == 0
    assert [line.rpartition("| ")[2] for line in file.read_text().splitlines()] == ["first", "second", "third"]
