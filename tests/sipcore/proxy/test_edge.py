"""Which names and addresses are ours."""

from __future__ import annotations

import pytest

from sipcore.errors import ConfigurationError

from .world import PBX, make_edge


@pytest.mark.parametrize(
    "host, port, ours, this_edge",
    [
        ("example.org", None, True, True),
        ("EXAMPLE.org", 5060, True, True),
        ("example.org", 1506, True, True),  # interop 13: a tool that cuts five-digit ports
        (PBX, None, True, True),
        (PBX, 5060, True, True),
        (PBX, 5070, True, False),  # a phone on the same host
        ("192.0.2.77", 5060, False, False),
        ("::1", 5061, True, True),
        ("[::1]", 5061, True, True),
    ],
)
def test_a_host_is_ours_whatever_its_port_but_an_address_is_not_this_edge(
    host: str, port: int | None, ours: bool, this_edge: bool
) -> None:
    edge = make_edge(advertised={"udp": (PBX, 5060), "tcp": ("::1", 5061)})

    assert edge.is_ours(host, port) is ours
    assert edge.is_this_edge(host, port) is this_edge


def test_addresses_bound_are_ours_too() -> None:
    edge = make_edge(listening=frozenset({("10.0.0.1", 5060)}))

    assert edge.is_this_edge("10.0.0.1", 5060)


@pytest.mark.parametrize(
    "fields", [{"worker": ""}, {"worker": "a.b"}, {"worker": "a;b"}, {"advertised": {}}, {"secret": b"short"}]
)
def test_an_edge_that_cannot_work_is_refused(fields: dict) -> None:
    with pytest.raises(ConfigurationError):
        make_edge(**fields)


def test_the_secret_is_not_shown() -> None:
    assert "secret of the tests" not in repr(make_edge())
