"""One supervised process: how it is started, what it says, and when it may be started again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from . import launcher
from .identity import OURSELVES, Identity

__all__ = ["BACK_OFF", "Child", "ChildSpec"]

BACK_OFF = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds before the first, second, ... restart in a row
STEADY_SECONDS = 60.0  # having run that long, a child that dies is not "again" at fault
LONGEST_LINE = 8192  # bytes; what follows in the line becomes a line of its own
READ_SIZE = 65536


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What a child is, whether or not it runs."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    "The whole environment, not an addition to ours; it may hold secrets."
    stop_stage: int = 0
    "Children of a lower stage have ended before a higher stage is told to."
    stop_signal: int = signal.SIGTERM
    grace: float = 10.0
    "Seconds between the stop signal and SIGKILL to the child's whole process group."
    identity: Identity = OURSELVES
    directory: str | None = None
    "Where it runs; None is our own working directory."
    open_files: bool = False
    "Raise the limit of open files as far as the host allows."
    inherits: tuple[int, ...] = ()
    "File descriptors that stay open in it, such as the lock on the data directory."
    once: bool = False
    "Runs to its end and is not started again."
    private: bool = False
    "What it says is shown, but kept out of the log file."
    is_ready: Callable[[], bool] | None = None
    "Whether it serves; asked only while it is awaited."


class Child:
    """A spec and its present process."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.process: subprocess.Popen[bytes] | None = None
        self.restart_at: float | None = None
        "Monotonic seconds; None when it runs, has never been started, or is not to be started again."
        self.failures = 0
        self.starts = 0
        self.status: int | None = None
        "How the last process ended: an exit status, or minus a signal's number."
        self.heard: list[str] = []
        "What a one-shot child has said."
        self._started_at = 0.0
        self._unfinished = b""

    @property
    def running(self) -> bool:
        """Whether there is a process that has not been seen to end."""
        return self.process is not None

    def start(self, now: float) -> int:
        """Start the process and return the descriptor to read its output from, non-blocking.

        Only from the main thread: the death signal is tied to the thread that starts it.
        """
        spec = self.spec
        self.process = subprocess.Popen(  # noqa: S603 - our own children
            launcher.command_line(
                spec.argv,
                death_signal=spec.stop_signal,
                who=spec.identity.arguments(),
                open_files=spec.open_files,
            ),
            env=dict(spec.environment),
            cwd=spec.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C on the terminal is for the supervisor, which ends the children in order
            pass_fds=spec.inherits,
        )
        self.restart_at = None
        self.starts += 1
        self._started_at = now
        assert self.process.stdout is not None  # noqa: S101 - asked for above
        descriptor = self.process.stdout.fileno()
        os.set_blocking(descriptor, False)
        return descriptor

    def reap(self, now: float, *, restart: bool) -> bool:
        """Whether the process has ended since last asked; plans its restart if it is to be restarted."""
        if self.process is None or self.process.poll() is None:
            return False
        self.status = self.process.returncode
        self.process = None
        if restart and not self.spec.once:
            if now - self._started_at >= STEADY_SECONDS:
                self.failures = 0
            self.restart_at = now + BACK_OFF[min(self.failures, len(BACK_OFF) - 1)]
            self.failures += 1
        return True

    def could_not_start(self, now: float) -> None:
        """The host would not let the process start, for want of memory perhaps; that passes."""
        self.process, self.restart_at = None, now + BACK_OFF[-1]

    def signal(self, number: int) -> None:
        """Send a signal to the process itself."""
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End the process and everything it has started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself in this moment
                os.killpg(self.process.pid, signal.SIGKILL)

    def lines(self, data: bytes) -> list[str]:
        """Complete lines out of what was read; an empty read ends the last one."""
        text = self._unfinished + data
        *complete, self._unfinished = text.split(b"\n")
        if not data or len(self._unfinished) > LONGEST_LINE:
            complete.append(self._unfinished)
            self._unfinished = b""
        return [line.rstrip(b"\r").decode("utf-8", "replace") for line in complete if line]
