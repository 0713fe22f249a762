"""The directory: local copies of what Django published."""

import asyncio

import pytest

from sipcore.contract.directory import PickupGroupRecord, SubscriberRecord
from sipcore.errors import DirectoryNotReady, StoreUnavailable

BOB = SubscriberRecord("bob@t1", "bob", "t1", {"MD5": "0" * 32}, "Bob 밥", pickup_groups=("1",), revision=1)
SALES = PickupGroupRecord("1", "Sales", "*81", "after_answer")


async def test_not_published_is_not_unknown(world):
    worker = await world.worker()

    with pytest.raises(DirectoryNotReady):
        await worker.directory.subscriber("bob@t1")
    with pytest.raises(DirectoryNotReady):
        await worker.directory.group("1")

    await world.publish(SALES, ready=False)
    assert await worker.directory.group("1") == SALES
    await world.publish(BOB)
    assert await worker.directory.subscriber("bob@t1") == BOB
    assert await worker.directory.subscriber("carol@t1") is None
    assert await worker.directory.group("2") is None


async def test_a_change_is_seen_and_so_is_a_deletion(world):
    worker = await world.worker()
    await world.publish(BOB, SALES)
    assert await worker.directory.subscriber("bob@t1") == BOB
    assert await worker.directory.group("1") == SALES
    assert await worker.directory.subscriber("carol@t1") is None
    disabled = SubscriberRecord("bob@t1", "bob", "t1", {}, enabled=False, revision=2)
    carol = SubscriberRecord("carol@t1", "carol", "t1", {})
    renamed = PickupGroupRecord("1", "Sales and support")

    await world.publish(disabled, carol, renamed)

    assert await worker.directory.subscriber("bob@t1") == disabled
    assert await worker.directory.subscriber("carol@t1") == carol
    assert await worker.directory.group("1") == renamed
    await world.unpublish("bob@t1")
    assert await worker.directory.subscriber("bob@t1") is None


async def test_without_the_store_memory_answers(world):
    worker = await world.worker()
    await world.publish(BOB)
    assert await worker.directory.subscriber("bob@t1") == BOB
    assert await worker.directory.subscriber("carol@t1") is None

    await world.go_away()

    assert await worker.directory.subscriber("bob@t1") == BOB
    assert await worker.directory.subscriber("carol@t1") is None
    with pytest.raises(StoreUnavailable):
        await worker.directory.subscriber("dan@t1")
    await world.come_back()
    assert await worker.directory.subscriber("dan@t1") is None
    assert await worker.directory.subscriber("bob@t1") == BOB


# -- on Redis alone


async def test_a_copy_costs_no_round_trip_and_does_not_suspend(redis_world):
    world = redis_world
    worker = await world.worker()
    await world.publish(BOB)
    await worker.directory.subscriber("bob@t1")
    await worker.directory.subscriber("carol@t1")

    for aor, expected in (("bob@t1", BOB), ("carol@t1", None)):
        with pytest.raises(StopIteration) as answer:
            worker.directory.subscriber(aor).send(None)
        assert answer.value.value == expected


async def test_many_questions_at_once_are_one_look(redis_world):
    world = redis_world
    worker = await world.worker()
    await world.publish(BOB)
    before = world.reader.info("commandstats")["cmdstat_get"]["calls"]

    answers = await asyncio.gather(*(worker.directory.subscriber("bob@t1") for _ in range(50)))

    assert answers == [BOB] * 50
    assert world.reader.info("commandstats")["cmdstat_get"]["calls"] - before == 2  # the record, and `ready`


async def test_a_record_that_changes_while_it_is_read_is_not_kept(redis_world):
    world = redis_world
    worker = await world.worker()
    await world.publish(BOB)
    reading = asyncio.ensure_future(worker.directory.subscriber("bob@t1"))
    await asyncio.sleep(0)
    worker.directory._heard(b"sub:bob@t1")

    assert await reading == BOB

    assert worker.directory._copies == {}
    assert await worker.directory.subscriber("bob@t1") == BOB
    assert list(worker.directory._copies) == ["sub:bob@t1"]


async def test_what_is_not_there_is_remembered_within_the_bound(redis_world):
    world = redis_world
    worker = await world.worker()
    worker.directory._cache_size = 10
    await world.publish(BOB)

    for number in range(30):
        assert await worker.directory.subscriber(f"{number}@t1") is None

    assert len(worker.directory._copies) == 10
    assert worker.directory._loading == {}


async def test_after_a_reconnect_everything_is_read_again(redis_world):
    world = redis_world
    worker = await world.worker()
    await world.publish(BOB)
    assert await worker.directory.subscriber("bob@t1") == BOB
    await world.go_away()
    world.server.start()
    changed = SubscriberRecord("bob@t1", "bob", "t1", {}, revision=2)
    world.reader.set("pbx:dir:sub:bob@t1", '{"aor":"bob@t1","username":"bob","realm":"t1","ha1":{},"revision":2}')

    await asyncio.wait_for(_available(worker), 5)

    assert await worker.directory.subscriber("bob@t1") == changed


async def _available(worker):
    while not worker.store.is_available:
        await asyncio.sleep(0.01)
