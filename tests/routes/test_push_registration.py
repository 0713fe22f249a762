"""What a phone that wants to be woken says when it registers (RFC 8599), and where its token goes."""

from __future__ import annotations

import pytest

from sipcore.contract.jobs import FORGET_PUSH_DEVICE, LEARN_PUSH_DEVICE
from tests.support.phone import DOMAIN, Phone
from tests.support.world import World, play

TOKEN = "token-of-bobs-mobile"
WITH_PUSH = f";pn-provider=http;pn-param=app;pn-prid={TOKEN}"


def mobile(world: World) -> Phone:
    """Bob's mobile, which registers with push parameters."""
    phone = world.phone("102", instance="urn:uuid:m1")
    phone.uri_params = WITH_PUSH
    return phone


@pytest.mark.acceptance("H63")
def test_a_phone_that_can_be_woken_is_told_so_and_its_token_goes_to_the_web_side() -> None:
    async def story(world: World) -> None:
        response = await mobile(world).register()
        assert response.status == 200
        assert response.headers("feature-caps") == ['*;+sip.pns="http"']
        [binding] = await world.location.lookup(f"102@{DOMAIN}")
        assert binding.push is not None
        assert binding.push.provider == "http"

    world = play(story, push_providers=("http",))
    [job] = [job for job in world.submitted if job.name == LEARN_PUSH_DEVICE]
    assert (job.kwargs["prid"], job.kwargs["instance_id"]) == (TOKEN, "urn:uuid:m1")


@pytest.mark.acceptance("H64")
def test_an_unknown_provider_is_555_and_no_binding() -> None:
    async def story(world: World) -> None:
        phone = mobile(world)
        phone.uri_params = WITH_PUSH.replace("http", "foo")
        assert (await phone.register()).status == 555
        assert await world.location.lookup(f"102@{DOMAIN}") == ()

    play(story, push_providers=("http",))


@pytest.mark.acceptance("H65")
def test_asking_for_support_makes_no_push_binding() -> None:
    async def story(world: World) -> None:
        phone = mobile(world)
        phone.uri_params = ";pn-provider"
        response = await phone.register()
        assert response.status == 200
        assert response.headers("feature-caps") == ['*;+sip.pns="http"']
        [binding] = await world.location.lookup(f"102@{DOMAIN}")
        assert binding.push is None

    assert not [job for job in play(story, push_providers=("http",)).submitted if job.name == LEARN_PUSH_DEVICE]


@pytest.mark.acceptance("H72")
def test_a_token_is_seen_by_nobody_else() -> None:
    async def story(world: World) -> None:
        alice, bob = world.phone("101"), mobile(world)
        await alice.register()
        await bob.register()
        call = alice.call("102")
        await world.sleep(1)
        bob.pick_up()
        await call.final()
        await call.hang_up()
        other = await world.phone("102", instance="urn:uuid:p1").register()
        for message in (*alice.inbox, *bob.invites, other):
            assert b"pn-" not in bytes(message)
            assert TOKEN.encode() not in bytes(message)

    world = play(story, push_providers=("http",))
    for event in world.events:
        assert TOKEN not in repr(event)
        assert "pn-prid=" not in repr(event)


def test_a_phone_that_unregisters_is_not_woken_any_more() -> None:
    async def story(world: World) -> None:
        bob = mobile(world)
        await bob.register()
        await bob.register(0)

    jobs = play(story, push_providers=("http",)).submitted
    assert [job.name for job in jobs] == [LEARN_PUSH_DEVICE, FORGET_PUSH_DEVICE]


@pytest.mark.acceptance("H75")
def test_the_push_names_the_call_id_that_the_phone_will_see() -> None:
    async def story(world: World) -> None:
        world.subscriber("102", push_devices=1)
        alice, bob = world.phone("101"), mobile(world)
        await alice.register()
        call = alice.call("102")
        await world.sleep(2)
        await bob.register()
        await world.sleep(1)
        [invite] = bob.invites
        assert world.pushes[0]["call_id"] == invite.call_id
        assert world.pushes[0]["caller_name"] == "Phone 101"
        bob.pick_up()
        await call.final()
        await call.hang_up()

    play(story, push_providers=("http",))
