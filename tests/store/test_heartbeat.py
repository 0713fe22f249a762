"""Who is alive, and what becomes of what the dead leave behind."""

import asyncio

from sipcore.contract.events import E_UL_CONTACT_INSERT
from sipcore.contract.keys import CALLS_FEED, SHARED_SECRET, WORKERS
from sipcore.contract.keys import worker as worker_key
from sipcore.ebr import compile_conditions
from sipcore.store.heartbeat import LIFE
from sipcore.store.redis_store import RedisStore

from .worlds import until


async def test_a_worker_says_that_it_lives_and_what_people_want_to_know(redis_world):
    world = redis_world

    await world.worker("w1", facts=lambda: {"address": "192.0.2.1:5060", "calls": 3})

    assert world.reader.hgetall(worker_key("w1")) == {
        "seen": str(round(world.now)),
        "address": "192.0.2.1:5060",
        "calls": "3",
    }
    assert 10 < world.reader.ttl(worker_key("w1")) <= 15
    assert world.reader.zscore(WORKERS, "w1") == world.now + LIFE


async def test_one_that_leaves_in_order_is_forgotten_at_once(redis_world):
    world = redis_world
    first, second = await world.worker("w1"), await world.worker("w2")
    assert first.store.heartbeat.peers == {"w2"}

    await world.end(second)

    await until(lambda: first.store.heartbeat.peers == frozenset())
    assert world.reader.zrange(WORKERS, 0, -1) == ["w1"]
    assert not world.reader.exists(worker_key("w2"))


async def test_a_dead_worker_is_swept_by_exactly_one(redis_world):
    world, lost = redis_world, []
    dead = await world.worker("dead")
    others = [
        await world.worker(name, worker_lost=lambda worker, name=name: lost.append((name, worker)))
        for name in ("w1", "w2", "w3")
    ]
    dead.board.put(world.call("c1", worker="dead"))
    dead.board.put(world.call("c2", worker="dead", state="answered"))
    others[0].board.put(alive := world.call("c3"))
    record = world.subscription(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}, owner="dead")
    dead.bus.subscribe(record)
    await dead.bus.subscribed()
    await until(lambda: len(world.shown()) == 3)
    await world.crash(dead)
    feed = world.reader.pubsub()
    feed.subscribe(CALLS_FEED)

    world.now += LIFE - 1
    for other in others:
        await other.store.heartbeat.beat()
    assert len(world.shown()) == 3
    world.now += 1.1
    await asyncio.gather(*(other.store.heartbeat.beat() for other in others))

    assert world.shown() == {"c3": alive}
    assert [(call.uid, call.state, call.reason, call.ended_at) for call in world.recorded()] == [
        ("c1", "ended", "lost", world.now),
        ("c2", "ended", "lost", world.now),
    ]
    await until(lambda: not world.reader.keys("pbx:ebr:*"))
    assert [worker for _, worker in lost] == ["dead"]
    assert all("dead" not in other.store.heartbeat.peers for other in others)
    messages = [message for message in iter(feed.get_message, None) if message["type"] == "message"]
    assert len(messages) == 2
    feed.close()


async def test_a_worker_that_starts_again_ends_the_calls_of_its_earlier_life(redis_world):
    world = redis_world
    other = await world.worker("w2")
    before = await world.worker("w1")
    before.board.put(world.call("c1"))
    other.board.put(kept := world.call("c2", worker="w2"))
    before.bus.subscribe(world.subscription(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}, owner="w1"))
    await before.bus.subscribed()
    await until(lambda: len(world.shown()) == 2)
    await world.crash(before)
    world.now += 1

    await world.worker("w1")

    assert world.shown() == {"c2": kept}
    assert [(call.uid, call.reason) for call in world.recorded()] == [("c1", "lost")]
    assert world.subscriptions() == []


async def test_a_call_of_nobody_is_swept_at_the_next_start(redis_world):
    world = redis_world
    ghost = await world.worker("ghost")
    ghost.board.put(world.call("c1", worker="ghost"))
    await until(lambda: world.shown())
    await world.crash(ghost)
    world.reader.delete(WORKERS)  # its sweeper won, and died

    await world.worker("w1")

    assert world.shown() == {}
    assert [call.uid for call in world.recorded()] == ["c1"]


async def test_nobody_is_taken_for_dead_because_redis_was_away(redis_world):
    world, lost = redis_world, []
    first = await world.worker("w1", worker_lost=lost.append)
    second = await world.worker("w2", worker_lost=lost.append)
    second.board.put(call := world.call("c1", worker="w2"))
    await until(lambda: world.shown())
    await world.go_away()
    world.now += 60

    await world.come_back()
    await first.store.heartbeat.beat()

    assert first.store.heartbeat.peers == {"w2"}
    await second.store.heartbeat.beat()
    world.now += LIFE - 1
    await second.store.heartbeat.beat()
    world.now += 2
    await first.store.heartbeat.beat()
    assert lost == []
    assert world.shown() == {"c1": call}


async def test_one_that_was_taken_for_dead_comes_back_with_what_it_has(redis_world):
    world = redis_world
    first, second = await world.worker("w1"), await world.worker("w2")
    second.board.put(call := world.call("c1", worker="w2"))
    second.bus.subscribe(record := world.subscription(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}, owner="w2", seconds=100))
    await second.bus.subscribed()
    await until(lambda: world.shown())
    world.now += LIFE + 1  # it stood still for that long
    await first.store.heartbeat.beat()
    assert world.shown() == {}

    await second.store.heartbeat.beat()

    await until(lambda: world.shown() == {"c1": call})
    await until(lambda: world.subscriptions() == [record.id])


async def test_all_workers_share_one_secret(redis_world):
    world = redis_world
    workers = [await world.worker(f"w{number}") for number in range(3)]

    secrets = await asyncio.gather(*(worker.store.heartbeat.shared_secret() for worker in workers))

    assert len(set(secrets)) == 1
    assert len(secrets[0]) == 32
    await world.go_away()
    assert await workers[0].store.heartbeat.shared_secret() == secrets[0]
    world.server.lose_everything()
    await world.come_back()
    await until(lambda: world.reader.get(SHARED_SECRET) == secrets[0].hex())


async def test_a_worker_starts_without_redis_and_lives_once_it_is_there(redis_world):
    world = redis_world
    world.server.kill()
    store = RedisStore(world.url, "w2", world.epoch, compile_conditions=compile_conditions, deliver=lambda s, e: None)
    assert await store.start(wait=0.05) is False
    store.call_board.put(call := world.call("c1", worker="w2"))

    world.server.start()

    await until(lambda: world.shown() == {"c1": call})
    await until(lambda: world.reader.zscore(WORKERS, "w2"))
    assert world.recorded() == []
    await store.close()
