"""Events between workers, to the feed and into the log."""

import pytest

from sipcore.contract.events import (
    E_CALL_PICKUP,
    E_CALL_RINGING,
    E_NODE_UP,
    E_SUB_CANCELLED,
    E_UL_CONTACT_INSERT,
    E_UL_CONTACT_UPDATE,
    E_WAIT_CLOSED,
)
from sipcore.contract.keys import FREQUENT_AWAITED, subscription, subscription_index, subscriptions_of
from sipcore.contract.records import from_json
from sipcore.contract.subscriptions import SubscriptionRecord
from sipcore.ebr import glob, gt, one_of

from .worlds import until

CONTACTS = (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE)


async def subscribe(worker, *records):
    for record in records:
        worker.bus.subscribe(record)
    await worker.bus.subscribed()


@pytest.mark.acceptance("H100")
async def test_an_event_reaches_the_worker_that_waits_for_it(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    waiting = world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w1")
    await subscribe(first, waiting)
    event = world.event(E_UL_CONTACT_UPDATE, {"aor": "bob@t1", "binding": {"key": "m1"}, "expires": 5}, call_uid="c1")

    second.bus.publish(event)

    await until(lambda: first.delivered)
    assert first.delivered == [(waiting.id, event)]
    assert second.delivered == []


@pytest.mark.parametrize(
    ("_case", "events", "filter", "attributes", "expected"),
    [
        ("indexed", CONTACTS, {"aor": "bob@t1"}, {"aor": "bob@t1"}, True),
        ("another value", CONTACTS, {"aor": "bob@t1"}, {"aor": "carol@t1"}, False),
        ("another event", E_UL_CONTACT_UPDATE, {"aor": "bob@t1"}, {"aor": "bob@t1"}, False),
        (
            "indexed and more",
            CONTACTS,
            {"aor": "bob@t1", "expires_in": gt(0)},
            {"aor": "bob@t1", "expires_in": 1},
            True,
        ),
        (
            "indexed, the rest not",
            CONTACTS,
            {"aor": "bob@t1", "expires_in": gt(0)},
            {"aor": "bob@t1", "expires_in": 0},
            False,
        ),
        ("pattern", CONTACTS, "aor=*@t1", {"aor": "bob@t1"}, True),
        ("pattern, not", CONTACTS, {"aor": glob("b?b@t1")}, {"aor": "bobby@t1"}, False),
        ("choice", CONTACTS, {"aor": one_of("bob@t1", "carol@t1")}, {"aor": "carol@t1"}, True),
        ("everything", CONTACTS, None, {"aor": "anybody@t9"}, True),
        ("star is a user", CONTACTS, {"aor": "*@t1"}, {"aor": "bob@t1"}, False),
    ],
)
async def test_what_reaches_another_worker(world, _case, events, filter, attributes, expected):
    first, second = await world.worker("w1"), await world.worker("w2")
    mark = world.subscription(E_NODE_UP, {"worker": "mark"}, owner="w1")
    tested = world.subscription(events, filter, owner="w1")
    await subscribe(first, tested, mark)

    second.bus.publish(world.event(E_UL_CONTACT_INSERT, attributes))
    second.bus.publish(world.event(E_NODE_UP, {"worker": "mark"}))

    await until(lambda: mark.id in [sub for sub, _ in first.delivered])
    assert (tested.id in [sub for sub, _ in first.delivered]) is expected


async def test_a_pickup_finds_its_subscription_by_call_and_by_group(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    by_call = world.subscription(E_CALL_PICKUP, {"call": "c1"}, owner="w1")
    by_group = world.subscription(E_CALL_PICKUP, {"group": "1"}, owner="w1")
    by_both = world.subscription(E_CALL_PICKUP, {"group": "1", "call": "c1"}, owner="w1")
    other = world.subscription(E_CALL_PICKUP, {"call": "c2"}, owner="w1")
    await subscribe(first, by_call, by_group, by_both, other)

    second.bus.publish(world.event(E_CALL_PICKUP, {"call": "c1", "group": "1", "picker": "dan@t1"}))

    await until(lambda: len(first.delivered) == 3)
    assert {sub for sub, _ in first.delivered} == {by_call.id, by_group.id, by_both.id}


async def test_events_arrive_in_the_order_in_which_they_were_raised(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    await subscribe(first, world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w1"))
    events = [world.event(CONTACTS[number % 2], {"aor": "bob@t1", "cseq": number}) for number in range(200)]

    for event in events:
        second.bus.publish(event)

    await until(lambda: len(first.delivered) == 200)
    assert [event for _, event in first.delivered] == events


@pytest.mark.acceptance("H102")
async def test_a_worker_is_not_told_of_its_own_events(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    await subscribe(first, world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w1"))
    await subscribe(second, world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w2"))

    first.bus.publish(world.event(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}))

    await until(lambda: second.delivered)
    assert first.delivered == []


async def test_a_subscription_that_has_ended_is_not_found(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    ended = world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w1")
    mark = world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w1")
    await subscribe(first, ended, mark)

    first.bus.unsubscribe(ended)
    await subscribe(first, world.subscription(CONTACTS, {"aor": "carol@t1"}, owner="w1"))
    second.bus.publish(world.event(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}))

    await until(lambda: first.delivered)
    assert [sub for sub, _ in first.delivered] == [mark.id]


async def test_what_has_expired_is_not_found(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    short = world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w1", seconds=20)
    long = world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w1", seconds=60)
    await subscribe(first, short, long)

    world.now += 20
    second.bus.publish(world.event(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}))

    await until(lambda: first.delivered)
    assert [sub for sub, _ in first.delivered] == [long.id]


async def test_peers_come_and_go(world):
    first = await world.worker("w1")
    assert first.bus.has_peers is False
    second = await world.worker("w2")
    assert first.bus.has_peers is second.bus.has_peers is True

    await world.end(second)

    await until(lambda: not first.bus.has_peers)


async def test_every_event_is_logged(world):
    worker = await world.worker()
    events = [
        world.event(E_CALL_RINGING, {"callee": "bob@t1", "groups": ["1"]}, cause_id="e0"),
        world.event(E_WAIT_CLOSED, {}),
    ]

    for event in events:
        worker.bus.publish(event)

    await until(lambda: len(world.logged()) == 2)
    assert world.logged() == events


@pytest.mark.acceptance("H101")
async def test_without_the_store_events_are_kept_and_written_in_order_when_it_is_back(world):
    worker = await world.worker()
    before, *meanwhile, after = (world.event(E_WAIT_CLOSED, {"why": str(number)}) for number in range(500))
    worker.bus.publish(before)
    await until(lambda: world.logged())
    await world.go_away()
    record = world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w1")

    for event in meanwhile:
        worker.bus.publish(event)
    worker.bus.subscribe(record)
    await worker.bus.subscribed()
    worker.bus.unsubscribe(record)

    await world.come_back()
    worker.bus.publish(after)
    await until(lambda: after in world.logged())
    assert world.logged()[-499:] == [*meanwhile, after]
    assert worker.bus.dropped == 0


# -- on Redis alone


async def test_odd_text_is_read_back_as_it_was(redis_world):
    world = redis_world
    worker = await world.worker()
    event = world.event(E_WAIT_CLOSED, {"why": '따옴표 " and \ud800'})

    worker.bus.publish(event)

    await until(lambda: world.logged())
    assert world.logged() == [event]


async def test_events_of_a_moment_reach_the_log_in_order_and_together(redis_world):
    world = redis_world
    worker = await world.worker()
    before = world.reader.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
    events = [world.event(E_WAIT_CLOSED, {"why": str(number)}) for number in range(20)]

    for event in events:
        worker.bus.publish(event)
    await until(lambda: world.logged())

    assert world.logged() == events
    assert world.reader.info("commandstats")["cmdstat_evalsha"]["calls"] - before < 5  # a heartbeat may be among them


async def test_what_is_for_handlers_only_is_not_shown(redis_world):
    world = redis_world
    worker = await world.worker()
    shown = world.event(E_WAIT_CLOSED, {"why": "x"})

    worker.bus.publish(world.event(E_SUB_CANCELLED, {"sub": "s1", "event": "E_X", "why": "tx-final"}))
    worker.bus.publish(shown)
    await until(lambda: world.logged())

    assert world.logged() == [shown]


async def test_a_subscription_lies_in_redis_while_it_lives_and_no_longer(redis_world):
    world = redis_world
    first, _ = await world.worker("w1"), await world.worker("w2")
    record = world.subscription(
        CONTACTS, {"aor": "bob@t1", "expires_in": gt(0)}, owner="w1", seconds=20, call_uid="c1", route="fork_call"
    )
    await subscribe(first, record)

    reader = world.reader
    keys = [subscription_index(name, "aor", "bob@t1") for name in CONTACTS]
    assert from_json(SubscriptionRecord, reader.get(subscription(record.id))) == record
    assert 19_000 < reader.pttl(subscription(record.id)) <= 20_000
    for key in keys:
        assert dict(reader.zrange(key, 0, -1, withscores=True)) == {record.id: record.expires_at}
        assert 20_000 < reader.pttl(key) <= 21_000
    assert reader.smembers(subscriptions_of("w1")) == {record.id}
    longer = world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w1", seconds=60)
    await subscribe(first, longer)
    shorter = world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w1", seconds=5)
    await subscribe(first, shorter)
    assert 60_000 < reader.pttl(keys[0]) <= 61_000

    for each in (record, longer, shorter):
        first.bus.unsubscribe(each)

    await until(lambda: not reader.keys("pbx:ebr:*"))


async def test_without_peers_a_short_life_is_not_written_at_all(redis_world):
    world = redis_world
    worker = await world.worker()
    short, long = (world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w1") for _ in range(2))
    await subscribe(worker, short, long)

    worker.bus.unsubscribe(short)
    assert world.subscriptions() == []

    await until(lambda: world.subscriptions())
    assert world.subscriptions() == [long.id]


async def test_what_has_not_been_written_is_written_when_a_peer_comes(redis_world):
    world = redis_world
    first = await world.worker("w1")
    record = world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w1")
    await subscribe(first, record)

    second = await world.worker("w2")
    await first.bus.subscribed()
    second.bus.publish(world.event(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}))

    await until(lambda: first.delivered)


async def test_a_subscription_whose_owner_does_not_listen_is_removed(redis_world):
    world = redis_world
    first, second = await world.worker("w1"), await world.worker("w2")
    await subscribe(first, world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w1"))
    await world.crash(first)

    second.bus.publish(world.event(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}))

    await until(lambda: not world.reader.keys("pbx:ebr:*"))


async def test_live_subscriptions_are_written_again_after_redis_lost_them(redis_world):
    world = redis_world
    first, second = await world.worker("w1"), await world.worker("w2")
    record = world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w1")
    ended = world.subscription(CONTACTS, {"aor": "carol@t1"}, owner="w1")
    await subscribe(first, record, ended)
    await world.go_away()
    first.bus.unsubscribe(ended)
    world.server.lose_everything()

    await world.come_back()

    await until(lambda: world.subscriptions() == [record.id])
    await until(lambda: second.bus.has_peers and first.bus.has_peers)
    second.bus.publish(world.event(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}))
    await until(lambda: first.delivered)


async def offers(worker, world, event, times=20):
    """How often the index was asked for these events; what is asked is answered by the time an UPDATE has been."""
    before = world.reader.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
    for _ in range(times):
        worker.bus.publish(event)
    await worker.store.pipe.execute("PING")
    return world.reader.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"] - before


async def test_the_index_is_asked_for_what_every_call_raises_only_while_somebody_waits_for_it(redis_world):
    world = redis_world
    first, second = await world.worker("w1"), await world.worker("w2")
    event = world.event(E_CALL_RINGING, {"callee": "bob@t1"})
    assert await offers(second, world, event) < 5  # writing the log, and heartbeats

    waiting = world.subscription(E_CALL_RINGING, {"callee": "bob@t1"}, owner="w1")
    await subscribe(first, waiting)
    await until(lambda: second.bus._frequent.are_awaited(E_CALL_RINGING))
    second.bus.publish(event)
    await until(lambda: first.delivered)

    assert first.delivered == [(waiting.id, event)]
    assert await offers(second, world, event) >= 20
    world.now += 30
    assert await offers(second, world, event) < 5, "nobody waits any longer"


async def test_what_is_frequent_is_waited_for_again_after_redis_has_lost_everything(redis_world):
    world = redis_world
    first, second = await world.worker("w1"), await world.worker("w2")
    waiting = world.subscription(E_CALL_RINGING, {"callee": "bob@t1"}, owner="w1", seconds=300)
    await subscribe(first, waiting)
    await until(lambda: second.bus._frequent.are_awaited(E_CALL_RINGING))

    await world.go_away()
    world.server.lose_everything()
    await world.come_back()
    await until(lambda: world.reader.zscore(FREQUENT_AWAITED, E_CALL_RINGING))
    await until(lambda: second.bus.has_peers and second.bus._frequent.are_awaited(E_CALL_RINGING), seconds=20)
    second.bus.publish(world.event(E_CALL_RINGING, {"callee": "bob@t1"}))

    await until(lambda: first.delivered)


async def test_whether_another_worker_waits_can_be_asked_without_raising_anything(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    waiting = world.subscription(CONTACTS, {"aor": "bob@t1"}, owner="w1")
    await subscribe(first, waiting)
    asked = []

    for bus, aor in ((second.bus, "carol@t1"), (first.bus, "bob@t1"), (second.bus, "bob@t1")):
        bus.when_awaited(E_UL_CONTACT_UPDATE, {"aor": aor}, lambda who=(bus, aor): asked.append(who))

    await until(lambda: asked)
    assert asked == [(second.bus, "bob@t1")]
    assert first.delivered == [] and world.logged() == []
