"""A program of others as a process: started with a log, awaited by what it says, ended with the test run."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pbx.supervisor import launcher

__all__ = ["Program"]

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]?|\r")
BLANK_LINES = re.compile(r"\n(\s*\n)+")
STOP_SECONDS = 5.0


class Program:
    """A running program whose output goes to a file."""

    def __init__(self, argv: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log_file = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                # A test run that is killed takes its phones with it.
                launcher.command_line(argv, death_signal=signal.SIGKILL),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._process.poll()

    def type(self, line: str) -> None:
        """Write a line to its standard input; a program that has ended hears nothing."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def output(self) -> str:
        """All that it has said, without colours."""
        return ANSI.sub("", self.log_file.read_text(encoding="utf-8", errors="replace"))

    def tail(self, characters: int = 6000) -> str:
        """The end of it, without the blank lines that full-screen programs scroll by."""
        return BLANK_LINES.sub("\n", self.output())[-characters:]

    def wait_for_output(self, pattern: str, seconds: float, *, who: str, after: int = 0) -> int:
        """Return where the first match beyond `after` ends; fails with the end of the log when there is none in time."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + seconds
        while (found := expression.search(self.output(), after)) is None:
            if time.monotonic() > deadline or self.status is not None:
                raise AssertionError(f"{who}: no {pattern!r} within {seconds} s; it said\n{self.tail()}")
            time.sleep(0.02)
        return found.end()

    def wait_for_end(self, seconds: float) -> int | None:
        """Its exit status, or None when it still runs after that time."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Ask it to end, and see that it has."""
        self._process.terminate()
        if self.wait_for_end(STOP_SECONDS) is None:
            self.kill()
        self._close()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self._close()

    def _close(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
