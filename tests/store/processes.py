"""Workers as processes of their own on a real Redis, and what the web side says to them."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipcore.contract import keys
from sipcore.contract.credentials import ha1
from sipcore.contract.directory import SubscriberRecord
from sipcore.contract.records import replace, to_json
from tests.e2e.clients.scripted import ScriptedPhone
from tests.support.machine import free_port, wait_until

from .server import RedisServer

ROOT = Path(__file__).resolve().parent.parent.parent
DOMAIN = "127.0.0.1"
PASSWORD = "right-battery-7"


def subscriber(username: str) -> SubscriberRecord:
    hashes = {name: ha1(name, username, DOMAIN, PASSWORD) for name in ("MD5", "SHA-256")}
    return SubscriberRecord(f"{username}@{DOMAIN}", username, DOMAIN, hashes)


BOB, CAROL = subscriber("101"), subscriber("102")


class Workers:
    """`python -m sipcore`, as often as a test asks for it; called, it starts one and returns its port once it listens."""

    def __init__(self, server: RedisServer, directory: Path) -> None:
        self._server = server
        self._directory = directory
        self._numbers = itertools.count(1)
        self.by_name: dict[str, subprocess.Popen[bytes]] = {}

    def __call__(self, **settings: str) -> int:
        return self.siblings(1, **settings)

    @property
    def processes(self) -> list[subprocess.Popen[bytes]]:
        """Those that run."""
        return list(self.by_name.values())

    def siblings(self, count: int, *, port: int = 0, **settings: str) -> int:
        """Start several behind one port, and return once all listen and know of each other."""
        port = port or free_port(udp=True)
        more = {"PBX_SIP_WORKERS": str(count), "PBX_SIP_SIBLINGS": str(self._directory / "siblings")}
        names = [self._start(port, **(more if count > 1 else {}), **settings) for _ in range(count)]
        for name in names:
            self._wait_for(name, "listening on")
            for other in names:
                if other != name:
                    self._wait_for(name, f"sibling {other} is there")
        return port

    def start_again(self, port: int, count: int) -> str:
        """Start a sibling in the place of one that was killed, and return its name."""
        settings = {"PBX_SIP_WORKERS": str(count), "PBX_SIP_SIBLINGS": str(self._directory / "siblings")}
        started = self._start(port, **settings)
        self._wait_for(started, "listening on")
        return started

    def kill(self, name: str) -> None:
        """End one as a power cut would."""
        process = self.by_name.pop(name)
        process.kill()
        process.wait()

    def log(self, name: str) -> str:
        """What a worker has said so far."""
        return (self._directory / f"{name}.log").read_text()

    def stop(self) -> None:
        """End them in order."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            assert process.wait(10) == 0

    def _start(self, port: int, **settings: str) -> str:
        name = f"w{next(self._numbers)}"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PBX_")}
        own = {
            "REDIS_URL": self._server.url,
            "PBX_DATA_DIR": str(self._directory),
            "PBX_DOMAINS": DOMAIN,
            "PBX_SIP": f"{DOMAIN}:{port}",
            "PBX_WORKER_ID": name,
            **settings,
        }
        with (self._directory / f"{name}.log").open("wb") as output:
            argv = [sys.executable, "-m", "sipcore"]
            self.by_name[name] = subprocess.Popen(
                argv, cwd=ROOT, env={**inherited, **own}, stdout=output, stderr=subprocess.STDOUT
            )
        return name

    def _wait_for(self, name: str, words: str) -> None:
        wait_until(lambda: words in self.log(name), 20, f"{name} does not say {words!r}:\n{self.log(name)}")


@pytest.fixture
def start_worker(server: RedisServer, tmp_path: Path) -> Iterator[Workers]:
    """Starts workers, one at a port of its own or several behind one."""
    workers = Workers(server, tmp_path)
    yield workers
    workers.stop()


def publish(server: RedisServer, record: SubscriberRecord) -> None:
    """Say as Django does how somebody is now."""
    with server.client() as client:
        client.set(keys.directory_subscriber(record.aor), to_json(record))
        client.set(keys.DIRECTORY_READY, "1")
        client.publish(keys.DIRECTORY_CHANGED, f"sub:{record.aor}")


def delete(server: RedisServer, record: SubscriberRecord) -> None:
    """Say as Django does that there is nobody any more."""
    with server.client() as client:
        client.delete(keys.directory_subscriber(record.aor))
        client.publish(keys.DIRECTORY_CHANGED, f"sub:{record.aor}")


def suspend(server: RedisServer, record: SubscriberRecord) -> None:
    publish(server, replace(record, enabled=False, revision=2))


def binding(server: RedisServer, who: SubscriberRecord) -> dict:
    """The only binding of somebody, as it is stored."""
    with server.client() as client:
        [stored] = [text for field, text in client.hgetall(keys.bindings(who.aor)).items() if field != "rev"]
    return json.loads(stored)


def contacts(server: RedisServer, who: SubscriberRecord = BOB) -> list[str]:
    """The keys of the bindings that are stored."""
    with server.client() as client:
        return sorted(set(_text(client.hkeys(keys.bindings(who.aor)))) - {"rev"})


def told(server: RedisServer) -> list[tuple[str, str]]:
    """The contact events so far: the name, and the reason of a removal. They follow what is stored at once."""
    return [
        (event["name"], event["attributes"].get("delete_reason", ""))
        for event in logged(server)
        if re.match("E_UL_CONTACT", event["name"])
    ]


def logged(server: RedisServer) -> list[dict]:
    """The events of the log, oldest first."""
    with server.client() as client:
        return [json.loads(_text([fields[key] for key in fields])[0]) for _, fields in client.xrange(keys.EVENTS_LOG)]


def _text(values: list[bytes | str]) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else value for value in values]


def branches(server: RedisServer) -> list[tuple[str, str]]:
    """The branches that were started so far: why, and whom they ring."""
    return [
        (e["attributes"]["source"], e["attributes"]["aor"]) for e in logged(server) if e["name"] == "E_BRANCH_ADDED"
    ]


def phone(port: int, who: SubscriberRecord = BOB, *, transport: str = "udp") -> ScriptedPhone:
    return ScriptedPhone((DOMAIN, port), who.username, PASSWORD, transport=transport)
