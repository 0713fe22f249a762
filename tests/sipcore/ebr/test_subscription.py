"""What a subscription may ask for beyond firing for each match, and what is said about subscriptions."""

import asyncio
from contextvars import copy_context
from functools import partial

import pytest

from sipcore.contract.events import (
    E_CALL_PICKUP,
    E_LIMIT_HIT,
    E_SUB_CANCELLED,
    E_SUB_CREATED,
    E_SUB_EXPIRED,
    E_SUB_FAILED,
    E_SUB_FIRED,
    E_UL_CONTACT_INSERT,
    E_UL_CONTACT_UPDATE,
)
from sipcore.ebr.routing import MAX_NESTING, MAX_SUBSCRIPTIONS
from sipcore.ebr.subscription import MAX_REMEMBERED
from sipcore.errors import BadFilter, InvalidWord, NoSuchRoute

from .world import World

CONTACTS = (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE)
BOB = {"aor": "bob@t1"}


class Heard(list):
    """A notification route that writes down which events it is given."""

    __name__ = "heard"

    async def __call__(self, event, transaction):
        self.append(event.id)


@pytest.mark.parametrize("dedup", ["key", lambda event: event.key, lambda event: (event.aor, event.key)])
async def test_duplicates_do_not_fire(dedup):
    world, heard = World(), Heard()
    world.events.notify_on_event(CONTACTS, BOB, heard, 20, dedup=dedup)

    first, _, other, _ = [world.register(key=key) for key in ("m1", "m1", "p1", "m1")]
    await world.settle()

    assert heard == [first.id, other.id]


async def test_duplicates_are_counted_for_each_subscription_by_itself():
    world, heard, again = World(), Heard(), Heard()
    world.events.notify_on_event(CONTACTS, BOB, heard, 20, dedup="key", max_fires=2)
    event = world.register(key="m1")
    world.register(key="m1")
    world.events.notify_on_event(CONTACTS, BOB, again, 20, dedup="key")

    second = world.register(key="m1")
    third = world.register(key="p1")
    world.register(key="q1")
    await world.settle()

    assert heard == [event.id, third.id]  # a duplicate is no fire
    assert again[:2] == [second.id, third.id]


async def test_what_lacks_the_attribute_is_a_duplicate_of_its_like():
    world, heard = World(), Heard()
    world.events.notify_on_event(CONTACTS, BOB, heard, 20, dedup="key")

    world.register()
    world.register()
    await world.settle()

    assert len(heard) == 1


async def test_a_long_life_does_not_remember_without_end():
    world, heard = World(), Heard()
    subscription = world.events.notify_on_event(CONTACTS, BOB, heard, 20, dedup="key")

    for number in range(MAX_REMEMBERED + 10):
        world.register(key=f"m{number}")
        await asyncio.sleep(0)

    assert len(subscription.options.seen) == MAX_REMEMBERED


async def test_a_key_is_an_attribute_that_can_be_compared():
    world = World()

    with pytest.raises(BadFilter, match="no attribute 'kee'; did you mean key"):
        world.events.notify_on_event(CONTACTS, BOB, Heard(), 20, dedup="kee")
    with pytest.raises(BadFilter, match="binding is structured"):
        world.events.notify_on_event(CONTACTS, BOB, Heard(), 20, dedup="binding")

    assert world.events.count == 0


@pytest.mark.parametrize("dedup", [lambda event: 1 / 0, lambda event: [event.aor]])
async def test_a_key_that_cannot_be_made_fails_its_subscription_alone(dedup, caplog):
    world, heard = World(), Heard()
    failing = world.events.notify_on_event(CONTACTS, BOB, Heard(), 20, dedup=dedup)
    world.events.notify_on_event(CONTACTS, BOB, heard, 20)

    event = world.register()
    await world.settle()

    assert (failing.state, heard) == ("failed", [event.id])
    assert len(world.published(E_SUB_FAILED)) == len(caplog.records) == 1


async def test_the_end_of_its_time_runs_a_route_of_its_own():
    world, log = World(), []
    subscription = world.events.notify_on_event(
        CONTACTS,
        BOB,
        lambda event, transaction: log.append(event.id),
        5,
        bound_to="T",
        on_expire=lambda ended, transaction: log.append((ended.state, ended.fires, transaction)),
    )

    event = world.register()
    world.advance(5)
    await world.settle()

    assert log == [event.id, ("expired", 1, "T")]
    assert not subscription.is_live
    assert len(world.events._owners) == 0


@pytest.mark.parametrize("end", ["release", "cancel", "once"])
async def test_what_ends_otherwise_does_not_expire(end):
    world, log = World(), []
    subscription = world.events.notify_on_event(
        CONTACTS,
        BOB,
        Heard(),
        5,
        bound_to="T",
        once=True,
        on_expire=lambda ended, transaction: log.append(ended.state),
    )
    if end == "once":
        world.register()
    elif end == "cancel":
        subscription.cancel()
    else:
        world.events.release("T", "tx-final")

    world.advance(10)
    await world.settle()

    assert log == []


async def test_the_last_word_waits_for_what_still_runs_and_is_not_said_to_the_dead():
    world, log, gate = World(), [], asyncio.Event()

    async def slow(event, transaction):
        await gate.wait()
        log.append(event.id)

    for owner in ("T1", "T2"):
        world.events.notify_on_event(
            CONTACTS, BOB, slow, 5, bound_to=owner, on_expire=lambda ended, transaction: log.append(transaction)
        )
    event = world.register()
    await world.settle()
    world.advance(5)
    await world.settle()
    assert log == []

    world.events.release("T2", "tx-cancelled")
    gate.set()
    await world.settle()

    assert sorted(log) == sorted([event.id, event.id, "T1"])


async def test_a_last_word_that_fails_is_told():
    world = World()
    world.events.notify_on_event(CONTACTS, BOB, Heard(), 5, on_expire=lambda ended, transaction: 1 / 0)

    world.advance(5)
    await world.settle()

    (failed,) = world.published(E_SUB_FAILED)
    assert failed.error == "<lambda>: ZeroDivisionError: division by zero"
    with pytest.raises(NoSuchRoute):
        world.events.notify_on_event(CONTACTS, BOB, Heard(), 5, on_expire="nobody_came")


@pytest.mark.acceptance("H02")
async def test_once_is_over_before_its_route_raises_the_event_again():
    world, seen = World(), []

    async def again(event, transaction):
        seen.append(event.id)
        world.register()

    world.events.notify_on_event(CONTACTS, BOB, again, 20, once=True)
    world.register()
    await world.settle()

    assert len(seen) == 1


async def test_an_event_names_the_event_whose_route_raised_it():
    world, raised = World(), []

    async def hand_on(event, transaction):
        raised.append(world.events.raise_event(E_CALL_PICKUP, {"call": "c1"}, cause_id="w1-1"))
        await asyncio.sleep(0)
        raised.append(world.events.raise_event(E_CALL_PICKUP, {"call": "c1"}))

    world.events.notify_on_event(CONTACTS, BOB, hand_on, 20)
    event = world.register()
    await world.settle()
    outside = world.events.raise_event(E_CALL_PICKUP, {"call": "c1"}, cause_id="w1-1")

    assert [each.cause_id for each in raised] == [event.id, event.id]
    assert [each.depth for each in raised] == [2, 2]
    assert (outside.cause_id, outside.depth) == ("w1-1", 1)


@pytest.mark.acceptance("H15")
async def test_nesting_is_counted_across_workers():
    world, heard = World(), []

    async def again(event, transaction):
        heard.append(event.depth)
        world.register()

    subscription = world.events.notify_on_event(E_UL_CONTACT_INSERT, BOB, again, 20)
    other = World()
    event = other.register()
    for _ in range(MAX_NESTING - 2):
        event = other.events._event(event.name, event.attributes, "", event.id, event.depth + 1)

    world.events.deliver(subscription.id, event)
    await world.settle()

    assert heard == [MAX_NESTING - 1, MAX_NESTING]
    assert [each.limit for each in world.published(E_LIMIT_HIT)] == ["nesting"]


async def test_the_life_of_a_subscription_is_told_to_those_who_ask():
    world = World()
    world.bus.wanted = set()
    about, heard = [], []
    names = (E_SUB_CREATED, E_SUB_FIRED, E_SUB_EXPIRED, E_SUB_CANCELLED)
    world.events.notify_on_event(names, None, lambda event, t: about.append(event), 60, match_all=True)
    expires = world.events.notify_on_event(CONTACTS, BOB, lambda e, t: heard.append(e), 5, call_uid="c1")
    cancelled = world.events.notify_on_event(CONTACTS, {"aor": "carol@t1"}, Heard(), 20)

    event = world.register()
    cancelled.cancel("no need")
    world.advance(5)
    await world.settle()

    assert [(each.name, each.sub, each.fires) for each in about] == [
        (E_SUB_CREATED, expires.id, 0),
        (E_SUB_CREATED, cancelled.id, 0),
        (E_SUB_CANCELLED, cancelled.id, 0),
        (E_SUB_EXPIRED, expires.id, 1),
        (E_SUB_FIRED, expires.id, 1),
    ]
    fired = about[-1]
    assert (fired.call_uid, fired.cause_id, fired.latency_ms) == ("c1", event.id, 5000.0)
    assert {each.filter for each in about} == {"aor=bob@t1", "aor=carol@t1"}
    assert about[2].why == "no need"


async def test_a_subscription_to_what_happens_to_subscriptions_does_not_report_itself():
    world, heard = World(), Heard()
    world.bus.wanted = set()
    world.events.notify_on_event(E_SUB_FIRED, None, heard, 60, match_all=True)
    world.events.notify_on_event(CONTACTS, BOB, Heard(), 60)

    world.register()
    await world.settle()

    assert len(heard) == 1


async def test_what_nobody_waits_for_is_not_made():
    world = World()
    world.bus.wanted, world.bus.has_peers = set(), False
    world.events.notify_on_event(CONTACTS, BOB, Heard(), 5)

    world.register()
    world.advance(5)
    await world.settle()

    assert [event.name for event in world.bus.published] == [E_UL_CONTACT_INSERT]
    assert not world.events.wants(E_SUB_FIRED)


async def test_a_worker_has_room_for_so_many_and_says_once_a_second_that_it_is_full(monkeypatch):
    monkeypatch.setattr("sipcore.ebr.registry.MAX_SUBSCRIPTIONS", 3)
    world, told = World(), Heard()
    world.events.notify_on_event(E_LIMIT_HIT, None, told, 60, match_all=True)
    for _ in range(2):
        world.events.notify_on_event(CONTACTS, BOB, Heard(), 5)

    for _ in range(10):
        with pytest.raises(InvalidWord):
            world.events.notify_on_event(CONTACTS, BOB, Heard(), 5)
    world.advance(1)
    with pytest.raises(InvalidWord):
        world.events.notify_on_event(CONTACTS, BOB, Heard(), 5)
    await world.settle()

    assert MAX_SUBSCRIPTIONS >= 50_000
    assert world.events.count == 3
    assert len(told) == 2


@pytest.mark.acceptance("H106")
async def test_the_wall_clock_may_jump():
    world, heard = World(), Heard()
    world.events.notify_on_event(CONTACTS, BOB, heard, 20)

    world.events._epoch = lambda: 1_700_000_000.0 - 3600
    world.advance(19.999)
    event = world.register()
    world.advance(0.001)
    world.register()
    await world.settle()

    assert heard == [event.id]
    assert world.events.count == 0


async def test_what_is_over_is_no_consequence_of_the_route_that_subscribed():
    world, told = World(), []
    world.bus.wanted = set()

    async def again(event, transaction):
        told.append(event)
        if len(told) < 2 * MAX_NESTING:
            world.events.notify_on_event(CONTACTS, BOB, Heard(), 1)

    # Timers as asyncio sets them: each in the context of whoever sets it.
    set_timer = world.events._deadlines._call_at
    world.events._deadlines._call_at = lambda when, then: set_timer(when, partial(copy_context().run, then))
    world.events.notify_on_event(E_SUB_EXPIRED, None, again, 300, match_all=True)
    world.events.notify_on_event(CONTACTS, BOB, Heard(), 1)
    for _ in range(2 * MAX_NESTING):
        world.advance(1)
        await world.settle()

    assert len(told) == 2 * MAX_NESTING
    assert {(event.depth, event.cause_id) for event in told} == {(1, "")}
