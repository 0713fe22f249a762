"""A worker as a process of its own, on a real Redis: what it does when the directory says that somebody is gone."""

from __future__ import annotations

import json
import re
import signal

import pytest

from sipcore.contract import keys
from sipcore.contract.records import replace
from tests.support.machine import wait_until

from .processes import (
    BOB,
    CAROL,
    DOMAIN,
    branches,
    contacts,
    delete,
    logged,
    phone,
    publish,
    suspend,
    told,
)


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
    assert errors(server)[0] == ("routes.py", 8, "'E_NOTHING' is not a declared event")
    assert answer() == 482


def test_a_worker_that_starts_while_the_script_is_faulty_goes_on_with_the_last_good_one(server, start_worker, tmp_path):
    script = tmp_path / "routes.py"
    script.write_text(
        "from sipcore.script import request_route\n\n@request_route()\nasync def r(q):\n    q.reply(481)\n"
    )
    publish(server, BOB)
    start_worker(PBX_ROUTES=str(script))
    script.write_text("half of an edi")

    port = start_worker(PBX_ROUTES=str(script))

    with phone(port) as asking:
        assert asking.ask("OPTIONS", f"sip:{DOMAIN}").status == 481
    wait_until(lambda: errors(server), 5, "nobody was told of the fault")
    assert errors(server) == [("routes.py", 1, "invalid syntax")]


@pytest.mark.acceptance("H105")
def test_a_script_that_blocks_is_found_out_while_it_does_and_told_afterwards(server, start_worker, tmp_path):
    script = tmp_path / "routes.py"
    script.write_text(
        """
from sipcore.script import request_route

@request_route()
async def everything(request):
    pause = getattr(__import__("time"), "sleep")
    pause(1.5)
    request.reply(481)
"""
    )
    publish(server, BOB)
    port = start_worker(PBX_ROUTES=str(script))
    log = tmp_path / "w1.log"

    with phone(port) as asking:
        assert asking.ask("OPTIONS", f"sip:{DOMAIN}").status == 481
    wait_until(lambda: errors(server), 5, "nobody was told")

    assert f"the worker stands still and serves no call: {script}, line 7, in everything" in log.read_text()
    [(file, line, error), *_] = errors(server)
    assert (file, line) == ("routes.py", 7)
    assert re.fullmatch(r"everything stopped every call of this worker for 1\.\d s", error)


def errors(server) -> list[tuple[str, int, str]]:
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
        [record] = [json.loads(text) for text in client.lrange(keys.CALL_RECORDS, 0, -1)]
        assert not client.hlen(keys.CALLS), "it is still on the board"
    assert (record["reason"], record["code"], record["answered_by"]) == ("lost", 200, BOB.aor)
    assert 0 <= record["ended_at"] - record["answered_at"] < 10, (
        "it ends when the worker does, not when the next one starts"
    )
    assert [event["name"] for event in logged(server)][-2:] == ["E_CALL_ENDED", "E_NODE_DOWN"]


@pytest.mark.acceptance("H17")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_durable_subscription_survives_workers_that_are_killed(server, start_worker, tmp_path, workers):
    script = tmp_path / "routes.py"
    script.write_text("""
from sipcore.contract.events import E_UL_CONTACT_INSERT
from sipcore.script import declare_event, event_route, request_route

E_NOTE = declare_event("E_NOTE", said=str)

@request_route("REGISTER")
async def register(request):
    if await request.authenticate():
        await request.save()

@request_route()
async def everything(request):
    aor = {"aor": request.request_aor}
    await request.notify_on_event(E_UL_CONTACT_INSERT, aor, came, 60, bind="none", context=[request.method], once=True)
    request.reply(202)

@event_route
async def came(event, server, context):
    await server.raise_event(E_NOTE, said=f"{event.aor} after {context[0]}")
""")
    publish(server, BOB)
    ports = [start_worker(PBX_ROUTES=str(script)) for _ in range(workers)]
    with phone(ports[0]) as asking:
        assert asking.ask("MESSAGE", f"sip:{BOB.username}@{DOMAIN}").status == 202
    for name in list(start_worker.by_name):
        start_worker.kill(name)

    ports = [start_worker(PBX_ROUTES=str(script)) for _ in range(workers)]
    with phone(ports[-1]) as bobs, phone(ports[0]) as again:
        assert bobs.register().status == 200
        assert again.register().status == 200

        wait_until(lambda: [e for e in logged(server) if e["name"] == "E_NOTE"], 5, "nobody ran the route")
    [note] = [event for event in logged(server) if event["name"] == "E_NOTE"]
    arrival = next(event for event in logged(server) if event["name"] == "E_UL_CONTACT_INSERT")
    assert note["attributes"]["said"] == f"{BOB.aor} after MESSAGE"
    assert note["cause_id"] == arrival["id"]
    with server.client() as client:
        assert not client.exists(keys.DURABLE)
