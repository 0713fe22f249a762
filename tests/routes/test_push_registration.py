"""What a phone that wants to be woken says when it registers (RFC 8599), and where its token goes."""

from __future__ import annotations

import pytest

from sipcore.contract.events import E_PUSH_TOKEN_INVALID
from sipcore.contract.jobs import FORGET_PUSH_DEVICE, LEARN_PUSH_DEVICE
from sipcore.testing import Phone, World, pbx

TOKEN = "token-of-bobs-mobile"
WITH_PUSH = f";pn-provider=http;pn-param=app;pn-prid={TOKEN}"


def mobile(world: World) -> Phone:
    """Bob's mobile, which registers with push parameters."""
    phone = world.phone("102", instance="urn:uuid:m1", registered=False)
    phone.uri_params = WITH_PUSH
    return phone


@pytest.mark.acceptance("H63")
def test_a_phone_that_can_be_woken_is_told_so_and_its_token_goes_to_the_web_side() -> None:
    with pbx() as world:
        bob = mobile(world)
        response = bob.register()
        assert response.status == 200
        assert response.headers("feature-caps") == ['*;+sip.pns="http"']
        [binding] = world.bindings(bob)
        assert binding.push is not None
        assert binding.push.provider == "http"

    [job] = [job for job in world.submitted if job.name == LEARN_PUSH_DEVICE]
    assert (job.kwargs["prid"], job.kwargs["instance_id"]) == (TOKEN, "urn:uuid:m1")


@pytest.mark.acceptance("H64")
def test_an_unknown_provider_is_555_and_no_binding() -> None:
    with pbx() as world:
        phone = mobile(world)
        phone.uri_params = WITH_PUSH.replace("http", "foo")
        assert phone.register().status == 555
        assert world.bindings(phone) == ()


@pytest.mark.acceptance("H65")
def test_asking_for_support_makes_no_push_binding() -> None:
    with pbx() as world:
        phone = mobile(world)
        phone.uri_params = ";pn-provider"
        response = phone.register()
        assert response.status == 200
        assert response.headers("feature-caps") == ['*;+sip.pns="http"']
        [binding] = world.bindings(phone)
        assert binding.push is None

    assert not [job for job in world.submitted if job.name == LEARN_PUSH_DEVICE]


@pytest.mark.acceptance("H72")
def test_a_token_is_seen_by_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with pbx() as world:
        alice, bob = world.phone("101"), mobile(world)
        bob.register()
        call = alice.call("102")
        world.advance(1)
        bob.answer()
        call.final()
        call.hang_up()
        other = world.phone("102", instance="urn:uuid:p1", registered=False).register()
        for message in (*alice.inbox, *bob.invites, other):
            assert b"pn-" not in bytes(message)
            assert TOKEN.encode() not in bytes(message)

    assert TOKEN not in caplog.text
    for event in world.events:
        assert TOKEN not in repr(event)
        assert "pn-prid=" not in repr(event)


def test_a_phone_that_unregisters_is_not_woken_any_more() -> None:
    with pbx() as world:
        bob = mobile(world)
        bob.register()
        bob.unregister()

    assert [job.name for job in world.submitted] == [LEARN_PUSH_DEVICE, FORGET_PUSH_DEVICE]


def test_a_phone_that_unregisters_after_its_time_is_not_woken_any_more_either() -> None:
    with pbx() as world:
        bob = mobile(world)
        bob.register(expires=150)
        world.advance(200)
        assert world.bindings(bob) == ()
        bob.unregister()

    assert [job.name for job in world.submitted] == [LEARN_PUSH_DEVICE, FORGET_PUSH_DEVICE]


@pytest.mark.acceptance("H73")
def test_a_call_does_not_wait_for_a_phone_that_unregisters() -> None:
    with pbx() as world:
        world.subscriber("102", push_devices=1)
        alice, bob = world.phone("101"), mobile(world)
        call = alice.call("102")
        world.advance(2)
        assert not call.is_over

        bob.unregister()
        world.advance(0.5)

        assert call.status == 480
        [told] = world.named(E_PUSH_TOKEN_INVALID)
        assert (told.aor, told.reason) == (bob.aor, "unregistered")


@pytest.mark.acceptance("H75")
def test_the_push_names_the_call_id_that_the_phone_will_see() -> None:
    with pbx() as world:
        world.subscriber("102", push_devices=1)
        alice, bob = world.phone("101"), mobile(world)
        call = alice.call("102")
        world.advance(2)
        bob.register()
        world.advance(1)
        [invite] = bob.invites
        assert world.pushes[0]["call_id"] == invite.call_id
        assert world.pushes[0]["caller_name"] == "Phone 101"
        assert world.pushes[0]["media"] == "audio"
        bob.answer()
        call.final()
        call.hang_up()
