"""Subscriptions and waits of a script, as callers and phones see them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipcore.testing import World, pbx

SCRIPT = """
from sipcore.contract.events import E_UL_CONTACT_INSERT
from sipcore.script import event_route, request_route

@request_route("REGISTER")
async def register(request):
    if await request.authenticate():
        await request.save()

@request_route("INVITE")
async def invite(request):
    if await request.authenticate() is None:
        return
    {body}

@event_route
async def came(event, call):
    call.inject_branches([event.binding])

@event_route
async def fails(event, call):
    raise ValueError("oh")
"""


@pytest.fixture
def script(tmp_path: Path):
    def write(*body: str) -> Path:
        path = tmp_path / "routes.py"
        path.write_text(SCRIPT.format(body="\n    ".join(body)))
        return path

    return write


WAIT = (
    "result = await request.wait_for_event(E_UL_CONTACT_INSERT, {'aor': request.request_aor}, 2)",
    "request.reply(480, f'{result.outcome} {result.event.aor if result else None}')",
)


@pytest.mark.acceptance("H14")
@pytest.mark.parametrize("comes", [True, False])
def test_waiting_ends_with_the_match_or_on_time(script, comes: bool) -> None:
    with pbx(script(*WAIT), moment=0) as world:
        alice, started = world.phone("101"), world.now
        call = alice.call("102")
        world.advance(1)
        if comes:
            world.phone("102")
        final = call.final()

        assert final.reason == ("match 102@pbx.example" if comes else "timeout None")
        assert call.ended_at - started == pytest.approx(1 if comes else 2, abs=0.05)


@pytest.mark.acceptance("H14")
def test_waiting_ends_when_the_caller_does(script) -> None:
    with pbx(script(*WAIT, "await request.raise_event('E_LIMIT_HIT', limit=result.outcome, value=1)")) as world:
        call = world.phone("101").call("102")
        call.cancel()
        assert call.status == 487
        world.phone("102")
        world.advance(5)

    assert [event.limit for event in world.named("E_LIMIT_HIT")] == ["cancelled"]
    assert call.statuses == [100, 487]


@pytest.mark.acceptance("H10")
@pytest.mark.parametrize("end", ["final", "cancelled"])
def test_the_end_of_a_call_ends_its_subscriptions_at_once(script, end: str) -> None:
    subscribe = "await request.notify_on_event(E_UL_CONTACT_INSERT, {'aor': request.request_aor}, came, 60)"
    with pbx(script(subscribe, "request.fork(await request.lookup(request.request_aor))"), moment=0) as world:
        bob, alice = world.phone("102"), world.phone("101")
        call = alice.call("102")
        world.advance(1)
        assert world.driver.routing.count == 1
        bob.decline() if end == "final" else call.cancel()
        world.advance(0.01)
        assert world.driver.routing.count == 0
        assert call.is_over


@pytest.mark.acceptance("H13")
def test_a_route_that_raises_costs_its_own_subscription_and_nothing_else(script) -> None:
    body = (
        "request.wait_for_new_branches(20)",
        "await request.notify_on_event(E_UL_CONTACT_INSERT, {'aor': request.request_aor}, fails, 20)",
        "await request.notify_on_event(E_UL_CONTACT_INSERT, {'aor': request.request_aor}, came, 20)",
    )

    with pbx(script(*body), may_fail=True) as world:
        call = world.phone("101").call("102")
        bob, other = world.phone("102"), world.phone("102")
        assert bob.rings and other.rings
        bob.answer()
        assert call.status == 200

    [failed] = world.named("E_SUB_FAILED")
    assert (failed.error, failed.script, failed.line) == ("fails: ValueError: oh", "routes.py", 24)


@pytest.mark.acceptance("H37")
def test_what_is_injected_too_late_is_sent_to_nobody(script) -> None:
    late = (
        "from sipcore.contract.events import E_CALL_ENDED",
        "await request.notify_on_event(E_UL_CONTACT_INSERT, {'aor': request.request_aor}, came, 60)",
        "ref = request.ref",
        "request.reply(486)",
        "assert not ref.inject_branches(await request.lookup('103@pbx.example'))",
    )

    def story(world: World) -> None:
        other = world.phone("103")
        assert world.phone("101").call("102").final().status == 486
        world.phone("102")
        assert other.invites == []

    with pbx(script(*late)) as world:
        story(world)
