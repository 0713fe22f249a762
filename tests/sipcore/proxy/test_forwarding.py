"""The copy that goes out (RFC 3261 §16.6)."""

from __future__ import annotations

import pytest

from sipcore.contract.flow import Flow
from sipcore.errors import InvalidWord
from sipcore.proxy import ProxyCore, Target
from sipcore.proxy.forwarding import flow_of
from sipcore.syntax import parse_message, parse_uri
from tests.support import sip
from tests.support.sip import ALICE

from .world import DESK, PBX, World, again, make_edge


def forwarded(world: World, **fields):
    """What Bob's desk phone gets of an INVITE with these fields."""
    world.call(**fields)
    world.fork(DESK)
    return world.seen[DESK.flow.host, "INVITE"]


def test_only_what_must_change_changes() -> None:
    world = World()

    out = forwarded(world, headers=[("x-Odd", "  kept as it is "), ("Supported", "100rel,\r\n replaces")])

    given = parse_message(world.invite)
    assert out.target == DESK.uri
    assert out.max_forwards == 69
    assert out.headers("via")[1:] == given.headers("via")
    assert out.body == given.body
    changed = ("max-forwards", "via", "record-route")
    assert [line for line, key in zip(out.lines, out.keys, strict=True) if key not in changed] == [
        line for line, key in zip(given.lines, given.keys, strict=True) if key not in changed
    ]


def test_the_contact_is_the_request_uri_byte_for_byte() -> None:
    """Interop 3."""
    odd = Target("sip:1001-0x55d2%41c0@192.0.2.2:5060;ob;x=%20", DESK.flow)
    world = World()
    world.call()
    world.fork(odd)

    assert world.seen[DESK.flow.host, "INVITE"].target == odd.uri


def test_max_forwards_is_added_where_it_is_missing() -> None:
    assert forwarded(World(), max_forwards=None).max_forwards == 69 + 1


def test_our_own_credentials_and_a_route_of_the_callers_choice_go_no_further() -> None:
    out = forwarded(
        World(),
        headers=[("Proxy-Authorization", 'Digest username="alice"'), ("Authorization", 'Digest username="x"')],
        routes=[f"<sip:{PBX};lr>", "<sip:evil.example.net;lr>"],
    )

    assert not out.has("proxy-authorization")
    assert not out.has("route")
    assert out.has("authorization")  # a callee's own challenge is his business


def test_a_target_may_bring_headers_and_a_path() -> None:
    world = World()
    world.call()
    world.fork(
        again(DESK, headers=(("Answer-Mode", "Auto"),), route=("<sip:a.example.net;lr>", "<sip:b.example.net;lr>"))
    )

    out = world.seen[DESK.flow.host, "INVITE"]
    assert out.headers("answer-mode") == ["Auto"]
    assert out.headers("route") == ["<sip:a.example.net;lr>", "<sip:b.example.net;lr>"]


def test_a_path_that_begins_with_a_strict_router() -> None:
    world = World()
    world.call()
    world.fork(again(DESK, route=("<sip:strict.example.net>", "<sip:b.example.net;lr>")))

    out = world.seen[DESK.flow.host, "INVITE"]
    assert out.target == "sip:strict.example.net"
    assert out.headers("route") == ["<sip:b.example.net;lr>", f"<{DESK.uri}>"]


@pytest.mark.parametrize("method, recorded", [("INVITE", True), ("SUBSCRIBE", True), ("MESSAGE", False)])
def test_only_what_may_make_a_dialog_is_recorded(method: str, recorded: bool) -> None:
    world = World()
    world.receive(sip.request(method), ALICE)
    world.fork(DESK)

    assert world.seen[DESK.flow.host, method].has("record-route") is recorded


def test_an_ipv6_address_is_written_in_brackets() -> None:
    world = World(edge=make_edge(advertised={"udp": ("2001:db8::1", 5060)}))

    out = forwarded(world)

    assert out.top_via.sent_by == "[2001:db8::1]:5060"
    assert out.record_routes[0].uri.host == "[2001:db8::1]"


def test_what_was_written_is_what_would_be_read() -> None:
    """The branch is remembered instead of parsed back."""
    world = World()
    world.call()
    (branch,) = world.fork(DESK)

    written = branch.transaction.request

    assert written.branch == parse_message(written.raw).top_via.branch


# relaying by Route and Request-URI


def test_relay_follows_the_route_behind_ours() -> None:
    world = World()
    world.call(target="sip:bob@elsewhere.example", routes=[f"<sip:{PBX};lr>", "<sip:192.0.2.66:5080;transport=tcp;lr>"])
    world.sent()

    world.core.relay(world.request, now=world.now)
    world.pump()

    (sent,) = world.network.take()
    assert sent.flow == Flow("tcp", "192.0.2.66", 5080)
    assert sent.message.headers("route") == ["<sip:192.0.2.66:5080;transport=tcp;lr>"]
    assert sent.message.target == "sip:bob@elsewhere.example"


def test_relay_without_a_route_goes_where_the_request_uri_says() -> None:
    world = World()
    world.call(target="sip:bob@192.0.2.66:5070")
    world.sent()

    world.core.relay(world.request, now=world.now)
    world.pump()

    assert world.network.take_one().flow == Flow("udp", "192.0.2.66", 5070)


def test_relay_to_a_telephone_number_needs_a_target() -> None:
    world = World()
    world.call(target="tel:+4930123456")

    with pytest.raises(InvalidWord):
        world.core.relay(world.request, now=world.now)
    world.core.relay(world.request, DESK, now=world.now)
    world.pump()

    assert world.sent()[-1] == "INVITE > desk"


@pytest.mark.parametrize(
    "uri, flow",
    [
        ("sip:a@example.net", ("udp", "example.net", 5060, "")),
        ("sip:a@example.net:5070;transport=TCP", ("tcp", "example.net", 5070, "")),
        ("sips:a@example.net", ("tls", "example.net", 5061, "")),
        ("sip:a@[2001:db8::2]", ("udp", "2001:db8::2", 5060, "")),
        ("sip:a@example.net;maddr=192.0.2.9", ("udp", "192.0.2.9", 5060, "")),
        ("sip:a@x.invalid;transport=ws", ("ws", "x.invalid", 80, "")),
        ("sip:a@example.net;transport=sctp", ("udp", "example.net", 5060, "")),
    ],
)
def test_where_a_uri_leads(uri: str, flow: tuple) -> None:
    assert flow_of(parse_uri(uri)) == flow


def test_workers_with_one_secret_read_each_others_tokens() -> None:
    one, two = (ProxyCore(make_edge(worker=name), iter("abc").__next__) for name in ("w1", "w2"))
    token = one.tokens.make("call-1@192.0.2.1", "alice", ALICE, DESK.flow)

    assert two.tokens.read(token, parse_message(sip.bye())) == (True, ALICE, DESK.flow)
