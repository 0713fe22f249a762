"""The whole product with four SIP workers behind one port: nobody notices that there are several, nor that one is killed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.support.product import ProductUnderTest

from .clients.scripted import ScriptedPhone
from .exchange import Batch, Exchange
from .test_calls_by_scenario import (  # noqa: F401 - run once more: between phones of whatever workers
    test_a_call_begins_and_ends,
    test_a_caller_who_gives_up_stops_every_phone_and_none_hears_that_another_one_answered,
    test_a_late_ack_reaches_the_phone_that_has_repeated_its_answer,
    test_a_slow_phone_is_called_once_however_often_the_invite_is_sent,
    test_all_phones_ring_and_those_that_do_not_answer_hear_that_another_one_did,
    test_both_sides_change_a_call_through_the_proxy,
)
from .test_what_breaks import BACK_SECONDS, call_each_other, wait_until_ready

WORKERS = 4
PHONES = 12


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Exchange]:
    """A product with several workers, and people."""
    cache = request.config.cache.mkdir("static") if request.config.cache is not None else None
    running = ProductUnderTest(
        tmp_path_factory.mktemp("product"), environment={"PBX_SIP_WORKERS": str(WORKERS)}, static_cache=cache
    )
    try:
        exchange = Exchange(
            running.start(), tmp_path_factory.mktemp("phones"), Batch(people=PHONES, groups=0, sleepers=0)
        )
        yield exchange
        exchange.stop_phones()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def phones(exchange: Exchange) -> list[ScriptedPhone]:
    """Registered, over either transport; so many that each worker has some."""
    return [
        exchange.scripted(who, transport=transport)
        for who, transport in zip(exchange.people(PHONES), itertools.cycle(("udp", "udp", "tcp")), strict=False)
    ]


def test_the_supervisor_starts_as_many_as_it_is_told(exchange: Exchange, phones: list[ScriptedPhone]) -> None:
    workers = {name for name in exchange.product.children() if name.startswith("sip")}

    assert workers == {f"sip-{number}" for number in range(1, WORKERS + 1)}
    for caller, callee in itertools.pairwise(phones):
        call_each_other(caller, callee)


@pytest.mark.parametrize("victim", ["sip-1", "sip-3"])
def test_one_that_is_killed_comes_back_and_phones_over_udp_need_not_register_again(
    exchange: Exchange, phones: list[ScriptedPhone], victim: str
) -> None:
    over_udp = [phone for phone in phones if phone.transport == "udp"]
    old = exchange.product.kill_child(victim)
    for caller, callee in itertools.pairwise(over_udp):
        call_each_other(caller, callee)  # at once: its siblings take what would have come to it
    exchange.product.wait_for_new_child(victim, old, BACK_SECONDS)
    wait_until_ready(exchange.product)
    for caller, callee in itertools.pairwise(over_udp):
        call_each_other(caller, callee)
