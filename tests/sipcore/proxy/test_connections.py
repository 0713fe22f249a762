"""Connections that something waits on, and those that are gone."""

from __future__ import annotations

from typing import Any

from sipcore.proxy.connections import Connections

from .world import ALICE_TCP, DESK

TCP, OTHER = "w1-7", "w1-8"
BRANCH: Any = object()
REQUEST: Any = object()


def connections(limit: int = 2) -> Connections:
    return Connections(("udp", "tcp"), limit)


def test_who_waits_on_a_connection_is_named_once_when_it_closes() -> None:
    known = connections()
    known.watch(TCP, BRANCH)
    known.watch(TCP, REQUEST)
    known.watch(OTHER, BRANCH)

    assert set(known.close(TCP)) == {BRANCH, REQUEST}
    assert not known.close(TCP)
    assert known.beginning_with("w1-") == [OTHER]


def test_nothing_is_left_of_what_no_longer_waits() -> None:
    known = connections()
    known.watch(TCP, BRANCH)
    known.watch(TCP, REQUEST)

    known.unwatch(TCP, BRANCH)
    assert len(known) == 1
    known.unwatch(TCP, REQUEST)
    known.unwatch(TCP, REQUEST)

    assert len(known) == 0
    assert not known.close(TCP)


def test_a_closed_connection_is_not_reachable_and_a_datagram_always_is() -> None:
    known = connections()
    known.close(TCP)

    assert not known.is_reachable(ALICE_TCP)
    assert known.is_reachable(ALICE_TCP._replace(connection=OTHER))
    assert known.is_reachable(DESK.flow)
    assert not known.is_reachable(DESK.flow._replace(transport="sctp"))


def test_as_many_closed_ones_are_remembered_as_was_said_the_oldest_being_forgotten() -> None:
    known = connections(limit=2)
    for name in (TCP, OTHER, "w1-9"):
        known.close(name)

    assert [known.is_reachable(ALICE_TCP._replace(connection=name)) for name in (TCP, OTHER, "w1-9")] == [
        True,
        False,
        False,
    ]
