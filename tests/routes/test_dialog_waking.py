"""A phone that has fallen asleep in a call is woken for what the other side still has to say (RFC 8599 §5.6.2)."""

from __future__ import annotations

import re

import pytest

from sipcore.testing import Call, Phone, World, pbx

WITH_PUSH = ";pn-provider=http;pn-param=app;pn-prid=token-of-bobs-mobile"


def talking(world: World, *, purr: str = "") -> tuple[Call, Phone]:
    """Alice talks to Bob, whose app then loses its connection."""
    alice, bob = world.phone("101"), world.phone("102", instance="urn:uuid:m1", registered=False)
    bob.uri_params = WITH_PUSH
    world.connect(bob)
    [caps] = bob.register().headers("feature-caps")
    found = re.fullmatch(r'\*;\+sip\.pns="http";\+sip\.pnspurr="([\w-]{20})"', caps)
    assert found is not None, caps
    bob.dialog_params = f";pn-purr={purr or found[1]}"
    call = alice.call("102")
    world.advance(0.5)
    bob.answer()
    assert call.final().status == 200
    world.disconnect(bob)
    return call, bob


def test_a_bye_waits_for_the_phone_and_reaches_it() -> None:
    with pbx() as world:
        call, bob = talking(world)
        ending = call.begin_hang_up()
        world.advance(2)
        assert not ending.done()
        [push] = world.pushes
        [binding] = world.bindings(bob)
        assert (push["aor"], push["kind"], push["only"]) == (bob.aor, "dialog", [binding.key])
        assert push["call_id"] == call.call_id
        wanted = world.named("E_UL_CONTACT_REFRESH")[-1]
        assert (wanted.reason, wanted.key, wanted.req_callid) == ("mid-BYE", binding.key, call.call_id)

        world.connect(bob)
        bob.register()

        assert ending.result().status == 200
        assert len(bob.byes) == 1

    [record] = world.records
    assert (record.reason, record.hangup_by) == ("answered", "caller")


def test_a_phone_that_does_not_come_costs_that_request_only_its_time() -> None:
    with pbx() as world:
        call, _ = talking(world)
        ending = call.begin_hang_up()
        world.advance(27)
        assert not ending.done()
        world.advance(3)
        assert ending.result().status == 480, "before its sender gives up"

    [record] = world.records
    assert record.hangup_by == "caller", "he is gone all the same"


def test_a_phone_that_has_connected_again_is_not_pushed() -> None:
    with pbx() as world:
        call, bob = talking(world)
        world.connect(bob)
        bob.register()
        assert call.hang_up().status == 200
        assert world.pushes == []


@pytest.mark.parametrize("purr", ["AAAAAAAAAAAAAAAAAAAA", "short"])
def test_a_reference_that_we_did_not_make_wakes_nobody(purr: str) -> None:
    with pbx() as world:
        call, _ = talking(world, purr=purr)
        call.begin_hang_up()
        world.advance(40)
        assert world.pushes == []


def test_a_phone_over_udp_is_promised_no_reference() -> None:
    with pbx() as world:
        bob = world.phone("102", instance="urn:uuid:m1", registered=False)
        bob.uri_params = WITH_PUSH
        assert bob.register().headers("feature-caps") == ['*;+sip.pns="http"']
