"""Requests within a dialog find the other side: by token, over its flow, wherever it has moved."""

from __future__ import annotations

import pytest

from sipcore.proxy import Limits, RequestReceived
from tests.support import sip
from tests.support.sip import ALICE

from .world import ALICE_TCP, DESK, PBX, World, target

WEB = target("web", DESK.flow._replace(transport="wss", connection="w1-5"))


def talking(phone=DESK, caller=ALICE, limits: Limits | None = None) -> World:
    """A call that has been answered and acknowledged."""
    world = World(limits=limits)
    world.call(caller, contact="<sip:alice@10.0.0.9:5060>")
    world.fork(phone)
    world.answers(phone, 200)
    world.dialog("ACK", cseq=1)
    world.sent()
    return world


def test_both_sides_are_reached_over_the_flow_they_came_from_whatever_their_contact_says() -> None:
    phone = target("web", WEB.flow)
    world = World()
    world.call(ALICE_TCP, contact="<sip:alice@10.0.0.9:5060;transport=tcp>")
    world.fork(phone)
    world.answers(phone, 200, contact="<sip:abc@df7jal23ls0d.invalid;transport=ws>")

    world.dialog("ACK", cseq=1)
    assert world.network.take()[-1].flow == phone.flow
    world.dialog("INFO")
    assert world.network.take()[-1].flow == phone.flow
    world.dialog_back(phone, "INFO")

    assert world.network.take()[-1].flow == ALICE_TCP


def test_there_are_two_entries_where_the_transport_changes() -> None:
    """RFC 5658; interop 4. The upper one is for the callee."""
    world = World()
    world.call(ALICE_TCP)
    world.fork(DESK)

    entries = world.seen[DESK.flow.host, "INVITE"].record_routes

    uris = [entry.uri for entry in entries]
    assert [dict(uri.parameters) for uri in uris] == [{"lr": None}, {"transport": "tcp", "lr": None}]
    assert uris[0].user == uris[1].user
    world.answers(DESK, 200)
    world.dialog("ACK", cseq=1)
    assert world.seen[DESK.flow.host, "ACK"].headers("route") == []


def test_there_is_one_where_it_does_not() -> None:
    world = talking()

    assert len(world.seen[DESK.flow.host, "INVITE"].record_routes) == 1


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO", "PRACK", "REFER", "NOTIFY", "MESSAGE", "BYE"])
def test_every_method_passes_within_a_dialog_without_the_script(method: str) -> None:
    world = talking()
    before = len(world.got(RequestReceived))

    world.dialog(method)

    assert f"{method} > desk" in world.sent()
    world.responds(DESK, method, 200)
    assert world.sent() == ["200 > alice"]
    assert len(world.got(RequestReceived)) == before


@pytest.mark.parametrize(
    "_case, fields",
    [
        ("another call", {"call_id": "stolen"}),
        ("other tags", {"from_tag": "mallory", "to_tag": "eve"}),
        ("outside of dialogs", {"to_tag": ""}),
    ],
)
def test_a_token_is_good_for_its_own_dialog_only(_case: str, fields: dict) -> None:
    world = talking()
    route = world.answered[ALICE.host].headers("record-route")
    given = {"routes": route, "to_tag": "desk", "call_id": "call-1@192.0.2.1", **fields}

    world.receive(sip.request("INFO", "sip:victim@198.51.100.7", branch="z9hG4bK-m", **given), ALICE)

    assert world.sent() == []
    assert world.got(RequestReceived)[-1].request.method == "INFO"


@pytest.mark.parametrize(
    "_case, user",
    [
        ("no token", ""),
        ("garbage", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@"),
        ("not base64", "this*is*no*token*of*ours*at*all@"),
        ("far too long", "A" * 2000 + "@"),
        ("not ASCII", "é" * 30 + "@"),
    ],
)
def test_a_route_to_us_without_a_valid_token_is_no_right_to_be_relayed(_case: str, user: str) -> None:
    world = World()
    data = sip.request("INFO", "sip:victim@198.51.100.7", routes=[f"<sip:{user}{PBX};lr>"], to_tag="bob")

    world.receive(data, ALICE)

    assert world.sent() == []
    assert world.one(RequestReceived).request.method == "INFO"


def test_a_token_that_was_tampered_with_is_none() -> None:
    world = talking()
    (entry,) = world.answered[ALICE.host].headers("record-route")
    user = entry[len("<sip:") : entry.index("@")]
    changed = user[:-2] + ("AA" if user[-2:] != "AA" else "BB")

    world.receive(
        sip.request(
            "INFO", "sip:x@198.51.100.7", routes=[entry.replace(user, changed)], to_tag="desk", branch="z9hG4bKt"
        ),
        ALICE,
    )

    assert world.sent() == []


def test_a_side_that_speaks_from_elsewhere_is_reached_there_from_then_on() -> None:
    world = talking()
    moved = DESK.flow._replace(host="192.0.2.77", port=1234)

    world.dialog_back(DESK, "INFO", flow=moved)
    world.sent()
    world.dialog("INFO")

    assert world.network.take()[-1].flow == moved


def test_only_so_many_that_moved_are_remembered() -> None:
    world = talking(limits=Limits(moved_flows=1))
    world.dialog_back(DESK, "INFO", flow=DESK.flow._replace(port=1))
    world.dialog("INFO", flow=ALICE._replace(port=2))
    world.sent()

    world.dialog("INFO", cseq=3)

    assert world.network.take()[-1].flow == DESK.flow  # forgotten for alice's


def test_a_connection_that_is_gone_leaves_the_address() -> None:
    phone = target("tcp", DESK.flow._replace(transport="tcp", connection="w1-5"))
    world = World()
    world.call()
    world.fork(phone)
    world.answers(phone, 200, contact="<sip:desk@192.0.2.2:5077;transport=tcp>")
    world.core.flow_closed(phone.flow, world.now)
    world.sent()

    world.dialog("ACK", cseq=1)

    assert world.network.take()[-1].flow == ("tcp", "192.0.2.2", 5077, "")


def test_a_request_on_its_way_over_a_connection_that_breaks_takes_the_address() -> None:
    phone = target("tcp", DESK.flow._replace(transport="tcp", connection="w1-5"))
    world = World()
    world.call()
    world.fork(phone)
    world.answers(phone, 200, contact="<sip:desk@192.0.2.2:5077;transport=tcp>")
    world.dialog("BYE")
    world.sent()

    world.core.flow_closed(phone.flow, world.now)
    world.pump()
    (bye,) = world.network.take()
    assert (bye.kind, bye.flow) == ("BYE", ("tcp", "192.0.2.2", 5077, ""))
    world.core.transport_failed(bye.transaction, world.now)
    world.pump()

    assert world.sent() == ["480 > alice"]


# other proxies


def test_a_proxy_behind_us_is_the_next_hop_of_its_dialogs() -> None:
    world = World()
    world.call()
    world.fork(DESK)
    invite = world.seen[DESK.flow.host, "INVITE"]
    answer = sip.response(invite.raw, 200, to_tag="desk", contact="<sip:desk@10.0.0.7>").replace(
        b"Record-Route: <sip:", b"Record-Route: <sip:behind.example.net;lr>\r\nRecord-Route: <sip:", 1
    )
    world.receive(answer, DESK.flow)

    world.dialog("ACK", cseq=1)

    ack = world.seen[DESK.flow.host, "ACK"]
    assert ack.headers("route") == ["<sip:behind.example.net;lr>"]
    assert ack.target == "sip:desk@10.0.0.7"


def test_a_strict_router_behind_us_gets_itself_in_the_request_uri() -> None:
    """RFC 3261 §16.6 step 6."""
    world = World()
    world.call()
    world.fork(DESK)
    invite = world.seen[DESK.flow.host, "INVITE"]
    answer = sip.response(invite.raw, 200, to_tag="desk", contact="<sip:desk@10.0.0.7>").replace(
        b"Record-Route: <sip:", b"Record-Route: <sip:strict.example.net>\r\nRecord-Route: <sip:", 1
    )
    world.receive(answer, DESK.flow)

    world.dialog("ACK", cseq=1)

    ack = world.seen[DESK.flow.host, "ACK"]
    assert ack.target == "sip:strict.example.net"
    assert ack.headers("route") == ["<sip:desk@10.0.0.7>"]


def test_a_strict_router_before_us_is_undone() -> None:
    """RFC 3261 §16.4: it has put our entry into the Request-URI, and the phone at the end of the Route."""
    world = talking()
    (entry,) = world.answered[ALICE.host].headers("record-route")

    world.receive(
        sip.request(
            "BYE",
            entry[1:-1],
            routes=["<sip:desk@192.0.2.2:5060>"],
            to="<sip:bob@example.org>",
            to_tag="desk",
            cseq=2,
            branch="z9hG4bK-strict",
        ),
        ALICE,
    )

    bye = world.seen[DESK.flow.host, "BYE"]
    assert bye.target == "sip:desk@192.0.2.2:5060"
    assert bye.headers("route") == []


def test_a_call_that_spirals_through_us_has_two_tokens_and_each_is_used() -> None:
    world = World()
    here = ALICE._replace(host=PBX)
    world.call()
    world.fork(target("self", here))
    (_, out) = world.network.take()
    world.receive(out.data, here)
    world.fork(DESK)
    world.answers(DESK, 200)
    world.receive(world.answered[PBX].raw, here)
    world.sent()

    world.dialog("ACK", cseq=1)
    (first,) = world.network.take()
    assert first.flow == here
    world.receive(first.data, here)

    assert world.sent() == ["ACK > desk"]
