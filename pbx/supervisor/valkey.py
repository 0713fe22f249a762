"""The embedded Valkey, or Redis: reached by a unix socket alone, kept in an append-only file."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from .child import ChildSpec
from .layout import Layout

__all__ = ["EmbeddedValkey"]


class EmbeddedValkey:
    """The command that serves a directory, and whether it serves yet. Redis 7.0 understands every option here."""

    def __init__(self, program: Path, layout: Layout, *, durable: bool = True) -> None:
        self._program = program
        self._layout = layout
        self._durable = durable

    def child(self, **more: object) -> ChildSpec:
        """The server process."""
        options = {
            "port": "0",
            "unixsocket": str(self._layout.valkey_socket),
            "unixsocketperm": "700",
            "dir": str(self._layout.valkey),
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",  # a lost binding is a phone that does not ring
            "loglevel": "warning",
            "daemonize": "no",
        }
        return ChildSpec(
            name="valkey",
            argv=(str(self._program), *(part for name, value in options.items() for part in (f"--{name}", value))),
            environment={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            directory=str(self._layout.valkey),
            is_ready=self.is_ready,
            **more,  # type: ignore[arg-type]
        )

    def is_ready(self) -> bool:
        """Whether it answers a PING; while it loads its file it answers that it loads."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1.0)
                connection.connect(str(self._layout.valkey_socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
