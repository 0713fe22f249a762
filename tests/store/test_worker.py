"""A worker as a process of its own, on a real Redis: what it does when the directory says that somebody is gone."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sipcore.contract import keys
from sipcore.contract.credentials import ha1
from sipcore.contract.directory import SubscriberRecord
from sipcore.contract.records import to_json
from tests.e2e.clients.scripted import ScriptedPhone
from tests.support.services import free_port, wait_until

from .server import RedisServer

ROOT = Path(__file__).resolve().parent.parent.parent
DOMAIN = "127.0.0.1"
PASSWORD = "right-battery-7"


def subscriber(username: str) -> SubscriberRecord:
    hashes = {name: ha1(name, username, DOMAIN, PASSWORD) for name in ("MD5", "SHA-256")}
    return SubscriberRecord(f"{username}@{DOMAIN}", username, DOMAIN, hashes)


BOB, CAROL = subscriber("101"), subscriber("102")


@pytest.fixture
def start_worker(server: RedisServer, tmp_path: Path) -> Iterator[Callable[[], int]]:
    """Starts `python -m sipcore` and returns its port once it listens."""
    running: list[subprocess.Popen[bytes]] = []
    numbers = itertools.count(1)

    def start() -> int:
        name, port = f"w{next(numbers)}", free_port(udp=True)
        log = tmp_path / f"{name}.log"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PBX_")}
        own = {
            "REDIS_URL": server.url,
            "PBX_DATA_DIR": str(tmp_path),
            "PBX_DOMAINS": DOMAIN,
            "PBX_SIP": f"{DOMAIN}:{port}",
            "PBX_WORKER_ID": name,
        }
        with log.open("wb") as output:
            argv = [sys.executable, "-m", "sipcore"]
            running.append(
                subprocess.Popen(argv, cwd=ROOT, env={**inherited, **own}, stdout=output, stderr=subprocess.STDOUT)
            )
        wait_until(lambda: "listening on" in log.read_text(), 20, log.read_text())
        return port

    yield start
    for process in running:
        process.terminate()
    for process in running:
        assert process.wait(10) == 0


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


def contacts(server: RedisServer, who: SubscriberRecord = BOB) -> list[str]:
    """The keys of the bindings that are stored."""
    with server.client() as client:
        return sorted(set(_text(client.hkeys(keys.bindings(who.aor)))) - {"rev"})


def told(server: RedisServer) -> list[tuple[str, str]]:
    """The contact events so far: the name, and the reason of a removal. They follow what is stored at once."""
    with server.client() as client:
        events = [json.loads(_text([fields[key] for key in fields])[0]) for _, fields in client.xrange(keys.EVENTS_LOG)]
    return [
        (event["name"], event["attributes"].get("delete_reason", ""))
        for event in events
        if re.match("E_UL_CONTACT", event["name"])
    ]


def _text(values: list[bytes | str]) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else value for value in values]


def phone(port: int, who: SubscriberRecord = BOB) -> ScriptedPhone:
    return ScriptedPhone((DOMAIN, port), who.username, PASSWORD)


@pytest.mark.parametrize(("end", "status"), [(suspend, 403), (delete, 401)])
def test_somebody_who_is_gone_keeps_no_binding_and_gets_none(end, status, server, start_worker):
    publish(server, BOB)
    port = start_worker()
    with phone(port) as desk, phone(port) as mobile:
        assert desk.register().status == mobile.register().status == 200
        assert len(contacts(server)) == 2

        end(server, BOB)

        wait_until(lambda: not contacts(server), 5, "the bindings were kept")
        assert desk.register().status == status
    assert contacts(server) == []
    wait_until(lambda: len(told(server)) >= 4, 5, "not all was told")
    assert told(server) == [("E_UL_CONTACT_INSERT", "")] * 2 + [("E_UL_CONTACT_DELETE", "admin")] * 2


def test_of_two_workers_that_hear_of_it_one_tells(server, start_worker):
    publish(server, BOB)
    publish(server, CAROL)
    port, _ = start_worker(), start_worker()
    with phone(port) as bobs, phone(port, CAROL) as carols:
        assert bobs.register().status == carols.register().status == 200

        for who in (BOB, CAROL):
            delete(server, who)
            wait_until(lambda who=who: not contacts(server, who), 5, "the binding was kept")

    wait_until(lambda: len(told(server)) >= 4, 5, "not all was told")
    assert told(server) == [("E_UL_CONTACT_INSERT", "")] * 2 + [("E_UL_CONTACT_DELETE", "admin")] * 2


def test_any_other_change_leaves_the_phones_alone(server, start_worker):
    publish(server, BOB)
    publish(server, CAROL)
    port = start_worker()
    with phone(port) as bobs, phone(port, CAROL) as carols:
        assert bobs.register().status == carols.register().status == 200

        publish(server, replace(BOB, display_name="Bob", push_devices=1, revision=2))
        delete(server, CAROL)

        # Heard in this order: when the second has had its effect, the first has had none.
        wait_until(lambda: not contacts(server, CAROL), 5, "the binding was kept")
        assert len(contacts(server)) == 1
        assert bobs.register().status == 200
