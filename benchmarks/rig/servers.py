"""The servers that are compared: sipcore with a Valkey of its own, as the product runs them, and Kamailio.

Each is a process tree on a free port of the loopback interface, pinned to one core, with the same users. `open` takes
everybody at his word, `digest` challenges every REGISTER and INVITE.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import redis

from pbx.supervisor.layout import Layout
from pbx.supervisor.programs import find_valkey
from pbx.supervisor.valkey import EmbeddedValkey
from sipcore.contract.directory import SubscriberRecord
from sipcore.contract.keys import DIRECTORY_READY, directory_subscriber
from sipcore.contract.records import to_json

from .accounting import cpu_seconds, process_tree, resident_bytes
from .phones import REALM, Phone, ha1_of

__all__ = ["Kamailio", "Server", "Sipcore", "free_port", "pinned"]

ROOT = Path(__file__).parent.parent.parent
SCENARIOS = Path(__file__).parent.parent / "scenarios"
START_SECONDS = 20.0


def pinned(core: int, command: Iterable[str]) -> list[str]:
    """The command, kept to one core."""
    return ["taskset", "-c", str(core), *command]


def free_port() -> int:
    """A UDP and TCP port of the loopback interface that nobody uses."""
    while True:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            stream.bind(("127.0.0.1", 0))
            port = stream.getsockname()[1]
            with suppress(OSError):
                datagrams.bind(("127.0.0.1", port))
                return port


class Server:
    """A SIP server under test and the process trees that count as its own."""

    name = ""

    def __init__(
        self,
        directory: Path,
        core: int,
        users: list[str],
        *,
        digest: bool,
        settings: Mapping[str, str] = MappingProxyType({}),
        python: str = sys.executable,
    ) -> None:
        directory.mkdir(parents=True)
        self.directory = directory
        self.core = core
        self.users = users
        self.digest = digest
        self.settings = settings
        self.python = python
        self.address = ("127.0.0.1", free_port())
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start everything and return once SIP is answered."""
        raise NotImplementedError

    def stop(self) -> None:
        """End what was started, the last one first."""
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def cpu(self) -> list[float]:
        """CPU seconds so far, one figure for each process tree: SIP first, then its store if it has one."""
        return [cpu_seconds(process_tree(process.pid)) for process in reversed(self._processes)]

    def memory(self) -> list[int]:
        """Resident bytes, likewise."""
        return [resident_bytes(process_tree(process.pid)) for process in reversed(self._processes)]

    @property
    def pid(self) -> int:
        """The SIP server's process."""
        return self._processes[-1].pid

    def _run(self, command: Iterable[str], environment: dict[str, str] | None = None) -> None:
        with open(self.directory / "log", "ab") as log:
            self._processes.append(
                subprocess.Popen(
                    pinned(self.core, command),
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if time.monotonic() > deadline or self._processes[-1].poll() is not None:
                raise RuntimeError(f"{self.name} does not start:\n{(self.directory / 'log').read_text()}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        phone = Phone(self.address)
        phone.socket.settimeout(0.2)
        try:
            phone.ask(phone.request("REGISTER", self.users[0], f"sip:{REALM}"))
        except OSError:
            return False
        finally:
            phone.close()
        return True


class Sipcore(Server):
    """As many workers as the settings say, as the product starts them, but for the log, which is at `warning`; and their
    Valkey, append-only."""

    name = "sipcore"

    def start_store(self) -> None:
        """Start the Valkey alone."""
        layout = Layout(self.directory / "data")
        layout.valkey.mkdir(parents=True)
        layout.sockets.mkdir(parents=True, exist_ok=True)
        valkey = EmbeddedValkey(find_valkey(os.environ), layout)
        self._run(valkey.child().argv)
        self._wait_until(valkey.is_ready)
        self.url = f"unix://{layout.valkey_socket}?db=0"

    def start(self) -> None:
        self.start_store()
        self._publish_directory()
        host, port = self.address
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "REDIS_URL": self.url,
            "PBX_SIP": f"{host}:{port}",
            "PBX_DOMAINS": REALM,
            "PBX_LOG_LEVEL": "warning",
            **({} if self.digest else {"PBX_TRUSTED_SOURCES": "127.0.0.0/8"}),
            **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
            "PBX_SIP_SIBLINGS": str(self.directory / "siblings"),
            **self.settings,
        }
        for _ in range(int(self.settings.get("PBX_SIP_WORKERS", "1"))):
            self._run([self.python, "-m", "sipcore"], environment)
        self._wait_until(self._answers)

    def _publish_directory(self) -> None:
        with redis.Redis.from_url(self.url) as client, client.pipeline(transaction=False) as pipe:
            for user in self.users:
                hashes = {"MD5": ha1_of(user), "SHA-256": ha1_of(user, "sha256")}
                record = SubscriberRecord(f"{user}@{REALM}", user, REALM, hashes, display_name=user)
                pipe.set(directory_subscriber(record.aor), to_json(record))
            pipe.set(DIRECTORY_READY, "1")
            pipe.execute()


class Kamailio(Server):
    """Debian's Kamailio: one UDP child, location and HA1 in memory, the allocator that costs it least."""

    name = "Kamailio"

    def start(self) -> None:
        program = shutil.which("kamailio", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
        if program is None:
            raise RuntimeError("kamailio is not installed")
        shutil.copy(SCENARIOS / "kamailio.cfg", self.directory)
        lines = [f'$sht(ha1=>{user}) = "{ha1_of(user)}";\n' for user in self.users]
        (self.directory / "users.cfg").write_text("".join(lines))
        definitions = ["-A", "LISTEN=udp:{}:{}".format(*self.address), *(["-A", "DIGEST"] if self.digest else [])]
        configuration = ["-f", str(self.directory / "kamailio.cfg"), "-Y", str(self.directory)]
        self._run([program, "-DD", "-E", "-m", "128", "-M", "16", "-x", "fm", "-X", "fm", *definitions, *configuration])
        self._wait_until(self._answers)
