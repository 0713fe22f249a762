"""What is said of live subscriptions, and that it is bounded."""

import asyncio

import pytest

from sipcore.contract.events import E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE, Event
from sipcore.contract.inquiries import MOST_LISTED
from sipcore.contract.records import to_dict
from sipcore.ebr import Inspection, any_of
from sipcore.ebr.inspection import STEP

from .world import World, contact


def inspected(world):
    return Inspection(world.events, lambda: world.now)


def subscribe(world, count=1, **filter):
    return [
        world.events.notify_on_event(E_UL_CONTACT_INSERT, filter or {"aor": f"{n}@t1"}, print, 20) for n in range(count)
    ]


def event(**attributes):
    return to_dict(Event("e1", E_UL_CONTACT_INSERT, 1.0, "web", contact(**attributes)))


async def test_time_left_follows_the_clock_that_the_deadline_is_of():
    world = World()
    subscribe(world)

    world.advance(15)

    (item,) = (await inspected(world).list_live({}))["items"]
    assert item["left"] == 5.0


async def test_one_answer_tells_so_many_and_counts_all():
    world = World()
    subscribe(world, MOST_LISTED + 50)

    answer = await inspected(world).list_live({"limit": 10**9})

    assert (len(answer["items"]), answer["total"]) == (MOST_LISTED, MOST_LISTED + 50)


async def test_those_that_match_are_told_before_the_others_whatever_the_limit():
    world = World()
    subscribe(world, 1, aor="bob@t1")
    subscribe(world, 30)

    answer = await inspected(world).match({"event": event(aor="bob@t1"), "limit": 3})

    assert (answer["total"], answer["matches"]) == (31, 1)
    assert [item["matches"] for item in answer["items"]] == [True, False, False]


async def test_one_of_several_filters_is_told_as_one_condition():
    world = World()
    world.events.notify_on_event(E_UL_CONTACT_INSERT, any_of({"aor": "a@t1"}, {"aor": "b@t1"}), print, 20)

    (item,) = (await inspected(world).match({"event": event(aor="c@t1")}))["items"]

    assert (item["matches"], item["failed"]) == (False, [0])


async def test_an_event_of_another_name_concerns_nobody():
    world = World()
    world.events.notify_on_event(E_UL_CONTACT_UPDATE, {"aor": "bob@t1"}, print, 20)

    assert (await inspected(world).match({"event": event(aor="bob@t1")}))["total"] == 0


@pytest.mark.parametrize("wanted", ["nothing of that name", None, 7])
async def test_what_is_not_live_is_not_cancelled(wanted):
    world = World()
    subscribe(world)

    assert inspected(world).cancel({"sub": wanted}) == {"cancelled": False}
    assert world.events.count == 1


async def test_what_was_matched_and_not_handled_is_not_handled_any_more():
    world, heard = World(), []
    subscription = world.events.notify_on_event(
        E_UL_CONTACT_INSERT, {"aor": "bob@t1"}, lambda *_: heard.append(1), 20, bound_to="T"
    )
    world.register()

    assert inspected(world).cancel({"sub": subscription.id})["cancelled"]

    await world.settle()
    assert heard == []


async def test_calls_have_their_turn_while_an_answer_is_found():
    world, turns = World(), 0
    subscribe(world, 10 * STEP)

    answering = asyncio.ensure_future(inspected(world).list_live({"text": "nobody"}))
    while not answering.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns >= 10
