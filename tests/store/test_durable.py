"""Durable subscriptions: kept for all workers, and claimed by one of them."""

from __future__ import annotations

import asyncio

import pytest

from sipcore.contract.events import E_UL_CONTACT_INSERT
from sipcore.contract.keys import DURABLE, durable_fires, durable_seen, subscription
from sipcore.ebr import any_of, glob
from sipcore.errors import StoreUnavailable

from .worlds import until


def durable(world, filter=None, **fields):
    fields = {"seconds": 3600.0, "kind": "durable", "bind": "none", "route": "came"} | fields
    return world.subscription(E_UL_CONTACT_INSERT, filter or {"aor": "bob@t1"}, owner="w1", **fields)


@pytest.mark.acceptance("H17")
async def test_what_one_worker_keeps_all_workers_have(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    told = []
    second.durables.changed = told.append
    filter = any_of({"aor": glob("b*@t1")}, {"transport": "tls", "aor": "bob@t2"})
    record = durable(world, filter, max_fires=3, dedup="key", context=["alice", {"at": 1}], on_expire="nobody")

    await first.durables.add(record)

    await until(lambda: record.id in told)
    [kept] = await second.durables.all()
    assert await second.durables.some([record.id, "s0"]) == [kept]
    assert (kept.id, kept.events, kept.max_fires, kept.dedup, kept.context, kept.on_expire) == (
        record.id,
        record.events,
        3,
        "key",
        ["alice", {"at": 1}],
        "nobody",
    )
    assert kept.filter == record.filter


async def test_it_is_gone_when_its_time_is_over(world):
    worker = await world.worker("w1")
    await worker.durables.add(durable(world, seconds=60.0))
    await worker.durables.add(later := durable(world, seconds=120.0))

    world.now += 60.0

    assert [record.id for record in await worker.durables.all()] == [later.id]


async def test_exactly_one_takes_it_away(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    told = []
    second.durables.changed = told.append
    record = durable(world)
    await first.durables.add(record)
    told.clear()

    removed = await asyncio.gather(*(each.durables.remove(record.id) for each in (first, second, first)))

    assert sorted(removed) == [False, False, True]
    await until(lambda: record.id in told)
    assert await second.durables.all() == await second.durables.some([record.id]) == []
    assert not await second.durables.claim(record, "")


async def test_it_fires_no_more_often_than_it_may_on_all_workers_together(world):
    workers = [await world.worker(name) for name in ("w1", "w2")]
    record = durable(world, max_fires=3)
    await workers[0].durables.add(record)

    claims = await asyncio.gather(*(workers[number % 2].durables.claim(record, "") for number in range(10)))

    assert sum(claims) == 3
    assert await workers[1].durables.all() == []


async def test_each_value_is_claimed_once(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    record = durable(world, dedup="key")
    await first.durables.add(record)

    claims = [
        await each.durables.claim(record, f"={value}")
        for each, value in ((first, "m1"), (second, "m1"), (second, ""), (first, ""), (first, "m2"))
    ]

    assert claims == [True, False, True, False, True]


async def test_without_the_store_nothing_is_kept_or_claimed(world):
    worker = await world.worker("w1")
    record = durable(world, max_fires=1)
    await worker.durables.add(record)
    await world.go_away()

    for attempt in (
        worker.durables.add(durable(world)),
        worker.durables.remove(record.id),
        worker.durables.all(),
        worker.durables.claim(record, ""),
    ):
        with pytest.raises(StoreUnavailable):
            await attempt


async def test_there_are_no_more_than_each_worker_can_hold(world, monkeypatch):
    for room in ("durable", "memory"):
        monkeypatch.setattr(f"sipcore.store.{room}.MAX_DURABLE", 2)
    worker = await world.worker("w1")
    assert await worker.durables.add(durable(world, seconds=60.0))
    assert await worker.durables.add(durable(world))
    assert not await worker.durables.add(durable(world))

    world.now += 60.0  # one has ended, whoever was told

    assert await worker.durables.add(durable(world))


async def test_nothing_of_it_is_without_an_end(redis_world):
    worker = await redis_world.worker("w1")
    record = durable(redis_world, dedup="key", max_fires=5)
    await worker.durables.add(record)
    assert await worker.durables.claim(record, "=m1")

    keys = (subscription(record.id), durable_fires(record.id), durable_seen(record.id))
    assert all(0 < redis_world.reader.ttl(key) <= 3600 for key in keys)

    await worker.durables.remove(record.id)
    assert not redis_world.reader.exists(*keys, DURABLE)
