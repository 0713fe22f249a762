"""Story 1: a call waits for a phone that is asleep, and the phone joins it when it registers."""

from __future__ import annotations

import asyncio

import pytest

from sipcore.contract.events import E_PUSH_FAILED, E_PUSH_SENT, E_PUSH_SUPPRESSED
from sipcore.contract.jobs import SEND_WAKEUP, Job
from sipcore.contract.location import Binding, BindingChanges
from sipcore.script.contact_events import announce
from sipcore.testing import DOMAIN, Phone, World, pbx

BOB = f"102@{DOMAIN}"


@pytest.mark.acceptance("H21")
@pytest.mark.acceptance("H22")
@pytest.mark.acceptance("H42")
def test_a_phone_that_wakes_is_injected_and_answers() -> None:
    with pbx() as world:
        alice, bob = world.phone("101"), world.phone("102", instance="urn:uuid:m1", asleep=True)
        bob.answers_after = 1.0

        call = alice.call("102")
        assert call.statuses == [100], "within 200 ms"
        world.advance(2)

        assert call.statuses == [100]
        assert [push["aor"] for push in world.pushes] == [BOB]
        assert world.pushes[0]["call_id"] == call.call_id

        assert bob.wake().status == 200
        final = call.final()

        assert final.status == 200
        assert call.statuses == [100, 180, 200]
        assert len(bob.invites) == 1
        at_register = next(i for i, m in enumerate(bob.inbox) if getattr(m, "status", 0) == 200)
        assert bob.inbox.index(bob.invites[0]) > at_register, "the 200 to the REGISTER comes before the INVITE"
        assert bob.invites[0].has("record-route")
        assert call.hang_up().status == 200
        assert len(bob.byes) == 1

    [record] = world.records
    assert (record.state, record.reason, record.answered_by, record.hangup_by) == ("ended", "answered", BOB, "caller")
    assert len(world.pushes) == 1


@pytest.mark.acceptance("H23")
def test_a_refreshed_contact_is_injected_just_the_same() -> None:
    with pbx() as world:
        world.subscriber("102", push_devices=1)
        alice, bob = world.phone("101"), world.phone("102", instance="urn:uuid:m1")
        bob.reacts = False

        call = alice.call("102")
        world.advance(3)
        bob.reacts, bob.answers_after = True, 0.5
        bob.invites.clear()
        bob.register()

        assert call.final().status == 200
        assert len({invite.top_via.branch for invite in bob.invites}) == 1
        call.hang_up()

    assert world.named("E_UL_CONTACT_UPDATE")


@pytest.mark.acceptance("H24")
def test_registering_twice_gives_one_invite() -> None:
    with pbx() as world:
        alice, bob = world.phone("101"), world.phone("102", instance="urn:uuid:m1", registered=False)
        call = alice.call("102")
        world.advance(1)
        bob.register()
        bob.register()
        world.advance(1)
        assert len(bob.invites) == 1
        bob.answer()
        assert call.final().status == 200
        call.hang_up()


@pytest.mark.acceptance("H25")
def test_a_phone_that_restarts_on_another_port_is_tried_there() -> None:
    with pbx() as world:
        alice, bob = world.phone("101"), world.phone("102", instance="urn:uuid:m1", registered=False)
        call = alice.call("102")
        world.advance(1)
        bob.reacts = False
        bob.register()
        world.advance(1)
        assert len(bob.invites) == 1

        world.moved(bob, 5064)
        bob.reacts, bob.answers_after = True, 0.5
        bob.register()

        assert call.final().status == 200
        assert bob.invites[-1].target.endswith(":5064")
        call.hang_up()


@pytest.mark.acceptance("H28")
def test_a_periodic_refresh_of_a_ringing_phone_brings_no_second_invite() -> None:
    with pbx() as world:
        alice, desk = world.phone("101"), world.phone("102", instance="urn:uuid:p1")
        call = alice.call("102")
        world.advance(1)
        desk.register()
        world.advance(1)
        assert len(desk.invites) == 1
        desk.answer()
        assert call.final().status == 200
        call.hang_up()

    assert [e.why for e in world.named("E_INJECT_REJECTED")] == ["duplicate"]


@pytest.mark.acceptance("H27")
def test_a_phone_that_declined_is_not_rung_again_when_it_registers() -> None:
    with pbx() as world:
        world.subscriber("102", push_devices=1)
        alice, desk = world.phone("101"), world.phone("102", instance="urn:uuid:p1")
        desk.declines_with = 486
        call = alice.call("102")
        world.advance(2)
        desk.register()
        assert call.final().status == 486
        assert len(desk.invites) == 1

    assert "declined" in [e.why for e in world.named("E_INJECT_REJECTED")]


def test_the_wake_up_names_the_phones_that_are_being_rung_and_leaves_with_the_call_on_the_board() -> None:
    boards: list[list[str]] = []

    with pbx() as world:
        world.subscriber("102", push_devices=2)
        alice, desk = world.phone("101"), world.phone("102", instance="urn:uuid:p1")
        submit = world.submit

        def watched(job: Job) -> bool:
            if job.name == SEND_WAKEUP:
                boards.append([branch.key for branch in world.store.calls[job.kwargs["call_uid"]].branches])
            return submit(job)

        world.submit = watched
        call = alice.call("102")
        world.advance(0.1)
        desk.answer()
        assert call.final().status == 200
        call.hang_up()

    [push] = world.pushes

    [key] = push["bound"]
    assert "urn:uuid:p1" in key
    assert boards == [[key]]


def test_a_phone_that_rings_by_itself_is_waited_for_no_longer() -> None:
    with pbx() as world:
        world.subscriber("102", push_devices=1)
        alice, bob = world.phone("101"), world.phone("102", instance="urn:uuid:m1")
        bob.declines_with = 486
        call = alice.call("102")
        world.advance(0.5)
        assert call.statuses == [100]
        world.push_result(E_PUSH_SUPPRESSED, world.pushes[0]["bound"][0], why="awake")
        world.advance(0.1)
        assert call.statuses == [100, 486]


@pytest.mark.parametrize("why", ["coalesced", "already-sent"])
def test_a_phone_that_another_push_is_waking_is_waited_for_like_one_that_was_pushed(why: str) -> None:
    with pbx() as world:
        alice, bob = world.phone("101"), world.phone("102", instance="urn:uuid:m1", asleep=True)
        call = alice.call("102")
        world.advance(0.1)
        world.push_result(E_PUSH_SUPPRESSED, why=why)
        world.advance(8)
        bob.answers_after = 0.1
        bob.wake()
        assert call.final().status == 200
        call.hang_up()


def test_another_device_rings_already_when_the_sleeper_joins() -> None:
    with pbx() as world:
        alice, desk = world.phone("101"), world.phone("102", instance="urn:uuid:p1")
        mobile = world.phone("102", instance="urn:uuid:m1", asleep=True)
        call = alice.call("102")
        world.advance(2)
        mobile.answers_after = 1
        mobile.wake()
        assert call.final().status == 200
        world.advance(0.5)
        assert [c.header("reason") for c in desk.cancels] == ['SIP;cause=200;text="Call completed elsewhere"']
        call.hang_up()
        assert len(mobile.byes) == 1 and not desk.byes


def test_two_callers_wait_for_one_callee() -> None:
    with pbx() as world:
        alice, carol, bob = (
            world.phone("101"),
            world.phone("103"),
            world.phone("102", instance="urn:uuid:m1", asleep=True),
        )
        first, second = alice.call("102"), carol.call("102")
        world.advance(2)
        bob.wake()
        world.advance(1)
        assert sorted(i.call_id for i in bob.invites) == sorted([first.call_id, second.call_id])
        bob.answer()
        for call in (first, second):
            assert call.final().status == 200
            call.hang_up()


@pytest.mark.acceptance("H76")
def test_a_hundred_calls_wait_for_one_phone_and_all_are_injected_when_it_registers() -> None:
    with pbx() as world:
        callers = [world.phone(user) for user in ("101", "103", "104", "105")]
        bob = world.phone("102", instance="urn:uuid:m1", asleep=True)
        began = world.now
        calls = [callers[number % 4].call("102") for number in range(100)]
        assert 5 < world.now - began < 15, "in some ten seconds"

        bob.wake()
        world.advance(1)

        assert sorted(invite.call_id for invite in bob.invites) == sorted(call.call_id for call in calls)
        for call in calls:
            call.cancel()
        world.advance(1)
        assert {call.status for call in calls} == {487}


@pytest.mark.acceptance("H46")
def test_a_caller_who_gives_up_while_waiting_gets_487_at_once() -> None:
    with pbx() as world:
        alice, bob = world.phone("101"), world.phone("102", instance="urn:uuid:m1", asleep=True)
        call = alice.call("102")
        world.advance(2)
        started = world.now
        call.cancel()
        assert call.final().status == 487
        assert call.ended_at - started < 0.1
        left = {subscription.record.route for subscription in world.driver.routing.live()}
        assert left == {"push_accepted_late", "phone_came_late"}, "for phones that come when it is over"
        bob.wake()
        world.advance(1)
        assert bob.invites == []

    assert [record.reason for record in world.records] == ["cancelled"]
    assert len(world.pushes) == 1


@pytest.mark.acceptance("H33")
def test_when_nobody_comes_the_caller_gets_480_at_the_end_of_the_window() -> None:
    with pbx() as world:
        world.subscriber("102", push_devices=1)
        alice = world.phone("101")
        started = world.now
        call = alice.call("102")
        final = call.final()
        assert final.status == 480
        assert final.header(
            "reason",
        ).startswith("Q.850;cause=20")
        assert world.now - started == pytest.approx(20, abs=0.1)

    assert [record.reason for record in world.records] == ["unreachable"]


def test_a_callee_without_push_device_is_waited_for_all_the_same() -> None:
    with pbx() as world:
        alice, bob = world.phone("101"), world.phone("102", registered=False)
        call = alice.call("102")
        world.advance(15)
        bob.answers_after = 0.1
        bob.register()
        assert call.final().status == 200
        call.hang_up()

    assert world.pushes == []


@pytest.mark.acceptance("H34")
def test_a_busy_desk_phone_and_a_sleeper_that_does_not_wake_give_486_at_the_end() -> None:
    with pbx() as world:
        world.subscriber("102", push_devices=1)
        alice, desk = world.phone("101"), world.phone("102", instance="urn:uuid:p1")
        desk.declines_with = 486
        started = world.now
        final = alice.call("102").final()
        assert final.status == 486
        assert world.now - started == pytest.approx(20, abs=0.1)


def test_a_busy_desk_phone_is_not_delayed_when_nothing_may_wake() -> None:
    with pbx() as world:
        alice, desk = world.phone("101"), world.phone("102", instance="urn:uuid:p1")
        desk.declines_with = 486
        started = world.now
        call = alice.call("102")
        assert call.final().status == 486
        assert call.ended_at - started < 0.1


@pytest.mark.acceptance("H35")
def test_when_every_push_is_refused_the_call_ends_at_once() -> None:
    with pbx() as world:
        world.subscriber("102", push_devices=2)
        alice = world.phone("101")
        call = alice.call("102")
        world.advance(0.5)
        world.push_result(E_PUSH_FAILED, "m1", provider_reason="gone", final=True)
        world.advance(0.5)
        assert not call.is_over
        world.push_result(E_PUSH_FAILED, "m2", provider_reason="gone", final=True)
        world.advance(0.1)
        assert call.statuses == [100, 480]


@pytest.mark.acceptance("H36")
def test_when_no_push_can_be_sent_the_phone_has_a_short_grace_to_come_by_itself() -> None:
    with pbx() as world:
        world.subscriber("102", push_devices=1)
        alice = world.phone("101")
        started = world.now
        call = alice.call("102")
        world.advance(0.1)
        world.push_result(E_PUSH_SUPPRESSED, why="provider-down")
        assert call.final().status == 480
        assert world.now - started == pytest.approx(3.1, abs=0.2)


def test_the_hold_ends_when_every_pushed_device_has_come() -> None:
    with pbx() as world:
        alice, bob = world.phone("101"), world.phone("102", instance="urn:uuid:m1", asleep=True)
        call = alice.call("102")
        world.advance(0.2)
        bob.declines_with = 486
        reply = bob.wake()
        assert reply.status == 200
        [binding] = world.bindings(bob)
        world.push_result(E_PUSH_SENT, binding.key)
        world.advance(0.1)
        assert call.statuses[-1] == 486


def test_a_retrying_push_is_no_failure() -> None:
    with pbx() as world:
        world.subscriber("102", push_devices=1)
        alice = world.phone("101")
        call = alice.call("102")
        world.advance(0.5)
        world.push_result(E_PUSH_FAILED, provider_reason="503", final=False)
        world.advance(5)
        assert not call.is_over
        assert call.final().status == 480


@pytest.mark.acceptance("H56")
def test_a_retransmitted_invite_brings_no_second_push() -> None:
    with pbx() as world:
        world.subscriber("102", push_devices=1)
        alice = world.phone("101")
        call = alice.call("102")
        world.advance(1)
        call.repeat()
        world.advance(1)
        assert call.statuses == [100, 100]
        assert call.final().status == 480

    assert len(world.pushes) == 1


@pytest.mark.acceptance("H29")
def test_a_challenged_register_raises_nothing_and_rings_nothing() -> None:
    with pbx() as world:
        alice, bob = world.phone("101"), world.phone("102", registered=False)
        call = alice.call("102")
        world.advance(1)
        assert bob.register(authenticate=False).status == 401
        assert bob.register(password="wrong").status == 401
        world.advance(1)
        assert bob.invites == []
        call.cancel()
        call.final()

    assert [e.aor for e in world.named("E_UL_CONTACT_INSERT")] == [f"101@{DOMAIN}"]
    assert [(e.user, e.reason) for e in world.named("E_AUTH_FAILURE")] == [("102", "bad-password")]


@pytest.mark.acceptance("H05")
def test_dialling_a_pattern_matches_nobody() -> None:
    with pbx() as world:
        world.subscriber("*")
        alice, carol = world.phone("101"), world.phone("103", registered=False)
        call = alice.call("*")
        world.advance(1)
        carol.register()
        world.advance(1)
        assert carol.invites == []
        assert call.final().status == 480


@pytest.mark.acceptance("H07")
def test_the_same_user_of_another_domain_is_somebody_else() -> None:
    with pbx() as world:
        world.subscriber("102", domain="other.example")
        alice, other = world.phone("101"), world.phone("102", domain="other.example", registered=False)
        call = alice.call("102")
        world.advance(1)
        assert other.register().status == 200
        world.advance(1)
        assert other.invites == []
        assert call.final().status == 480


@pytest.mark.parametrize(("hold", "seconds"), [("auto", 20), ("always", 20), ("push", 0)])
def test_the_hold_setting_says_when_a_call_waits(hold: str, seconds: float) -> None:
    with pbx(hold=hold) as world:
        alice = world.phone("101")
        started = world.now
        assert alice.call("102").final().status == 480
        assert world.now - started == pytest.approx(seconds, abs=0.1)


@pytest.mark.acceptance("H30")
@pytest.mark.parametrize(("_case", "after"), [("before the look", 0.002), ("after the look, before the fork", 0.03)])
def test_a_phone_that_registers_between_subscription_and_fork_gets_one_invite(_case: str, after: float) -> None:
    class SlowLocation:
        """A location service whose look takes a while, as it does when the store is asked."""

        def __init__(self, inner: object) -> None:
            self.update = inner.update
            self._inner = inner

        async def lookup(self, aor: str, *, fresh: bool = False) -> tuple:
            await asyncio.sleep(0.02)
            found = await self._inner.lookup(aor, fresh=fresh)
            await asyncio.sleep(0.02)
            return found

    with pbx(moment=0) as world:
        world.subscriber("102", push_devices=1)
        alice, bob = world.phone("101"), world.phone("102", instance="urn:uuid:m1")
        bob.unregister()
        world.driver._environment.location = SlowLocation(world.location)

        call = alice.call("102")
        while not world.driver.routing.count:
            world.advance(0.001)
        world.advance(after)
        world.run(world.location.update(BOB, lambda current: registered(world, bob, current)))
        world.advance(1)

        assert len(bob.invites) == 1
        bob.answer()
        assert call.final().status == 200
        call.hang_up()


def registered(world: World, phone: Phone, current: tuple[Binding, ...]) -> BindingChanges:
    """The change of bindings that a REGISTER of that phone makes, announced as it is stored."""
    now = world.epoch()
    flow = phone.flow
    binding = Binding(phone.aor, phone.instance, phone.contact, now + 60, "r", 9, host=flow.host, port=flow.port)
    changes = BindingChanges(phone.aor, (binding,), inserted=(binding,))
    world.loop.call_soon(announce, world.driver.routing, changes, now)
    world.loop.call_soon(world.driver.pump)
    return changes
