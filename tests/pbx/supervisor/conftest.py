"""Processes that stand in for the product's, and a place for them."""

from __future__ import annotations

import io
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pbx.supervisor.child import ChildSpec
from pbx.supervisor.layout import Layout
from pbx.supervisor.report import Report
from pbx.supervisor.supervisor import Supervisor

# Says that it is up, and says which signal ended it.
OBEDIENT = """
import os, signal, time
def end(number, frame):  # a print may have been interrupted, so no second one
    os.write(1, f"ended by {signal.Signals(number).name}\\n".encode())
    os._exit(0)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, end)
print("up", flush=True)
while True:
    time.sleep(60)
"""


def python(name: str, program: str, **more: object) -> ChildSpec:
    """A child that runs a few lines of Python."""
    spec = ChildSpec(name=name, argv=(sys.executable, "-I", "-S", "-c", program), environment={"PATH": os.defpath})
    return replace(spec, **more)


def obedient(name: str, **more: object) -> ChildSpec:
    """A child that ends when it is told to."""
    return python(name, OBEDIENT, **more)


@pytest.fixture
def layout() -> Iterator[Layout]:
    """A data directory with a short name, since sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="pbx-") as directory:
        made = Layout(Path(directory))
        made.make()
        yield made


@pytest.fixture
def said() -> io.StringIO:
    """What the operator has read."""
    return io.StringIO()


@pytest.fixture
def supervisor(said: io.StringIO, layout: Layout) -> Iterator[Supervisor]:
    """A supervisor that is watching; it lets go of the signals at the end."""
    before = signal.getsignal(signal.SIGTERM)
    with Supervisor(Report(said), children_file=layout.children) as watching:
        yield watching
    assert signal.getsignal(signal.SIGTERM) is before


def turn_until(supervisor: Supervisor, condition, seconds: float = 20.0) -> None:
    """Let the supervisor work until something has happened."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        supervisor.turn(0.05)
