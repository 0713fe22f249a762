"""A message to a phone that is asleep waits for it, within the time that its sender does."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from sipcore.contract.events import E_PUSH_FAILED, E_PUSH_SENT
from sipcore.testing import DOMAIN, Phone, World, pbx

BOB = f"102@{DOMAIN}"
TO_BOB = f"sip:{BOB}"


def alice_and_sleeping_bob(world: World) -> tuple[Phone, Phone]:
    return world.phone("101"), world.phone("102", instance="urn:uuid:m1", asleep=True)


@pytest.mark.acceptance("H44")
def test_it_is_delivered_when_the_phone_wakes() -> None:
    with pbx() as world:
        alice, bob = alice_and_sleeping_bob(world)
        sending = alice.begin("MESSAGE", TO_BOB)
        world.advance(3)
        assert not sending.done()
        [push] = world.pushes
        assert (push["aor"], push["kind"]) == (BOB, "message"), "not to be shown as a call"
        world.push_result(E_PUSH_SENT, kind="message")

        bob.wake()

        assert sending.result().status == 200
        assert len(bob.messages) == 1
        bob.register()
        world.advance(1)
        assert len(bob.messages) == 1
        assert not world.store.calls

    assert world.records == [], "a message is no call"


@pytest.mark.acceptance("H44")
def test_its_sender_has_an_answer_before_he_gives_up() -> None:
    with pbx() as world:
        alice, _ = alice_and_sleeping_bob(world)
        started = world.now
        assert alice.request("MESSAGE", TO_BOB).status == 480
        assert 27 < world.now - started < 32


def test_it_is_refused_at_once_when_no_phone_can_be_woken() -> None:
    with pbx() as world:
        alice, _ = alice_and_sleeping_bob(world)
        sending = alice.begin("MESSAGE", TO_BOB)
        world.advance(0.5)
        world.push_result(E_PUSH_FAILED, kind="message", status=410, provider_reason="Unregistered", final=True)
        world.advance(0.5)
        assert sending.done()
        assert sending.result().status == 480


def test_a_push_for_another_message_says_nothing_about_this_one() -> None:
    with pbx() as world:
        alice, bob = alice_and_sleeping_bob(world)
        first = alice.begin("MESSAGE", TO_BOB)
        world.advance(1)
        carol = world.phone("103", registered=False)
        second = carol.begin("MESSAGE", TO_BOB)
        world.advance(1)
        assert len({push["call_uid"] for push in world.pushes}) == 2
        world.push_result(E_PUSH_FAILED, kind="message", status=503, provider_reason="away", final=True)
        world.advance(1)
        assert (first.done(), second.done()) == (False, True)
        bob.wake()
        assert first.result().status == 200


def test_a_phone_that_is_there_gets_it_without_a_push() -> None:
    with pbx() as world:
        alice, bob = alice_and_sleeping_bob(world)
        bob.wake()
        assert alice.request("MESSAGE", TO_BOB).status == 200
        assert world.pushes == []


KEPT = {"keep_message_seconds": 3600.0}


def test_it_is_kept_and_delivered_when_a_phone_comes_later() -> None:
    with pbx(**KEPT) as world:
        alice, bob = alice_and_sleeping_bob(world)
        sent_at = world.epoch()
        assert (
            alice.request("MESSAGE", TO_BOB, headers=["Content-Type: text/plain"], body="늦지 마".encode()).status
            == 202
        )

        world.advance(600)
        bob.wake()
        world.advance(1)

        [message] = bob.messages
        assert message.body.decode() == "늦지 마"
        assert message.from_.uri_text == f"sip:101@{DOMAIN}"
        assert message.header("content-type") == "text/plain"
        assert abs(parsedate_to_datetime(message.header("date")).timestamp() - sent_at) < 60, "when it was written"
        bob.register()
        world.advance(1)
        assert len(bob.messages) == 1, "delivered once"


def test_what_a_phone_does_not_take_is_kept_on() -> None:
    with pbx(**KEPT) as world:
        alice, bob = alice_and_sleeping_bob(world)
        assert alice.request("MESSAGE", TO_BOB).status == 202
        bob.declines_with = 480
        bob.wake()
        world.advance(40)
        assert len(bob.messages) == 1
        bob.declines_with = 0
        bob.register()
        world.advance(1)
        assert len(bob.messages) == 2
        bob.register()
        world.advance(1)
        assert len(bob.messages) == 2


def test_it_is_not_kept_for_ever() -> None:
    with pbx(**KEPT) as world:
        alice, bob = alice_and_sleeping_bob(world)
        assert alice.request("MESSAGE", TO_BOB).status == 202
        world.advance(3700)
        bob.wake()
        world.advance(1)
        assert bob.messages == []


@pytest.mark.parametrize("body", [b"\xff\xfe", b"x" * 5000], ids=["no text", "too long"])
def test_what_cannot_be_kept_is_refused(body: bytes) -> None:
    with pbx(**KEPT) as world:
        alice, _ = alice_and_sleeping_bob(world)
        assert alice.request("MESSAGE", TO_BOB, body=body).status == 480


def test_what_a_phone_refuses_is_not_kept() -> None:
    with pbx(**KEPT) as world:
        alice, bob = world.phone("101"), world.phone("102")
        bob.declines_with = 415
        assert alice.request("MESSAGE", TO_BOB).status == 415
