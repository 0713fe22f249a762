"""The words of event-based routing as a script uses them: what they are bound to, and what ends them."""

from __future__ import annotations

import pytest

from sipcore.contract.events import (
    E_FLOW_CLOSED,
    E_FLOW_OPEN,
    E_SUB_CANCELLED,
    E_TX_CREATED,
    E_TX_FINAL,
    E_UL_CONTACT_INSERT,
)
from sipcore.contract.flow import Flow
from sipcore.contract.location import BindingChanges
from sipcore.contract.records import replace

from .scripted import Start, heard, said

CALL = """
@request_route("INVITE")
async def invite(request):
    await request.notify_on_event(ARRIVALS, {"aor": "103@pbx.example"}, note, 60, bind=%r, on_expire=last_word)
    request.fork(await request.lookup(request.request_aor))
"""


@pytest.mark.acceptance("H10")
def test_bound_to_the_transaction_it_ends_with_the_answer(script: Start) -> None:
    with script(CALL % "transaction") as world:
        alice, bob, carol = world.phone("101"), world.phone("102"), world.phone("103", registered=False)
        ended = heard(world, E_SUB_CANCELLED)
        call = alice.call("102")
        carol.register()
        assert said(world) == ["E_UL_CONTACT_INSERT"]

        before = world.now
        bob.answer()

        assert [(event.why, event.fires) for event in ended] == [("tx-final", 1)]
        assert ended[0].ts - world.epoch() + world.now - before <= 0.01 + 2 * 0.001
        carol.unregister()
        carol.register()
        call.hang_up()
        assert said(world) == ["E_UL_CONTACT_INSERT"]


def test_bound_to_the_dialog_it_lives_until_the_bye(script: Start) -> None:
    with script(CALL % "dialog") as world:
        alice, bob, carol = world.phone("101"), world.phone("102"), world.phone("103", registered=False)
        ended = heard(world, E_SUB_CANCELLED)
        call = alice.call("102")
        bob.answer()
        world.advance(40)  # its transaction is gone
        carol.register()
        assert said(world) == ["E_UL_CONTACT_INSERT"]
        assert len(world.driver._environment.dialogs) == 1

        call.hang_up()

        assert [event.why for event in ended] == ["dialog-ended"]
        carol.unregister()
        carol.register()
        assert len(said(world)) == 1
        assert len(world.driver._environment.dialogs) == 0


@pytest.mark.parametrize("bind", ["transaction", "dialog"])
@pytest.mark.parametrize(("how", "why"), [("decline", "tx-final"), ("cancel", "cancelled")])
def test_a_call_that_nobody_answers_ends_both(script: Start, bind: str, how: str, why: str) -> None:
    with script(CALL % bind) as world:
        alice, bob = world.phone("101"), world.phone("102")
        ended = heard(world, E_SUB_CANCELLED)
        call = alice.call("102")

        bob.decline() if how == "decline" else call.cancel()
        world.advance(0.1)

        assert [event.why for event in ended] == [why]
        assert said(world) == []


@pytest.mark.acceptance("H18")
def test_it_may_begin_in_the_past(script: Start) -> None:
    since = CALL.replace("bind=%r, on_expire=last_word", 'from_cursor="0-0"')
    with script(since) as world:
        alice, bob, carol = world.phone("101"), world.phone("102"), world.phone("103")
        carol.unregister()
        carol.register()

        call = alice.call("102")
        carol.unregister()
        carol.register()

        assert said(world) == ["E_UL_CONTACT_INSERT"] * 3
        bob.answer()
        carol.unregister()
        carol.register()
        call.hang_up()
        assert len(said(world)) == 3


def test_a_durable_one_has_no_cursor(script: Start) -> None:
    durable = CALL.replace("bind=%r, on_expire=last_word", 'bind="none", from_cursor="0-0"')
    with script(durable, may_fail=True) as world:
        alice, _bob = world.phone("101"), world.phone("102")

        assert alice.call("102").status == 500
        assert "a durable one has no cursor" in world.errors[0]


def test_its_time_is_over_before_the_call_is(script: Start) -> None:
    with script(CALL % "dialog", ring_seconds=90) as world:
        alice, bob = world.phone("101"), world.phone("102")
        call = alice.call("102")
        bob.answer()
        world.advance(60)
        assert said(world) == ["expired"]
        call.hang_up()
        assert said(world) == ["expired"]


def test_bound_to_a_registration_it_lives_while_the_phone_is_there(script: Start) -> None:
    text = """
@request_route("MESSAGE")
async def message(request):
    await request.notify_on_event(E_UL_CONTACT_INSERT, {"aor": "103@pbx.example"}, note, 300, bind="registration")
    request.reply(200)
"""
    with script(text) as world:
        bob, carol = world.phone("102"), world.phone("103", registered=False)
        tablet = world.phone("102")
        assert bob.request("MESSAGE", "sip:x@pbx.example").status == 200
        world.advance(60)
        tablet.unregister()  # the other phone of the same subscriber
        carol.register()
        assert said(world) == ["E_UL_CONTACT_INSERT"]

        bob.unregister()
        carol.unregister()
        carol.register()

        assert said(world) == ["E_UL_CONTACT_INSERT"]
        assert world.driver.routing.count == 0


def test_a_registration_is_watched_no_longer_than_its_subscription(script: Start) -> None:
    text = """
@request_route("MESSAGE")
async def message(request):
    await request.notify_on_event(
        E_UL_CONTACT_INSERT, {"aor": "103@pbx.example"}, note, 300, bind="registration", once=True)
    request.reply(200)
"""
    with script(text) as world:
        bob, carol = world.phone("102"), world.phone("103", registered=False)
        bob.request("MESSAGE", "sip:x@pbx.example")
        assert world.driver.routing.count == 2
        carol.register()
        assert said(world) == ["E_UL_CONTACT_INSERT"]
        assert world.driver.routing.count == 0


def test_a_phone_that_is_not_registered_has_no_registration(script: Start) -> None:
    text = """
@request_route("MESSAGE")
async def message(request):
    await request.notify_on_event(E_UL_CONTACT_INSERT, {"aor": "a@b"}, note, 300, bind="registration")
"""
    with script(text, may_fail=True) as world:
        bob = world.phone("102", registered=False)
        assert bob.request("MESSAGE", "sip:x@pbx.example").status == 500
        assert "needs a request of a registered phone" in world.errors[0]
        assert world.driver.routing.count == 0


@pytest.mark.acceptance("H14")
@pytest.mark.parametrize(
    ("end", "outcome"), [("nothing", "timeout"), ("register", "match"), ("cancel", "cancelled"), ("decline", "gone")]
)
def test_waiting_tells_its_outcomes_apart(script: Start, end: str, outcome: str) -> None:
    text = """
@request_route("INVITE")
async def invite(request):
    request.fork(await request.lookup(request.request_aor))
    result = await request.wait_for_event(ARRIVALS, {"aor": "103@pbx.example"}, 2)
    await request.raise_event(E_NOTE, said=f"{result.outcome} {result.event.aor if result else '-'}")
    again = await request.wait_for_event(ARRIVALS, {"aor": "103@pbx.example"}, 0.5)
    await request.raise_event(E_NOTE, said=again.outcome)
"""
    with script(text) as world:
        alice, bob, carol = world.phone("101"), world.phone("102"), world.phone("103", registered=False)
        call = alice.call("102")
        world.advance(0.8)
        {
            "nothing": lambda: None,
            "register": carol.register,
            "cancel": call.cancel,
            "decline": bob.decline,
        }[end]()
        world.advance(3)

        who = "103@pbx.example" if outcome == "match" else "-"
        ended = outcome in ("cancelled", "gone")
        assert said(world) == [f"{outcome} {who}", outcome if ended else "timeout"]
        if end == "register":
            assert world.named("E_NOTE")[0].cause_id == world.named(E_UL_CONTACT_INSERT)[-1].id
        call.cancel()


def test_events_come_one_after_the_other_in_the_route_that_asked(script: Start) -> None:
    text = """
@request_route("INVITE")
async def invite(request):
    request.wait_for_new_branches(20)
    async with request.events(ARRIVALS, aor=request.request_aor, timeout=20) as arrivals:
        request.fork(await request.lookup(request.request_aor))
        async for event in arrivals:
            request.inject_branches([event.binding])
    await request.raise_event(E_NOTE, said=arrivals.outcome)
"""
    with script(text) as world:
        alice, bob, tablet = (
            world.phone("101"),
            world.phone("102", registered=False),
            world.phone("102", registered=False),
        )
        call = alice.call("102")
        world.advance(1)
        bob.register()
        world.advance(1)
        tablet.register()
        assert (len(bob.invites), len(tablet.invites)) == (1, 1)
        assert [event.cause_id for event in world.named("E_BRANCH_ADDED")] == []  # no call was made known
        tablet.answer()
        assert call.status == 200
        assert len(bob.cancels) == 1
        assert said(world) == ["gone"]
        call.hang_up()

    with script(text) as world:
        alice = world.phone("101")
        call = alice.call("102")
        world.advance(19)
        assert said(world) == []
        assert call.final().status == 480
        world.advance(1)
        assert said(world) in (["gone"], ["timeout"])


def test_what_has_been_answered_cannot_be_subscribed_for(script: Start) -> None:
    text = """
@request_route("INVITE")
async def invite(request):
    request.reply(480)
    await request.notify_on_event(ARRIVALS, {"aor": "103@pbx.example"}, note, 60)
    await request.raise_event(E_NOTE, said="never")
"""
    with script(text) as world:
        alice = world.phone("101")
        assert alice.call("102").final().status == 480
        assert world.driver.routing.count == 0
        assert said(world) == []


def test_a_context_goes_with_the_subscription_and_duplicates_do_not_fire(script: Start) -> None:
    text = """
@request_route("INVITE")
async def invite(request):
    await request.notify_on_event(
        ARRIVALS, {"aor": "103@pbx.example"}, tell, 60, dedup="key", context={"asked_by": request.from_aor})
    request.wait_for_new_branches(20)

@event_route
async def tell(event, call, context):
    await call.raise_event(E_NOTE, said=context["asked_by"])
"""
    with script(text) as world:
        alice, carol = world.phone("101"), world.phone("103", registered=False)
        call = alice.call("102")
        carol.register()
        carol.unregister()
        carol.register()
        assert said(world) == ["101@pbx.example"]
        call.cancel()


def test_transactions_are_told_to_those_who_ask(script: Start) -> None:
    text = """
@request_route()
async def other(request):
    request.reply(404)
"""
    with script(text) as world:
        bob = world.phone("102", registered=False)
        bob.request("MESSAGE", "sip:x@pbx.example")
        events = heard(world, E_TX_CREATED, E_TX_FINAL)
        bob.request("MESSAGE", "sip:x@pbx.example", call_id="m-2")

        created, final = events
        assert (created.name, created.method, created.callid, created.src_ip) == (
            E_TX_CREATED,
            "MESSAGE",
            "m-2",
            bob.flow.host,
        )
        assert (final.name, final.tx, final.code, final.origin) == (E_TX_FINAL, created.tx, 404, "local")
        assert created.cause_id == final.cause_id == created.tx
        assert not [event for event in world.events if event.name in (E_TX_CREATED, E_TX_FINAL)]


def test_flows_are_told_to_those_who_ask_with_whom_they_reached(script: Start) -> None:
    with script("@request_route()\nasync def other(request):\n    request.reply(404)\n") as world:
        flow = Flow("tcp", "198.51.100.7", 40112, "1f-1")
        world.do(world.driver.flow_observed, flow, "open")
        events = heard(world, E_FLOW_OPEN, E_FLOW_CLOSED)
        bob = world.phone("102")
        held = replace(world.bindings(bob)[0], transport="tcp", connection="1f-1", key="m1")
        world.run(world.location.update(bob.aor, lambda before: BindingChanges(bob.aor, (held,), inserted=(held,))))

        world.do(world.driver.flow_observed, flow, "open")
        world.do(world.driver.flow_observed, flow, "idle")

        about = {"flow_id": "tcp:198.51.100.7:40112#1f-1", "transport": "tcp", "peer": "198.51.100.7:40112"}
        assert [(event.name, event.attributes) for event in events] == [
            (E_FLOW_OPEN, about),
            (E_FLOW_CLOSED, {**about, "reason": "idle", "aors": [bob.aor]}),
        ]
