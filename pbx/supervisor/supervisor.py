"""The loop that starts children, passes on what they say, starts them again when they die, and ends them in order.

One thread and one selector: pipes of the children, and a wake-up pipe that signals write to. Nothing here knows what
the children are; `product` does.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType

from .child import READ_SIZE, Child, ChildSpec
from .errors import CannotStart
from .report import OURSELVES, Report

__all__ = ["EX_CONFIG", "Supervisor"]

EX_CONFIG = 78  # sysexits.h: a child that ends like this at its first start refuses its settings, and would again
LONGEST_WAIT = 1.0  # seconds; a signal that is lost is noticed by then
POLL = 0.05  # seconds between two questions whether something awaited has come
MOST_HEARD = 1000  # lines of a one-shot child
STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Supervisor:
    """Children by name, and whether they are meant to run.

    To be used from the main thread, as a context: inside it, signals belong to the supervisor; on the way out every
    child is ended, whatever happened.
    """

    def __init__(self, report: Report, *, children_file: Path | None = None) -> None:
        self._report = report
        self._children_file = children_file
        self._children: dict[str, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        self._previous: dict[int, object] = {}
        self._stopping = False
        self._refused = ""
        self._on_hangup: Callable[[], None] | None = None
        self._hung_up = False
        self.stop_requested = False

    def __enter__(self) -> Supervisor:
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._previous_wakeup = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in STOPPING_SIGNALS:
            self._previous[number] = signal.signal(number, self._request_stop)
        # A handler has to be there for the wake-up to be written.
        self._previous[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup stays nohup
            self._previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._hang_up)
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        signal.set_wakeup_fd(self._previous_wakeup)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def on_hangup(self, action: Callable[[], None] | None) -> None:
        """What SIGHUP means; None, the default, is that the terminal has gone and everything stops."""
        self._on_hangup = action

    @property
    def running(self) -> dict[str, int]:
        """The process ids of those that run, by name."""
        return {name: child.process.pid for name, child in self._children.items() if child.process is not None}

    def signal_child(self, name: str, number: int) -> None:
        """Send a signal to a child, if it runs."""
        if name in self._children:
            self._children[name].signal(number)

    def start(self, spec: ChildSpec) -> Child:
        """Start a child now and keep it running from then on."""
        child = self._children[spec.name] = Child(spec)
        self._start(child)
        return child

    def start_and_await(self, specs: Sequence[ChildSpec], seconds: float) -> None:
        """Start children and return when each of them serves.

        Raises CannotStart when one dies instead, or takes too long: at this point of a start there is no use in trying
        again, and its last words say why.
        """
        children = [self.start(spec) for spec in specs]
        deadline = time.monotonic() + seconds
        waiting = [child for child in children if child.spec.is_ready is not None]
        while waiting and not self.stop_requested:
            for child in waiting:
                if not child.running:
                    raise CannotStart(f"{child.spec.name} did not start; its last lines above say why.")
            waiting = [child for child in waiting if child.spec.is_ready is not None and not child.spec.is_ready()]
            if waiting and time.monotonic() > deadline:
                raise CannotStart(f"{waiting[0].spec.name} does not serve after {seconds:.0f} s.")
            self.turn(POLL)

    def run_once(self, spec: ChildSpec) -> tuple[int | None, list[str]]:
        """Run a one-shot child to its end; return its exit status, None when we were to stop meanwhile, and its lines."""
        child = self.start(spec)
        while child.running and not self.stop_requested:
            self.turn(LONGEST_WAIT)
        if child.running:
            return None, child.heard
        del self._children[spec.name]
        return child.status, child.heard

    def run(self, each_turn: Callable[[], None] = lambda: None) -> None:
        """Keep the children running until a signal asks for the end.

        Raises CannotStart when a child refuses its settings.
        """
        while not self.stop_requested:
            self.turn(LONGEST_WAIT)
            each_turn()
            if self._refused:
                raise CannotStart(f"{self._refused} refuses its settings; its last lines above say which.")

    def wake(self) -> None:
        """End the present wait; may be called from any thread."""
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"\0")

    def turn(self, longest: float) -> None:
        """One round: wait for something, read, reap, start again what is due."""
        now = time.monotonic()
        due = [child.restart_at for child in self._children.values() if child.restart_at is not None]
        wait = max(0.0, min([longest, *(at - now for at in due)]))
        for key, _ in self._selector.select(wait):
            if key.fd == self._wake_read:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
            else:
                self._read(key.data, key.fd)
        now = time.monotonic()
        self._reap(now)
        if self._hung_up:
            self._hung_up = False
            if self._on_hangup is not None:
                self._on_hangup()
        if not (self._stopping or self.stop_requested):
            for child in self._children.values():
                if child.restart_at is not None and child.restart_at <= now:
                    self._start(child)

    def stop(self) -> None:
        """End every child, stage by stage; those that do not obey are killed. May be called twice."""
        if self._stopping:
            return
        self._stopping = True
        running = [child for child in self._children.values() if child.running]
        for stage in sorted({child.spec.stop_stage for child in running}):
            members = [child for child in running if child.spec.stop_stage == stage]
            for child in members:
                child.signal(child.spec.stop_signal)
            self._await_end(members)

    # ------------------------------------------------------------------------------------------------- inside

    def _await_end(self, members: Iterable[Child]) -> None:
        begun = time.monotonic()
        members = list(members)
        while any(child.running for child in members):
            elapsed = time.monotonic() - begun
            for child in members:
                if child.running and elapsed > child.spec.grace:
                    self._report.line(OURSELVES, f"{child.spec.name} does not stop and is killed.")
                    child.kill()
            self.turn(0.2)

    def _start(self, child: Child) -> None:
        now = time.monotonic()
        try:
            descriptor = child.start(now)
        except OSError as error:
            self._report.line(OURSELVES, f"{child.spec.name} cannot be started now: {error}")
            child.could_not_start(now)
            return
        self._selector.register(descriptor, selectors.EVENT_READ, child)
        self._note_children()

    def _read(self, child: Child, descriptor: int) -> None:
        try:
            data = os.read(descriptor, READ_SIZE)
        except BlockingIOError:
            return
        self._say(child, data)
        if not data:
            self._forget(descriptor)

    def _say(self, child: Child, data: bytes) -> None:
        lines = child.lines(data)
        if child.spec.once:
            child.heard.extend(lines[: MOST_HEARD - len(child.heard)])
        self._report.lines(child.spec.name, lines, private=child.spec.private)

    def _reap(self, now: float) -> None:
        for child in list(self._children.values()):
            process = child.process
            if not child.reap(now, restart=not (self._stopping or self.stop_requested)):
                continue
            assert process is not None and process.stdout is not None  # noqa: S101 - it has just been reaped
            self._drain(child, process.stdout.fileno())
            process.stdout.close()
            self._note_children()
            if child.spec.once:
                continue
            # Later the settings are the same, so something else has changed, and what runs is not to be ended for it.
            if child.status == EX_CONFIG and child.starts == 1:
                self._refused, child.restart_at = child.spec.name, None
            elif child.restart_at is not None:
                wait = child.restart_at - now
                self._report.line(OURSELVES, f"{child.spec.name} {_ending(child.status)}; started again in {wait:g} s.")
            elif child.status not in (0, -child.spec.stop_signal):
                self._report.line(OURSELVES, f"{child.spec.name} {_ending(child.status)}.")

    def _drain(self, child: Child, descriptor: int) -> None:
        """Read what a dead child had still said, without waiting for a grandchild that holds the pipe open."""
        with contextlib.suppress(KeyError):
            self._selector.get_key(descriptor)
            while True:
                try:
                    data = os.read(descriptor, READ_SIZE)
                except BlockingIOError:
                    data = b""
                self._say(child, data)
                if not data:
                    break
            self._forget(descriptor)

    def _forget(self, descriptor: int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(descriptor)

    def _note_children(self) -> None:
        """Keep the list of children for those who look from outside; replaced whole, so never read half."""
        if self._children_file is None:
            return
        draft = self._children_file.with_suffix(".new")
        draft.write_text("".join(f"{name} {pid}\n" for name, pid in self.running.items()), encoding="ascii")
        draft.replace(self._children_file)

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_requested = True

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        if self._on_hangup is None:
            self.stop_requested = True
        else:
            self._hung_up = True


def _ending(status: int | None) -> str:
    """How a process ended, in words."""
    if status is not None and status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
