"""A process of the product is killed, or stops answering, and the phones hardly notice."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.machine import wait_until
from tests.support.product import ProductUnderTest

from .clients.scripted import OutgoingCall, ScriptedPhone
from .conftest import WAKE_SECONDS, running_product
from .exchange import Batch, Exchange, Sleeper

WAIT_FOR_RECORD = """
import time
from pbx.calls.models import CallRecord
deadline = time.monotonic() + 20
while not CallRecord.objects.filter(callee="{callee}").exists():
    assert time.monotonic() < deadline, list(CallRecord.objects.values_list("callee", flat=True))
    time.sleep(0.1)
"""
REDIS_AWAY = 6.0  # beside the few seconds that pass until the worker has noticed
BACK_SECONDS = 40.0  # a process is started again, on a machine that does much else


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Exchange]:
    """A product of these tests alone, of which they may kill whatever they like."""
    for product in running_product(tmp_path_factory, request):
        exchange = Exchange(product, tmp_path_factory.mktemp("phones"), Batch(people=12, groups=0, sleepers=1))
        yield exchange
        exchange.stop_phones()


@pytest.fixture(scope="module")
def phones(mortal: Exchange) -> tuple[ScriptedPhone, ScriptedPhone]:
    """Two phones that have registered before anything breaks, and do not register again."""
    caller, callee = (mortal.scripted(who) for who in mortal.people(2))
    call_each_other(caller, callee)
    return caller, callee


@pytest.fixture(autouse=True)
def product_log(mortal: Exchange, request: pytest.FixtureRequest) -> ProductUnderTest:
    """Has the product's log shown when a test fails."""
    request.node.funcargs["product"] = mortal.product
    return mortal.product


def call_each_other(caller: ScriptedPhone, callee: ScriptedPhone) -> None:
    """A call that is answered and ended, by phones as they are registered."""
    call = caller.call(callee.user)
    incoming = callee.wait_for_call()
    incoming.respond(180)
    call.wait_for(180)
    incoming.respond(200)
    call.wait_for(200)
    incoming.wait_for_ack()
    call.bye(incoming)


def wait_until_ready(product: ProductUnderTest) -> None:
    """Return when every dependency answers."""
    answer = ""

    def ready() -> bool:
        nonlocal answer
        with contextlib.suppress(OSError):
            status, answer = product.get("/readyz")
            return status == 200
        return False

    wait_until(ready, BACK_SECONDS, f"not ready: {answer}")


@pytest.mark.parametrize("child", ["web", "celery", "beat", "postgres", "valkey", "sip"])
def test_a_process_that_is_killed_comes_back_and_phones_need_not_register_again(
    mortal: Exchange, phones: tuple[ScriptedPhone, ScriptedPhone], child: str
) -> None:
    caller, callee = phones
    product = mortal.product
    before = callee.bindings()

    old = product.kill_child(child)
    if child != "sip":
        call_each_other(caller, callee)  # at once: calls do not need it
    product.wait_for_new_child(child, old, BACK_SECONDS)
    wait_until_ready(product)

    assert len(before) == 1
    assert [contact.partition(";")[0] for contact in callee.bindings()] == [before[0].partition(";")[0]]
    call_each_other(caller, callee)


def test_sleeping_phones_are_woken_as_soon_as_celery_is_back(mortal: Exchange) -> None:
    sleeper, caller = mortal.sleeper(), mortal.scripted(mortal.person())

    mortal.product.kill_child("celery")
    call = call_until_pushed(mortal, sleeper, caller)
    incoming = mortal.app(sleeper).wait_for_call()
    incoming.respond(200)
    call.wait_for(200)
    incoming.wait_for_ack()
    call.bye(incoming)


def call_until_pushed(mortal: Exchange, sleeper: Sleeper, caller: ScriptedPhone) -> OutgoingCall:
    """Call as often as it takes, for a call does not wait longer than its window; the latest call waits."""
    deadline = time.monotonic() + BACK_SECONDS
    while True:
        call = caller.call(sleeper.who.username)
        try:
            mortal.product.push.wait_for(sleeper.is_pushed, WAKE_SECONDS - 2)
        except AssertionError:
            assert time.monotonic() < deadline, "nobody is pushed"
            call.cancel()
            call.wait_for(487)
        else:
            return call


def test_without_redis_nobody_registers_but_those_who_know_each_other_talk(
    mortal: Exchange, phones: tuple[ScriptedPhone, ScriptedPhone]
) -> None:
    product = mortal.product
    caller, callee = phones
    newcomer = mortal.scripted(mortal.person(), register=False)

    with stopped(product.children()["valkey"]):
        answer = newcomer.register()
        call_each_other(caller, callee)
        again = callee.register()

    assert answer.status == 503
    assert int(answer.header("retry-after")) > 0
    assert again.status == 503
    wait_until(lambda: newcomer.register().status == 200, BACK_SECONDS, "nobody can register again")
    call_each_other(newcomer, callee)
    wait_until_ready(product)


@pytest.mark.acceptance("H101")
def test_a_call_that_waits_when_redis_goes_away_is_still_joined_by_its_phone(
    mortal: Exchange, phones: tuple[ScriptedPhone, ScriptedPhone]
) -> None:
    product = mortal.product
    caller, _ = phones
    newcomer = mortal.scripted(mortal.person(), register=False)
    call = caller.call(newcomer.user)
    call.wait_for(100)

    with stopped(product.children()["valkey"]):
        assert newcomer.register().status == 503
        incoming = newcomer.wait_for_call()
        incoming.respond(200)
        call.wait_for(200)
        incoming.wait_for_ack()
        assert product.get("/readyz")[0] == 503
        time.sleep(REDIS_AWAY)
    wait_until(lambda: newcomer.register().status == 200, BACK_SECONDS, "nobody can register again")
    call.bye(incoming)

    assert len(newcomer.received("INVITE")) == 1, "nothing is injected twice"
    wait_until_ready(product)


@pytest.mark.acceptance("H101")
def test_what_happened_without_redis_is_in_the_event_log_afterwards_once_and_in_order(mortal: Exchange) -> None:
    product = mortal.product
    caller, callee = (mortal.scripted(who) for who in mortal.people(2))
    call_each_other(caller, callee)
    token = product.manage("create_api_token", product.admin[0], "--scope", "events:read").strip()

    def events() -> list[dict]:
        """What the log says of this caller's calls, oldest first."""
        query = f"/api/v1/events?name=E_CALL_*&subscriber={caller.user}"
        status, body = product.get(query, {"Authorization": f"Bearer {token}"})
        assert status == 200, body
        return json.loads(body)["items"][::-1]

    wait_until(lambda: len(events()) == 4, 10, "the first call is not in the log")
    with stopped(product.children()["valkey"]):
        call_each_other(caller, callee)  # Redis is sent this, and does not answer
        degraded = json.loads(product.get("/readyz")[1])
        time.sleep(REDIS_AWAY)
        call_each_other(caller, callee)  # by now its connection has been given up
    wait_until_ready(product)

    wait_until(lambda: len(events()) >= 12, 20, "not everything is in the log")
    found = events()
    assert [event["name"] for event in found] == [
        "E_CALL_STARTED",
        "E_CALL_RINGING",
        "E_CALL_ANSWERED",
        "E_CALL_ENDED",
    ] * 3
    assert [event["ts"] for event in found] == sorted(event["ts"] for event in found)
    assert len({event["id"] for event in found}) == 12
    assert (degraded["status"], "redis" in degraded["failing"]) == ("degraded", True)


def test_without_postgres_calls_go_on_and_are_recorded_later(
    mortal: Exchange, phones: tuple[ScriptedPhone, ScriptedPhone]
) -> None:
    product = mortal.product
    caller, callee = phones
    newcomer = mortal.scripted(mortal.person(), register=False)

    with stopped(product.children()["postgres"]):
        assert newcomer.register().status == 200
        call_each_other(newcomer, callee)
        call_each_other(caller, newcomer)

    wait_until_ready(product)
    product.manage("shell", "--no-imports", "-c", WAIT_FOR_RECORD.format(callee=f"{newcomer.user}@{product.domain}"))


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A server and all that it has forked do not move meanwhile: connections stay open and nobody answers."""
    family = [pid, *children_of(pid)]
    for member in family:
        os.kill(member, signal.SIGSTOP)
    try:
        yield
    finally:
        for member in family:
            os.kill(member, signal.SIGCONT)


def children_of(pid: int) -> list[int]:
    """The processes that one has forked."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            # proc(5): the name stands in parentheses and may hold anything; state and parent follow.
            if int(entry.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.parent.name))
    return found
