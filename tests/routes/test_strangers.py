"""What somebody who has not proved who he is gets to do, and to see."""

from __future__ import annotations

import re

import pytest

from sipcore.testing import DOMAIN, pbx


def test_known_and_unknown_users_look_the_same() -> None:
    with pbx() as world:
        stranger = world.phone("999", registered=False)
        seen = []
        for user in ("102", "nobody"):
            response = stranger.call(user, authenticate=False).final()
            seen.append(
                re.sub(rf'(nonce="|tag=|branch=|Call-ID: |sip:{user})[^";\r>]*', r"\1", bytes(response).decode())
            )
        assert seen[0] == seen[1].replace("nobody", "102")
        assert seen[0].startswith("SIP/2.0 407")


def test_an_unknown_user_is_404_to_a_caller_who_is_known() -> None:
    with pbx() as world:
        alice = world.phone("101")
        assert alice.call("nobody").final().status == 404


@pytest.mark.parametrize("method", ["MESSAGE", "OPTIONS", "SUBSCRIBE", "INVENTED"])
def test_nothing_is_relayed_for_strangers(method: str) -> None:
    with pbx() as world:
        target = world.phone("104", registered=False)
        stranger = world.phone("999", domain="elsewhere.example", registered=False)
        response = stranger.request(method, f"sip:x@{target.flow.host}:5060", authenticate=False)
        assert response.status == 403
        assert target.inbox == []


def test_a_user_calls_and_registers_as_himself_only() -> None:
    with pbx() as world:
        alice = world.phone("101", registered=False)
        assert alice.register().status == 200
        response = alice.request("MESSAGE", f"sip:102@{DOMAIN}", from_user="103")
        assert response.status == 403
        alien = alice.request("REGISTER", f"sip:{DOMAIN}", from_user="103", to=f"sip:103@{DOMAIN}")
        assert alien.status == 403

    assert {event.reason for event in world.named("E_AUTH_FAILURE")} == {"other-user"}


def test_a_suspended_subscriber_is_refused() -> None:
    with pbx() as world:
        world.subscriber("101", enabled=False)
        assert world.phone("101", registered=False).register().status == 403


def test_the_server_answers_a_ping_without_a_password() -> None:
    with pbx() as world:
        response = world.phone("999", registered=False).request("OPTIONS", f"sip:{DOMAIN}")
        assert response.status == 200
        assert "INVITE" in response.header("allow")


def test_a_message_reaches_every_phone_that_takes_it() -> None:
    with pbx() as world:
        alice, bob = world.phone("101"), world.phone("102", registered=False)
        bob.register()
        assert alice.request("MESSAGE", f"sip:102@{DOMAIN}").status == 200
        assert alice.request("MESSAGE", f"sip:103@{DOMAIN}").status == 480
        assert [m.method for m in bob.inbox if hasattr(m, "method")] == ["MESSAGE"]


def test_without_a_directory_requests_are_503_and_not_404() -> None:
    with pbx() as world:
        world.store.subscribers.clear()
        world.store.ready = False
        response = world.phone("101", registered=False).register()
        assert response.status == 503
        assert response.header("retry-after")


def test_without_the_store_a_register_is_503_and_known_phones_are_called() -> None:
    with pbx() as world:
        alice, bob = world.phone("101"), world.phone("102", registered=False)
        bob.register()
        bob.answers_after = 0.5
        first = alice.call("102")
        first.final()
        first.hang_up()

        world.store.available = False
        assert bob.register().status == 503
        second = alice.call("102")
        assert second.final().status == 200
        assert second.hang_up().status == 200
        world.store.available = True
