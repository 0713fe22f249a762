"""Four workers behind one port, as processes of their own: the kernel spreads the phones, and no call notices."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.rig.phones import REALM, Phone
from benchmarks.rig.sipp import SCENARIOS, Answering, write_rows
from sipcore.contract import keys
from sipcore.contract.directory import SubscriberRecord
from tests.e2e.clients.message import Message
from tests.e2e.clients.scripted import IncomingCall, OutgoingCall, ScriptedPhone
from tests.support.machine import require_binary, wait_until

from .processes import DOMAIN, Workers, binding, logged, phone, publish, subscriber
from .server import RedisServer

WORKERS = 4
PEOPLE = [subscriber(str(number)) for number in range(101, 141)]


class Office:
    """Phones whose worker is known."""

    def __init__(self, server: RedisServer, workers: Workers, port: int, stack: ExitStack) -> None:
        self.server = server
        self.workers = workers
        self.port = port
        self._stack = stack
        self._people = iter(PEOPLE)
        for who in PEOPLE:
            publish(server, who)

    def phone(self, where: Callable[[str], bool] = lambda name: True, *, transport: str = "udp") -> ScriptedPhone:
        """A phone that has registered at a worker that `where` says yes to; whose it is, is `phone.who`, `phone.worker`."""
        for _ in range(200):
            who = next(self._people)
            while True:
                made = phone(self.port, who, transport=transport)
                assert made.register().status == 200
                made.who, made.worker = who, binding(self.server, who)["worker"]
                if where(made.worker):
                    self._stack.callback(made.close)
                    return made
                assert made.register(expires=0).status == 200
                made.close()
        raise AssertionError("the kernel spreads nothing")

    def call(self, caller: ScriptedPhone, callee: ScriptedPhone) -> OutgoingCall:
        return caller.call(callee.who.username)


@pytest.fixture
def office(server: RedisServer, start_worker: Workers) -> Iterator[Office]:
    port = start_worker.siblings(WORKERS, PBX_WAKE_SECONDS="10")
    with ExitStack() as stack:
        yield Office(server, start_worker, port, stack)


def owner_of(call: OutgoingCall, server: RedisServer) -> str:
    """The worker that has a call."""
    with server.client() as client:
        for text in client.hgetall(keys.CALLS).values():
            if call.call_id in text:
                return text.partition('"worker":"')[2].partition('"')[0]
    raise AssertionError("that call is not on the board")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_phones_of_two_workers_talk(office: Office, transport: str) -> None:
    alice = office.phone(transport=transport)
    bob = office.phone(lambda name: name != alice.worker, transport=transport)

    for hangs_up in ("caller", "callee"):
        call = office.call(alice, bob)
        incoming = bob.wait_for_call()
        incoming.respond(180)
        call.wait_for(180)
        incoming.respond(200)
        call.wait_for(200)
        incoming.wait_for_ack()
        call.bye(incoming) if hangs_up == "caller" else incoming.bye(call)

    call = office.call(alice, bob)
    incoming = bob.wait_for_call()
    incoming.respond(180)
    call.wait_for(180)
    call.cancel()
    incoming.wait_for_cancel()
    call.wait_for(487)
    wait_until(lambda: len(ended(office.server)) == 3, 5, "not all calls have ended")
    assert [e["attributes"]["reason"] for e in ended(office.server)] == ["answered", "answered", "cancelled"]


def ended(server: RedisServer) -> list[dict]:
    return [event for event in logged(server) if event["name"] == "E_CALL_ENDED"]


def test_a_call_forks_to_phones_of_all_workers_over_both_transports(office: Office) -> None:
    alice = office.phone()
    bob = office.phone()
    others: list[ScriptedPhone] = []
    for number in range(7):
        made = phone(office.port, bob.who, transport=("udp", "tcp")[number % 2])
        others.append(made)
        assert made.register().status == 200
    call = office.call(alice, bob)
    incoming = [each.wait_for_call() for each in (bob, *others)]
    for each in incoming:
        each.respond(180)
    call.wait_for(180)
    incoming[-1].respond(200)
    call.wait_for(200)
    incoming[-1].wait_for_ack()
    for each in incoming[:-1]:
        assert "cause=200" in each.wait_for_cancel().header("reason")
    incoming[-1].bye(call)
    for each in others:
        each.close()


@pytest.mark.acceptance("H100")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_phone_that_registers_at_a_sibling_is_rung_at_once(office: Office, transport: str) -> None:
    alice = office.phone()
    sleeping = office.phone(lambda name: name != alice.worker)
    assert sleeping.register(expires=0).status == 200
    call = office.call(alice, sleeping)
    call.wait_for(100)
    wait_until(lambda: on_the_board(office.server) == 1, 5, "no call")

    with phone(office.port, sleeping.who, transport=transport) as awake:
        assert awake.register().status == 200
        begin = time.monotonic()
        incoming = awake.wait_for_call()
        took = time.monotonic() - begin
        incoming.respond(200)
        call.wait_for(200)
        incoming.wait_for_ack()
        call.bye(incoming)
    assert took < 0.1


def on_the_board(server: RedisServer) -> int:
    with server.client() as client:
        return client.hlen(keys.CALLS)


def test_a_worker_that_is_killed_leaves_nothing_and_its_phones_are_reached(office: Office) -> None:
    alice = office.phone()
    bob = office.phone(lambda name: name != alice.worker)
    held = office.phone(lambda name: name not in (alice.worker, bob.worker))
    caller = office.phone(lambda name: name == bob.worker)
    assert held.register(expires=0).status == 200
    waiting = office.call(caller, held)
    waiting.wait_for(100)
    wait_until(lambda: on_the_board(office.server) == 1, 5, "no call")
    assert owner_of(waiting, office.server) == bob.worker

    office.workers.kill(bob.worker)

    # At once: a phone that had registered there is called over its flow by a sibling.
    call = office.call(alice, bob)
    incoming = bob.wait_for_call()
    incoming.respond(180)
    call.wait_for(180)
    incoming.respond(200)
    call.wait_for(200)
    incoming.wait_for_ack()
    incoming.bye(call)
    # And once its last heartbeat is no longer believed, nothing of it is left.
    wait_until(lambda: leftovers(office.server, bob.worker) == [], 25, "something is left of the dead worker")
    assert on_the_board(office.server) == 0


def leftovers(server: RedisServer, name: str) -> list[str]:
    """What of a worker is in Redis, bindings and what was recorded apart."""
    with server.client() as client:
        found = [key for key in (keys.worker(name), keys.subscriptions_of(name)) if client.exists(key)]
        found += [uid for uid, text in client.hgetall(keys.CALLS).items() if f'"worker":"{name}"' in text]
        for key in client.scan_iter(keys.subscription("*")):
            found += [key] if f'"owner":"{name}"' in (client.get(key) or "") else []
        found += [name] if client.zscore(keys.WORKERS, name) is not None else []
        found += list(client.scan_iter(keys.pickup_claim("*")))
    return found


def test_a_worker_comes_back_while_calls_ring_and_they_are_ended_as_if_nothing_had_been(office: Office) -> None:
    """The kernel spreads the phones anew when a worker goes and when one comes: CANCEL and ACK still find their call."""
    pairs = []
    for _ in range(10):
        alice = office.phone()
        pairs.append((alice, office.phone()))
    victim = "w1"
    calls = []
    for alice, bob in pairs:
        call = office.call(alice, bob)
        incoming = bob.wait_for_call()
        incoming.respond(180)
        call.wait_for(180)
        calls.append((call, incoming))
    wait_until(lambda: on_the_board(office.server) == len(calls), 5, "not all calls are on the board")
    mine = [(call, incoming) for call, incoming in calls if owner_of(call, office.server) != victim]
    assert len(mine) >= 3
    refusals = []

    office.workers.kill(victim)
    for call, incoming in mine[::2]:
        refusals.append(give_up(call, incoming))
    office.workers.start_again(office.port, WORKERS)
    for call, incoming in mine[1::2]:
        refusals.append(give_up(call, incoming))

    time.sleep(1.2)  # Timer G: a refusal whose ACK has got lost is sent again after 0.5 s
    assert [call.phone.copies(refusal) for call, refusal in refusals] == [1] * len(mine)


def give_up(call: OutgoingCall, incoming: IncomingCall) -> tuple[OutgoingCall, Message]:
    """Cancel a call that rings; return it and its 487."""
    call.cancel()
    incoming.wait_for_cancel()
    return call, call.wait_for(487)


def test_calls_between_workers_need_no_redis(office: Office, server: RedisServer) -> None:
    alice = office.phone()
    bob = office.phone(lambda name: name != alice.worker)
    call = office.call(alice, bob)
    incoming = bob.wait_for_call()
    incoming.respond(180)
    call.wait_for(180)

    server.kill()
    incoming.respond(200)
    call.wait_for(200)
    incoming.wait_for_ack()
    incoming.bye(call)

    server.start()
    wait_until(lambda: len(ended(server)) == 1, 20, "the end of the call was not told after Redis had come back")
    for each in (alice, bob):
        wait_until(lambda each=each: each.register().status == 200, 20, "a worker has not found Redis again")
    again = office.call(bob, alice)
    incoming = alice.wait_for_call()
    incoming.respond(200)
    again.wait_for(200)
    incoming.wait_for_ack()
    again.bye(incoming)


def test_a_thousand_calls_from_as_many_sockets(server: RedisServer, start_worker: Workers, tmp_path: Path) -> None:
    """All workers have calls, and most responses come to another one than that of their call."""
    sipp = require_binary("sipp")
    port = start_worker.siblings(WORKERS, PBX_DOMAINS=REALM, PBX_TRUSTED_SOURCES="127.0.0.0/8")
    callees = [SubscriberRecord(f"c{number}@{REALM}", f"c{number}", REALM, {}) for number in range(40)]
    answering = [Answering(tmp_path, core) for core in (0, 1, 0, 1)]
    caller = Phone((DOMAIN, port))
    try:
        for number, callee in enumerate(callees):
            publish(server, callee)
            contact = f"sip:{callee.username}@127.0.0.1:{answering[number % len(answering)].port}"
            caller.register(callee.username, contact)
        rows = write_rows(tmp_path / "callees.csv", [[callee.username] for callee in callees])
        command = [sipp, "-sf", str(SCENARIOS / "call.xml"), "-inf", str(rows), "-i", "127.0.0.1"]
        command += ["-t", "un", "-max_socket", "1500", "-m", "1200", "-r", "60", "-l", "400", "-nostdin"]
        command += ["-timeout", "60s", "-timeout_error", "-trace_err", "-error_file", str(tmp_path / "errors")]
        run = subprocess.run([*command, f"{DOMAIN}:{port}"], cwd=tmp_path, capture_output=True, check=False)
    finally:
        caller.close()
        for each in answering:
            each.stop()

    assert run.returncode == 0, (tmp_path / "errors").read_text()[-2000:] if (tmp_path / "errors").exists() else run
    wait_until(lambda: len(records(server)) == 1200, 10, "not all calls have been recorded")
    owners = Counter(record["worker"] for record in records(server))
    assert len(owners) == WORKERS and min(owners.values()) > 150, owners
    assert {record["reason"] for record in records(server)} == {"answered"}


def records(server: RedisServer) -> list[dict]:
    with server.client() as client:
        return [json.loads(text) for text in client.lrange(keys.CALL_RECORDS, 0, -1)]
