"""Calls that wait when the store goes away: their phones still join them."""

from __future__ import annotations

import pytest

from sipcore.testing import DOMAIN, pbx

BOB = f"102@{DOMAIN}"


@pytest.mark.acceptance("H101")
def test_a_phone_that_cannot_be_registered_joins_the_call_that_waits_for_it() -> None:
    with pbx() as world:
        alice, bob = world.phone("101"), world.phone("102", asleep=True)
        call = alice.call("102")
        world.advance(1)

        world.store.available = False
        told = len(world.named("E_UL_CONTACT_INSERT"))
        assert bob.wake().status == 503
        world.advance(1)
        assert len(world.named("E_UL_CONTACT_INSERT")) == told, "it is no fact"
        assert len(bob.invites) == 1
        refusal = next(i for i, message in enumerate(bob.inbox) if getattr(message, "status", 0) == 503)
        assert bob.inbox.index(bob.invites[0]) > refusal, "his REGISTER is answered first"

        world.store.available = True
        assert bob.register().status == 200
        world.advance(1)
        assert len(bob.invites) == 1, "the phone rings already"
        bob.answer()
        assert call.final().status == 200
        call.hang_up()


def test_nobody_is_called_who_is_not_waited_for() -> None:
    with pbx() as world:
        bob = world.phone("102", asleep=True)
        world.store.available = False
        assert bob.register().status == 503
        world.store.available = True
        call = world.phone("101").call("102")
        world.advance(1)
        assert bob.invites == []
        call.cancel()
        world.advance(1)


def test_a_phone_with_a_wrong_password_joins_nothing() -> None:
    with pbx() as world:
        alice, bob = world.phone("101"), world.phone("102", asleep=True)
        call = alice.call("102")
        world.advance(1)
        world.store.available = False
        assert bob.register(password="wrong").status == 401
        world.advance(1)
        assert bob.invites == []
        world.store.available = True
        call.cancel()
        world.advance(1)
