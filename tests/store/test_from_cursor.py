"""Subscriptions that begin in the past: nothing missing, nothing twice, whoever raises and whatever the connection does."""

import asyncio

import pytest

from sipcore.contract.event_log import Retention
from sipcore.contract.events import E_CALL_ENDED, E_NODE_UP, E_SUB_CREATED, E_WAIT_CLOSED
from sipcore.contract.keys import EVENTS_LOG
from sipcore.errors import InvalidWord
from sipcore.store import log_follower

from .test_redis_store import routing_on
from .worlds import until


class Heard(list):
    """A route that writes down the reasons and cursors of what it is run for."""

    __name__ = "heard"

    def __call__(self, event, bound_to):
        self.append((event.why, event.cursor))

    @property
    def whys(self):
        return [int(why) for why, _ in self]


def close(routing, *whys):
    for why in whys:
        routing.raise_event(E_WAIT_CLOSED, {"why": str(why)})


async def cursors(world, count):
    await until(lambda: len(world.logged()) >= count)
    return {int(event.why): event.cursor for event in world.logged() if event.name == E_WAIT_CLOSED}


@pytest.mark.acceptance("H18")
async def test_a_subscription_from_a_cursor_hears_what_follows_it_and_then_what_comes(world):
    worker = await world.worker()
    routing, heard = routing_on(worker, world), Heard()
    close(routing, *range(101, 111))
    known = await cursors(world, 10)

    routing.notify_on_event(E_WAIT_CLOSED, None, heard, 20, match_all=True, from_cursor=known[105])
    close(routing, 111, 112)  # raised before anything has been read
    await until(lambda: 112 in heard.whys)
    close(routing, 113)
    await until(lambda: 113 in heard.whys)

    assert heard.whys == [106, 107, 108, 109, 110, 111, 112, 113]
    assert [cursor for _, cursor in heard[:5]] == [known[number] for number in range(106, 111)]


async def test_the_filter_holds_for_the_past_too_and_the_end_of_the_subscription_is_its_end(world):
    worker = await world.worker()
    routing, heard = routing_on(worker, world), Heard()
    close(routing, 1, 2, 1)
    routing.raise_event(E_CALL_ENDED, {"reason": "1"})
    await until(lambda: len(world.logged()) == 4)

    twice = routing.notify_on_event(E_WAIT_CLOSED, {"why": "1"}, heard, 20, max_fires=3, from_cursor="0-0")
    await until(lambda: len(heard) == 2)
    close(routing, 2, 1, 1)

    await until(lambda: not twice.is_live and len(world.logged()) == 7)
    await asyncio.sleep(0.05)
    assert heard.whys == [1, 1, 1]


async def test_from_now_on_is_the_end_of_the_log(world):
    worker = await world.worker()
    routing, heard = routing_on(worker, world), Heard()
    close(routing, 1)
    await cursors(world, 1)

    routing.notify_on_event(E_WAIT_CLOSED, None, heard, 20, match_all=True, from_cursor="$")
    await asyncio.sleep(0.1)
    close(routing, 2)

    await until(lambda: heard)
    assert heard.whys == [2]


async def test_a_handler_that_is_slow_makes_the_log_wait(world):
    worker = await world.worker()
    routing = routing_on(worker, world)
    close(routing, *range(1_000))
    await until(lambda: len(world.logged()) == 1_000)
    whys, go_on = [], asyncio.Event()

    async def slow(event, bound_to):
        whys.append(int(event.why))
        await go_on.wait()

    routing.notify_on_event(E_WAIT_CLOSED, None, slow, 20, match_all=True, from_cursor="0-0", bound_to="T")
    await until(lambda: whys)
    await asyncio.sleep(0.1)
    assert whys == [0]
    go_on.set()

    await until(lambda: len(whys) == 1_000)
    assert whys == list(range(1_000))
    assert routing.dropped == 0


async def test_a_handler_may_raise_what_it_hears(world):
    worker = await world.worker()
    routing, whys = routing_on(worker, world), []

    def handle(event, bound_to):
        whys.append(int(event.why))
        if len(whys) < 4:
            routing.raise_event(E_WAIT_CLOSED, {"why": str(len(whys))})

    routing.notify_on_event(E_WAIT_CLOSED, None, handle, 20, match_all=True, from_cursor="0-0")
    close(routing, 0)

    await until(lambda: len(whys) == 4)
    await asyncio.sleep(0.05)
    assert whys == [0, 1, 2, 3]


async def test_what_cannot_be_a_cursor_is_refused(world):
    routing = routing_on(await world.worker(), world)

    for cursor in ("yesterday", "1", "1-", 105, "1-2-3"):
        with pytest.raises(InvalidWord, match="from_cursor is the cursor of an event"):
            routing.notify_on_event(E_NODE_UP, None, print, 20, match_all=True, from_cursor=cursor)
    with pytest.raises(InvalidWord, match="not in the event log"):
        routing.notify_on_event(E_SUB_CREATED, None, print, 20, match_all=True, from_cursor="0-0")
    assert routing.count == 0


# -- on Redis alone


async def test_events_of_all_workers_are_heard_in_one_order_while_they_are_raised(redis_world, monkeypatch):
    monkeypatch.setattr(log_follower, "STEP", 7)
    world = redis_world
    here, elsewhere = await world.worker("w1"), await world.worker("w2")
    reading, other = routing_on(here, world), routing_on(elsewhere, world)
    early, late = Heard(), Heard()
    reading.notify_on_event(E_WAIT_CLOSED, None, early, 20, match_all=True, from_cursor="0-0")

    for number in range(0, 300, 2):
        close(other, number)
        close(reading, number + 1)
        if number == 150:
            reading.notify_on_event(E_WAIT_CLOSED, None, late, 20, match_all=True, from_cursor="0-0")
        await asyncio.sleep(0.001)

    await until(lambda: len(early) == len(late) == 300)
    in_the_log = [(event.why, event.cursor) for event in world.logged()]
    assert early == late == in_the_log
    assert sorted(early.whys) == list(range(300))


@pytest.mark.acceptance("H101")
async def test_nothing_is_missing_and_nothing_heard_twice_after_redis_was_away(redis_world):
    world = redis_world
    worker = await world.worker()
    routing, heard = routing_on(worker, world), Heard()
    routing.notify_on_event(E_WAIT_CLOSED, None, heard, 20, match_all=True, from_cursor="0-0")
    close(routing, 0, 1)
    await until(lambda: len(heard) == 2)

    await world.go_away()
    close(routing, 2, 3)
    await world.come_back()
    close(routing, 4)

    await until(lambda: len(heard) >= 5)
    assert heard.whys == [0, 1, 2, 3, 4]


async def test_a_cursor_that_the_log_no_longer_reaches_back_to_is_said(redis_world):
    world = redis_world
    worker = await world.worker(retention=Retention(entries=1_000))
    routing, heard = routing_on(worker, world), Heard()
    close(routing, *range(3_000))
    await until(lambda: worker.bus.log.waiting == 0)

    routing.notify_on_event(E_WAIT_CLOSED, None, heard, 20, match_all=True, from_cursor="1-0")

    await until(lambda: heard and heard.whys[-1] == 2_999)
    await until(lambda: [event for event in world.logged() if event.name == "E_LIMIT_HIT"])
    assert len(heard) < 1_300


async def test_an_entry_that_cannot_be_read_stands_in_nobodys_way(redis_world):
    world = redis_world
    worker = await world.worker()
    routing, heard = routing_on(worker, world), Heard()
    world.reader.xadd(EVENTS_LOG, {"event": "{"})
    world.reader.xadd(EVENTS_LOG, {"other": "x"})

    routing.notify_on_event(E_WAIT_CLOSED, None, heard, 20, match_all=True, from_cursor="0-0")
    close(routing, 1)

    await until(lambda: heard.whys == [1])


async def test_nobody_who_follows_is_no_connection(redis_world):
    world = redis_world
    worker = await world.worker()
    routing = routing_on(worker, world)

    def names():
        return [client["name"] for client in world.reader.client_list()]

    following = routing.notify_on_event(E_WAIT_CLOSED, None, print, 20, match_all=True, from_cursor="$")
    await until(lambda: "w1-log" in names())
    following.cancel()

    await until(lambda: "w1-log" not in names())
