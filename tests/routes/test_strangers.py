"""What somebody who has not proved who he is gets to do, and to see."""

from __future__ import annotations

import re

import pytest

from tests.support.phone import DOMAIN
from tests.support.world import World, play


def test_known_and_unknown_users_look_the_same() -> None:
    async def story(world: World) -> None:
        stranger = world.phone("999")
        seen = []
        for user in ("102", "nobody"):
            response = await stranger.call(user, authenticate=False).final()
            seen.append(
                re.sub(rf'(nonce="|tag=|branch=|Call-ID: |sip:{user})[^";\r>]*', r"\1", bytes(response).decode())
            )
        assert seen[0] == seen[1].replace("nobody", "102")
        assert seen[0].startswith("SIP/2.0 407")

    play(story)


def test_an_unknown_user_is_404_to_a_caller_who_is_known() -> None:
    async def story(world: World) -> None:
        alice = world.phone("101")
        await alice.register()
        assert (await alice.call("nobody").final()).status == 404

    play(story)


@pytest.mark.parametrize("method", ["MESSAGE", "OPTIONS", "SUBSCRIBE", "INVENTED"])
def test_nothing_is_relayed_for_strangers(method: str) -> None:
    async def story(world: World) -> None:
        target = world.phone("104")
        stranger = world.phone("999", domain="elsewhere.example")
        response = await stranger.request(method, f"sip:x@{target.flow.host}:5060", authenticate=False)
        assert response.status == 403
        assert target.inbox == []

    play(story)


def test_a_user_calls_and_registers_as_himself_only() -> None:
    async def story(world: World) -> None:
        alice = world.phone("101")
        assert (await alice.register()).status == 200
        response = await alice.request("MESSAGE", f"sip:102@{DOMAIN}", from_user="103")
        assert response.status == 403
        alien = await alice.request("REGISTER", f"sip:{DOMAIN}", from_user="103", to=f"sip:103@{DOMAIN}")
        assert alien.status == 403

    world = play(story)
    assert {event.reason for event in world.named("E_AUTH_FAILURE")} == {"other-user"}


def test_a_suspended_subscriber_is_refused() -> None:
    async def story(world: World) -> None:
        world.subscriber("101", enabled=False)
        assert (await world.phone("101").register()).status == 403

    play(story)


def test_the_server_answers_a_ping_without_a_password() -> None:
    async def story(world: World) -> None:
        response = await world.phone("999").request("OPTIONS", f"sip:{DOMAIN}")
        assert response.status == 200
        assert "INVITE" in response.header("allow")

    play(story)


def test_a_message_reaches_every_phone_that_takes_it() -> None:
    async def story(world: World) -> None:
        alice, bob = world.phone("101"), world.phone("102")
        await alice.register()
        await bob.register()
        assert (await alice.request("MESSAGE", f"sip:102@{DOMAIN}")).status == 200
        assert (await alice.request("MESSAGE", f"sip:103@{DOMAIN}")).status == 480
        assert [m.method for m in bob.inbox if hasattr(m, "method")] == ["MESSAGE"]

    play(story)


def test_without_a_directory_requests_are_503_and_not_404() -> None:
    async def story(world: World) -> None:
        world.store.subscribers.clear()
        world.store.ready = False
        response = await world.phone("101").register()
        assert response.status == 503
        assert response.header("retry-after")

    play(story)


def test_without_the_store_a_register_is_503_and_known_phones_are_called() -> None:
    async def story(world: World) -> None:
        alice, bob = world.phone("101"), world.phone("102")
        await alice.register()
        await bob.register()
        bob.answers_after = 0.5
        first = alice.call("102")
        await first.final()
        await first.hang_up()

        world.store.available = False
        assert (await bob.register()).status == 503
        second = alice.call("102")
        assert (await second.final()).status == 200
        assert (await second.hang_up()).status == 200
        world.store.available = True

    play(story)
