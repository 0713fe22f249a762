"""What end-to-end tests need from the machine: programs of others, free ports, and patience."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable

import pytest

__all__ = ["free_port", "require_binary", "wait_until"]


def require_binary(*names: str) -> str:
    """The path of the first of these programs that is installed.

    Without any the test is skipped; with `E2E_REQUIRED=1`, as in continuous integration, it fails: a suite that skips
    what it is for must not look green.
    """
    for name in names:
        path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
        if path is not None:
            return path
    missing = f"{' or '.join(names)} is not installed"
    if os.environ.get("E2E_REQUIRED") == "1":
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


def free_port(*, udp: bool = False) -> int:
    """A TCP port of the loopback interface that nobody uses, with `udp` one that is free for both.

    The kernel hands ephemeral ports out in turn, so the next caller gets another one.
    """
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
            stream.bind(("127.0.0.1", 0))
            port = stream.getsockname()[1]
            if not udp:
                return port
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
                try:
                    datagram.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return port
    raise OSError("no port is free for both UDP and TCP")


def wait_until(condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Return as soon as the condition holds; AssertionError, with what to say, when it does not in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)
