"""What the host is and has: its addresses, free ports, room on the disk, and whether somebody uses the data already."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from .configuration import Listener
from .errors import CannotStart
from .layout import Layout

__all__ = ["check_ports", "check_room", "lock", "own_address", "own_domains"]

LEAST_ROOM = 200 * 2**20  # bytes: a new cluster is 40 MB and keeps 64 MB of its write-ahead log
LOCK_SECONDS = 15.0  # how long servers that outlived a killed supervisor may take to end


def own_address() -> str:
    """The IPv4 address that this host would use towards the rest of the world; its loopback one when it has none."""
    # Connecting a datagram socket sends nothing; it only asks which address would be used (the other one: RFC 5737).
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]
    return "127.0.0.1"


def own_domains(layout: Layout, listener: Listener) -> tuple[str, ...]:
    """The SIP domains of a host that was told none: the address of its first start, then what else it is called.

    The first one is the realm that passwords are hashed for, so it is kept: a host that gets a new address must not lose
    every password with the old one. Any address it listens at counts as the first domain in any case.
    """
    address = listener.host
    if listener.everywhere or ":" in address:
        address = own_address()
    try:
        first = layout.domain.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        first = address
        layout.domain.write_text(f"{first}\n", encoding="utf-8")
    names = dict.fromkeys((first, address, socket.gethostname().lower(), "localhost"))
    return tuple(name for name in names if re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name))


def check_ports(listeners: Sequence[Listener]) -> None:
    """Raises CannotStart with a sentence for each address that cannot be bound."""
    sentences = []
    for listener in listeners:
        kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM) if listener.udp else (socket.SOCK_STREAM,)
        for kind in kinds:
            error = _bind_error(listener, kind)
            if error is not None:
                over = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
                sentences.append(f"{listener.setting} is '{listener}', and that cannot be used over {over}: {error}.")
                break
    if sentences:
        raise CannotStart(*sentences)


def _bind_error(listener: Listener, kind: int) -> str | None:
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    try:
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of an earlier run may linger
            probe.bind((listener.host, listener.port))
            if kind == socket.SOCK_STREAM:
                probe.listen(1)
    except OSError as error:
        return {
            errno.EADDRINUSE: f"another program uses port {listener.port}",
            errno.EADDRNOTAVAIL: f"this host has no address {listener.host}",
            errno.EACCES: f"this account may not use port {listener.port}",
        }.get(error.errno or 0, error.strerror or str(error))
    return None


def check_room(data: Path) -> None:
    """Raises CannotStart when the disk is nearly full."""
    free = shutil.disk_usage(data).free
    if free < LEAST_ROOM:
        raise CannotStart(
            f"PBX_DATA_DIR is {str(data)!r}, where {free // 2**20} MB are free; at least {LEAST_ROOM // 2**20} MB are "
            "needed."
        )


def lock(layout: Layout, *, wait: float = LOCK_SECONDS) -> int | None:
    """Lock the data directory and return the descriptor that holds the lock; None when somebody else keeps it.

    The embedded servers inherit it. A supervisor that was killed leaves them a moment behind, and they hold the lock
    until the last of them has ended: two servers never write the same files.
    """
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline or _owner_lives(descriptor):
                os.close(descriptor)
                return None
            time.sleep(0.1)
            continue
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return descriptor


def _owner_lives(descriptor: int) -> bool:
    """Whether the supervisor that wrote its number into the lock is still there."""
    try:
        os.kill(int(os.pread(descriptor, 32, 0)), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True
