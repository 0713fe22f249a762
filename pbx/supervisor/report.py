"""What the operator reads: `time name | line` on the terminal, and the same in a log file that does not grow forever."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

__all__ = ["OURSELVES", "Report"]

OURSELVES = "pbx"  # the name before the supervisor's own lines
WIDTH = 8  # of the longest name: postgres
COLOURS = (36, 33, 35, 32, 34, 96, 93, 95)  # ANSI; a child keeps its colour for as long as we run
LOG_BYTES, LOG_FILES = 10_000_000, 5

# A caller chooses what his phone sends, and some of it is logged: no line may steer the operator's terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Report:
    """A stream for eyes and a file for later."""

    def __init__(self, stream: TextIO, log_file: Path | None = None) -> None:
        self._stream: TextIO | None = stream
        self._coloured = stream.isatty() and "NO_COLOR" not in os.environ
        self._colour_of: dict[str, int] = {OURSELVES: 1}
        self._file: logging.Handler | None = None
        if log_file is not None:
            self._file = logging.handlers.RotatingFileHandler(
                log_file, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", delay=True
            )

    def line(self, name: str, text: str, *, private: bool = False) -> None:
        """Show a line; a private one is not written to the file."""
        self.lines(name, (text,), private=private)

    def lines(self, name: str, texts: Iterable[str], *, private: bool = False) -> None:
        """Show lines of one origin, in one write."""
        now = time.localtime()
        shown = []
        for text in texts:
            plain = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text.expandtabs(4))
            shown.append(f"{time.strftime('%H:%M:%S', now)} {self._prefix(name)}{plain}\n")
            if self._file is not None and not private:
                day = time.strftime("%Y-%m-%d %H:%M:%S", now)
                self._file.emit(logging.makeLogRecord({"msg": f"{day} {name:<{WIDTH}} | {plain}"}))
        self._write("".join(shown))

    def banner(self, text: str) -> None:
        """Show a text as it is, on the terminal alone."""
        self._write(text)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _prefix(self, name: str) -> str:
        if not self._coloured:
            return f"{name:<{WIDTH}} | "
        colour = self._colour_of.setdefault(name, COLOURS[(len(self._colour_of) - 1) % len(COLOURS)])
        return f"\x1b[{colour}m{name:<{WIDTH}} |\x1b[0m "

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            # The terminal has gone, or the reader of a pipe has: calls go on, and the file still has the lines.
            self._stream = None
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left in a buffer must not fail at exit either
