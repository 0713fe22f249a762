"""A worker as a process of its own, on a real Redis: what it does when the directory says that somebody is gone."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
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
from tests.support.machine import free_port, wait_until

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

    def start(**settings: str) -> int:
        name, port = f"w{next(numbers)}", free_port(udp=True)
        log = tmp_path / f"{name}.log"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PBX_")}
        own = {
            "REDIS_URL": server.url,
            "PBX_DATA_DIR": str(tmp_path),
            "PBX_DOMAINS": DOMAIN,
            "PBX_SIP": f"{DOMAIN}:{port}",
            "PBX_WORKER_ID": name,
            **settings,
        }
        with log.open("wb") as output:
            argv = [sys.executable, "-m", "sipcore"]
            running.append(
                subprocess.Popen(argv, cwd=ROOT, env={**inherited, **own}, stdout=output, stderr=subprocess.STDOUT)
            )
        wait_until(lambda: "listening on" in log.read_text(), 20, log.read_text())
        return port

    start.processes = running
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
    # Each worker tells in batches of its own, so the log is in order for each of them only.
    assert sorted(told(server)) == [("E_UL_CONTACT_DELETE", "admin")] * 2 + [("E_UL_CONTACT_INSERT", "")] * 2


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


@pytest.mark.acceptance("H12")
def test_a_script_is_loaded_again_on_sighup_and_a_faulty_one_is_refused(server, start_worker, tmp_path):
    script = tmp_path / "routes.py"
    answering = """
from sipcore.script import request_route

@request_route()
async def everything(request):
    request.reply({status})
"""
    publish(server, BOB)
    script.write_text(answering.format(status=481))
    port = start_worker(PBX_ROUTES=str(script))
    [process] = start_worker.processes

    def answer() -> int:
        with phone(port) as asking:
            return asking.ask("OPTIONS", f"sip:{DOMAIN}").status

    assert answer() == 481
    script.write_text(answering.format(status=482))
    assert answer() == 481, "nothing is loaded before it is asked for"
    process.send_signal(signal.SIGHUP)
    wait_until(lambda: answer() == 482, 5, "the script was not loaded again")

    unknown = "\n    await request.notify_on_event('E_NOTHING', {'aor': 'x'}, None, 5)\n"
    script.write_text(answering.format(status=483) + unknown)
    process.send_signal(signal.SIGHUP)
    wait_until(lambda: errors(server), 5, "nobody was told of the fault")
    assert errors(server)[0] == ("routes.py", 8, "routes.py, line 8: no event E_NOTHING")
    assert answer() == 482


def errors(server: RedisServer) -> list[tuple[str, int, str]]:
    """What the feed says about the routing script: file, line and fault."""
    return [
        tuple(event["attributes"][key] for key in ("script", "line", "error"))
        for event in logged(server)
        if event["name"] == "E_SCRIPT_ERROR"
    ]


def test_a_registration_at_another_worker_reaches_the_call_that_waits(server, start_worker):
    publish(server, BOB)
    publish(server, CAROL)
    first, second = start_worker(), start_worker()
    with phone(first, CAROL) as caller, phone(second) as bobs:
        call = caller.call(BOB.username)
        call.wait_for(100)  # perhaps the one before its challenge
        wait_until(lambda: "E_CALL_STARTED" in [event["name"] for event in logged(server)], 5, "no call")

        assert bobs.register().status == 200

        # The phone listens to its own worker alone; that worker's flow is not used for branches of others yet.
        wait_until(lambda: ("event", BOB.aor) in branches(server), 5, "the call has not heard of it")
        call.cancel()


def branches(server: RedisServer) -> list[tuple[str, str]]:
    """The branches that were started so far: why, and whom they ring."""
    return [
        (e["attributes"]["source"], e["attributes"]["aor"]) for e in logged(server) if e["name"] == "E_BRANCH_ADDED"
    ]


def test_a_worker_that_is_told_to_stop_records_the_calls_that_go_on_without_it(server, start_worker):
    publish(server, BOB)
    publish(server, CAROL)
    port = start_worker()
    [process] = start_worker.processes
    with phone(port, CAROL) as carols, phone(port) as bobs:
        assert bobs.register().status == 200
        call = carols.call(BOB.username)
        incoming = bobs.wait_for_call()
        incoming.respond(200)
        assert call.wait_for(200).status == 200
        incoming.wait_for_ack()

        process.terminate()
        assert process.wait(10) == 0

    with server.client() as client:
        [record] = [json.loads(text) for text in _text(client.lrange(keys.CALL_RECORDS, 0, -1))]
        assert not client.hlen(keys.CALLS), "it is still on the board"
    assert (record["reason"], record["code"], record["answered_by"]) == ("lost", 200, BOB.aor)
    assert 0 <= record["ended_at"] - record["answered_at"] < 10, (
        "it ends when the worker does, not when the next one starts"
    )
    assert [event["name"] for event in logged(server)][-2:] == ["E_CALL_ENDED", "E_NODE_DOWN"]
