"""A request that starts at the proxy itself: one final status, whatever happens."""

from __future__ import annotations

from .world import DESK, World, target

TCP_PHONE = target("tcp", DESK.flow._replace(transport="tcp", connection="w1-3"))


def send(world: World, phone=DESK) -> list[int]:
    """Send a phone a message; what it ended with is added to the list that is returned."""
    ended: list[int] = []
    world.core.originate(
        "MESSAGE",
        phone,
        from_="<sip:alice@example.org>",
        to="<sip:bob@example.org>",
        headers=[("Content-Type", "text/plain")],
        body=b"hello",
        ended=ended.append,
        now=world.now,
    )
    world.pump()
    return ended


def test_it_is_whole_and_ends_with_the_phones_answer():
    world = World()

    ended = send(world)

    request = world.seen[DESK.flow.host, "MESSAGE"]
    assert (request.target, request.body) == (DESK.uri, b"hello")
    assert request.from_tag and not request.to_tag
    assert (request.max_forwards, request.cseq, request.header("content-length")) == (70, (1, "MESSAGE"), "5")
    assert ended == []
    world.responds(DESK, "MESSAGE", 100)
    assert ended == []
    world.responds(DESK, "MESSAGE", 200)
    world.responds(DESK, "MESSAGE", 200)
    assert ended == [200]
    world.advance(64)
    assert world.is_empty()


def test_a_phone_that_is_silent_counts_as_408():
    world = World()
    ended = send(world)
    world.advance(33)
    assert ended == [408]
    assert set(world.sent()) == {"MESSAGE > desk"}
    assert world.is_empty()


def test_a_connection_that_closes_meanwhile_counts_as_503():
    world = World()
    ended = send(world, TCP_PHONE)
    world.core.flow_closed(TCP_PHONE.flow, world.now)
    world.pump()
    assert ended == [503]
    assert world.is_empty()


def test_over_a_connection_that_is_closed_nothing_is_sent():
    world = World()
    world.core.flow_closed(TCP_PHONE.flow, world.now)
    assert send(world, TCP_PHONE) == [503]
    assert world.sent() == []
