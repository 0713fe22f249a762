"""Two nodes as processes with ports of their own on one Redis: a phone is reached through the node that it registered at."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from sipcore.contract import keys
from sipcore.contract.directory import PickupGroupRecord
from sipcore.contract.records import replace, to_json
from tests.e2e.clients.scripted import IncomingCall, OutgoingCall, ScriptedPhone
from tests.support.machine import wait_until

from .processes import BOB, CAROL, Workers, branches, contacts, logged, phone, publish, subscriber
from .server import RedisServer

DAN = subscriber("103")


@pytest.fixture
def nodes(server: RedisServer, start_worker: Workers) -> tuple[int, int]:
    """The ports of two nodes that know of each other."""
    for who in (BOB, CAROL, DAN):
        publish(server, who)
    first, second = start_worker(), start_worker()
    for name in ("w1", "w2"):
        wait_until(lambda name=name: "peers: w" in start_worker.log(name), 10, f"{name} believes that it is alone")
    return first, second


def answered(call: OutgoingCall, incoming: IncomingCall) -> None:
    """The phone rings, is answered, and the caller hears of both."""
    incoming.respond(180)
    call.wait_for(180)
    incoming.respond(200)
    call.wait_for(200)
    incoming.wait_for_ack()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("hangs_up", ["caller", "callee"])
def test_a_call_to_a_phone_of_the_other_node(nodes, server, transport: str, hangs_up: str) -> None:
    first, second = nodes
    with phone(first, CAROL, transport=transport) as carols, phone(second, BOB, transport=transport) as bobs:
        assert bobs.register().status == 200
        call = carols.call(BOB.username)
        incoming = bobs.wait_for_call()
        answered(call, incoming)
        assert not incoming.invite.all("route")
        call.bye(incoming) if hangs_up == "caller" else incoming.bye(call)

        call = carols.call(BOB.username)
        incoming = bobs.wait_for_call()
        incoming.respond(180)
        call.wait_for(180)
        call.cancel()
        incoming.wait_for_cancel()
        call.wait_for(487)
    wait_until(lambda: len(ends(server)) == 2, 5, "not all calls have ended")
    assert ends(server) == ["answered", "cancelled"], "the node that has the call tells its end, once"


def ends(server: RedisServer) -> list[str]:
    return [event["attributes"]["reason"] for event in logged(server) if event["name"] == "E_CALL_ENDED"]


@pytest.mark.acceptance("H100")
@pytest.mark.acceptance("H102")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_call_held_at_one_node_reaches_a_phone_that_registers_at_the_other(nodes, server, transport: str) -> None:
    first, second = nodes
    took = []
    with phone(first, CAROL) as carols:
        for _ in range(5):
            with phone(second, BOB, transport=transport) as bobs:
                call = carols.call(BOB.username)
                call.wait_for(100)  # perhaps the one before its challenge
                wait_until(lambda: held(server), 5, "no call")
                begin = time.monotonic()
                assert bobs.register().status == 200  # two round trips, with the challenge
                incoming = bobs.wait_for_call()
                took.append(time.monotonic() - begin)
                answered(call, incoming)
                call.bye(incoming)
                assert bobs.register(expires=0).status == 200
            wait_until(lambda: not contacts(server) and not held(server), 5, "the call has not ended")

    assert sorted(took)[2] < 0.1, took
    assert branches(server) == [("event", BOB.aor)] * 5, "each phone was rung once, by the owner of the call"


def held(server: RedisServer) -> int:
    with server.client() as client:
        return client.hlen(keys.CALLS)


@pytest.mark.acceptance("H95")
@pytest.mark.parametrize("dials_at", [0, 1], ids=["the same node", "the other node"])
def test_a_pickup_dialled_at_either_node(nodes, server, dials_at: int) -> None:
    with server.client() as client:
        client.set(keys.directory_group("sales"), to_json(PickupGroupRecord("sales", "sales")))
        client.publish(keys.DIRECTORY_CHANGED, "group:sales")
    for who in (BOB, DAN):
        publish(server, replace(who, pickup_groups=("sales",), may_pick=("sales",)))
    first, _ = nodes
    with ExitStack() as stack:
        carols, bobs, dans = (
            stack.enter_context(phone(port, who))
            for port, who in ((first, CAROL), (first, BOB), (nodes[dials_at], DAN))
        )
        assert bobs.register().status == dans.register().status == 200
        call = carols.call(BOB.username)
        incoming = bobs.wait_for_call()
        incoming.respond(180)
        call.wait_for(180)
        wait_until(lambda: "ringing" in state(server), 5, "the board does not show that it rings")

        took = pick_up(dans, call, incoming)

    assert took < 0.3, "at most 300 ms more than at the same node"
    with server.client() as client:
        assert not list(client.scan_iter(keys.pickup_claim("*")))


def state(server: RedisServer) -> str:
    with server.client() as client:
        return " ".join(client.hvals(keys.CALLS))


def pick_up(picker: ScriptedPhone, call: OutgoingCall, incoming: IncomingCall) -> float:
    """Dial the code, answer what comes; return the seconds from dialling to the INVITE."""
    dial = picker.call("33")
    begin = time.monotonic()
    dial.wait_for(480)
    picked = picker.wait_for_call()
    took = time.monotonic() - begin
    assert picked.call_id == call.call_id
    picked.respond(180)
    assert "cause=200" in incoming.wait_for_cancel().header("reason")
    picked.respond(200)
    call.wait_for(200)
    picked.wait_for_ack()
    picked.bye(call)
    return took


@pytest.mark.acceptance("H96")
def test_a_node_that_dies_after_its_claim_blocks_the_call_for_five_seconds_at_most(
    nodes, server, start_worker: Workers
) -> None:
    """As when the picker's node dies between the claim and the hand-over: nothing of it stays in the way."""
    for who in (BOB, DAN):
        publish(server, replace(who, pickup_groups=("sales",), may_pick=("sales",)))
    first, second = nodes
    with phone(first, CAROL) as carols, phone(first, BOB) as bobs, phone(second, DAN) as dans:
        assert bobs.register().status == dans.register().status == 200
        call = carols.call(BOB.username)
        incoming = bobs.wait_for_call()
        incoming.respond(180)
        call.wait_for(180)
        wait_until(lambda: "ringing" in state(server), 5, "the board does not show that it rings")
        dial = dans.call("33")
        deadline = time.monotonic() + 5
        with server.client() as client:
            while not list(client.scan_iter(keys.pickup_claim("*"))):
                assert time.monotonic() < deadline, "no claim"
            start_worker.kill("w2")
            died = time.monotonic()
            wait_until(lambda: not list(client.scan_iter(keys.pickup_claim("*"))), 6, "the claim stays")
            assert time.monotonic() - died <= 5.1

        del dial
        with phone(first, DAN) as elsewhere:
            assert elsewhere.register().status == 200
            pick_up(elsewhere, call, incoming)


def test_a_phone_is_reached_through_another_worker_at_the_same_address(nodes, server, start_worker: Workers) -> None:
    first, second = nodes
    with phone(first, CAROL) as carols, phone(second, BOB) as bobs:
        assert bobs.register().status == 200
        start_worker.kill("w2")
        assert start_worker.siblings(1, port=second) == second
        wait_until(lambda: "w3" in start_worker.log("w1"), 10, "the new worker is not known")

        call = carols.call(BOB.username)
        incoming = bobs.wait_for_call()
        answered(call, incoming)
        incoming.bye(call)
