"""A whole worker's store, with event-based routing on top, through the death of the server."""

import asyncio
import itertools

import pytest

from sipcore.contract.events import E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE
from sipcore.ebr import EventRouting

from .worlds import bind, until

CONTACTS = (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE)

SINCE_7_0_OR_BEFORE = {
    *("auth", "client", "command", "config", "del", "echo", "eval", "evalsha", "exists", "expire", "expireat"),
    *("expiretime", "flushall", "get", "hdel", "hello", "hget", "hgetall", "hset", "hvals", "incr", "incrby", "info"),
    *("keys", "llen", "lrange", "pexpire", "ping", "pttl", "publish", "pubsub", "rpush", "sadd", "script", "select"),
    *(
        "set",
        "smembers",
        "srem",
        "subscribe",
        "ttl",
        "unlink",
        "unsubscribe",
        "xadd",
        "xlen",
        "xrange",
        "xtrim",
        "zadd",
    ),
    *("zrange", "zrangebyscore", "zrem", "zscore"),
}


def routing_on(worker, world):
    """Event-based routing of one worker, on real time."""
    loop, ids, tasks = asyncio.get_running_loop(), itertools.count(1), set()

    def run(coroutine):
        task = loop.create_task(coroutine)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    routing = EventRouting(
        worker.bus, worker.name, lambda: f"{worker.name}-{next(ids)}", loop.time, world.epoch, run, loop.call_at
    )
    worker.bus.deliver = routing.deliver
    return routing


@pytest.mark.acceptance("H100")
async def test_a_phone_that_registers_elsewhere_ends_the_waiting_here(redis_world):
    world = redis_world
    here, elsewhere = await world.worker("w1"), await world.worker("w2")
    waiting_here, raising_there = routing_on(here, world), routing_on(elsewhere, world)
    phone = world.binding(worker="w2")

    waiting = asyncio.ensure_future(waiting_here.wait_for_event(CONTACTS, {"aor": "bob@t1"}, 20, bound_to="T"))
    await until(lambda: world.subscriptions())
    await elsewhere.location.update("bob@t1", bind(phone))
    raising_there.raise_event(E_UL_CONTACT_INSERT, {"aor": "bob@t1", "key": "m1", "binding": {"key": "m1", "q": 1.0}})

    result = await waiting
    assert result.outcome == "match"
    assert result.event.binding == {"key": "m1", "q": 1.0}
    assert result.event.node == "w2"
    assert await here.location.lookup("bob@t1", fresh=True) == (phone,)
    await until(lambda: not world.subscriptions())


@pytest.mark.acceptance("H101")
@pytest.mark.parametrize("loses_everything", [False, True])
async def test_routing_goes_on_without_redis_and_between_workers_after_it(redis_world, loses_everything):
    world, again = redis_world, []
    here = await world.worker("w1", look_again=lambda: again.append(here.store.is_available))
    elsewhere = await world.worker("w2")
    waiting_here, raising_there = routing_on(here, world), routing_on(elsewhere, world)
    heard = []
    waiting_here.notify_on_event(CONTACTS, {"aor": "bob@t1"}, lambda event, t: heard.append(event.node), 20)
    await here.bus.subscribed()
    assert again == [True]  # it has learnt that it is not alone
    again.clear()
    await world.go_away()

    waiting_here.raise_event(E_UL_CONTACT_INSERT, {"aor": "bob@t1"})
    await until(lambda: heard == ["w1"])
    raising_there.raise_event(E_UL_CONTACT_INSERT, {"aor": "bob@t1"})
    waiting_here.notify_on_event(CONTACTS, {"aor": "carol@t1"}, lambda event, t: heard.append("carol"), 20)
    await here.bus.subscribed()
    if loses_everything:
        world.server.lose_everything()
    await world.come_back()

    await until(lambda: again and all(again))
    await until(lambda: len(world.subscriptions()) == 2)
    raising_there.raise_event(E_UL_CONTACT_UPDATE, {"aor": "carol@t1"})
    await until(lambda: len(heard) == 2)
    assert heard == ["w1", "carol"]  # what was raised elsewhere meanwhile is not replayed; the look finds it
    assert elsewhere.bus.dropped == 0
    await until(lambda: len(world.logged()) == 3)  # nor is it lost


async def test_a_thousand_subscriptions_leave_nothing_behind(redis_world):
    world = redis_world
    here, _ = await world.worker("w1"), await world.worker("w2")
    routing = routing_on(here, world)
    transactions = [object() for _ in range(1000)]
    for number, transaction in enumerate(transactions):
        routing.notify_on_event(CONTACTS, {"aor": f"{number}@t1"}, print, 20, bound_to=transaction)
    await here.bus.subscribed()
    assert len(world.subscriptions()) == 1000

    for transaction in transactions:
        assert routing.release(transaction, "tx-final") == 1
    await here.store.pipe.execute("PING")

    assert world.reader.keys("pbx:ebr:*") == []
    assert routing.count == 0
    assert here.store.pipe.errors == here.store.pipe.dropped == 0


async def test_commands_of_redis_7_0_are_enough(redis_world):
    """Nothing of what has been used is newer: each command is in the list of Redis 7.0."""
    world = redis_world
    used = {name.removeprefix("cmdstat_").split("|")[0] for name in world.reader.info("commandstats")}

    assert used <= SINCE_7_0_OR_BEFORE
