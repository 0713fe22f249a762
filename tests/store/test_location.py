"""The location service: bindings of all workers, through a copy in memory."""

import asyncio

import pytest

from sipcore.contract.keys import bindings as bindings_key
from sipcore.contract.location import Binding, BindingChanges, PushParameters
from sipcore.contract.records import from_json, replace
from sipcore.errors import RegisterRefused, StoreUnavailable

from .worlds import bind, unbind, until


async def test_nobody_has_registered(world):
    worker = await world.worker()

    assert await worker.location.lookup("bob@t1") == ()


async def test_what_is_registered_is_found_by_every_worker(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    phone = world.binding(
        instance_id="<urn:uuid:1>",
        path=("<sip:edge@192.0.2.9;lr>", "<sip:edge2;lr>"),
        methods=("INVITE", "MESSAGE"),
        push=PushParameters("fcm", "project", "0123456789abcdef"),
        connection="tcp-7",
        transport="tcp",
        user_agent='Phone "5" 전화',
        q=0.5,
        port=5060,
    )

    changes = await first.location.update("bob@t1", bind(phone))

    assert changes.inserted == (phone,)
    assert await first.location.lookup("bob@t1") == (phone,)
    assert await second.location.lookup("bob@t1") == (phone,)


async def test_best_q_first_then_newest(world):
    worker = await world.worker()
    old = world.binding(key="old")
    low = replace(world.binding(key="low", q=0.1), refreshed_at=world.now + 5)
    new = replace(world.binding(key="new"), refreshed_at=world.now + 2)

    await worker.location.update("bob@t1", bind(low, old, new))

    assert [binding.key for binding in await worker.location.lookup("bob@t1")] == ["new", "old", "low"]


async def test_what_has_expired_is_not_offered_but_still_there_to_be_removed(world):
    worker = await world.worker()
    short, long = world.binding(key="short", expires_in=60), world.binding(key="long", expires_in=3600)
    await worker.location.update("bob@t1", bind(short, long))

    world.now += 60

    assert await worker.location.lookup("bob@t1") == (long,)
    seen = []
    await worker.location.update("bob@t1", lambda current: seen.extend(current) or BindingChanges("bob@t1", current))
    assert set(seen) == {short, long}


async def test_a_refresh_replaces_and_a_removal_removes(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    phone, desk = world.binding(key="m1"), world.binding(key="p1")
    await first.location.update("bob@t1", bind(phone, desk))
    refreshed = replace(phone, cseq=2, expires_at=phone.expires_at + 60)

    await first.location.update(
        "bob@t1", lambda current: BindingChanges("bob@t1", (refreshed,), (), (refreshed,), (desk,))
    )

    assert await second.location.lookup("bob@t1") == (refreshed,)
    await first.location.update("bob@t1", unbind("bob@t1"))
    assert await first.location.lookup("bob@t1") == ()
    assert await second.location.lookup("bob@t1", fresh=True) == ()


async def test_a_fresh_look_sees_what_another_worker_has_just_stored(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    assert await second.location.lookup("bob@t1") == ()

    await first.location.update("bob@t1", bind(phone := world.binding()))

    assert await second.location.lookup("bob@t1", fresh=True) == (phone,)


async def test_a_copy_is_dropped_when_another_worker_changes_it(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    await first.location.update("bob@t1", bind(phone := world.binding()))
    assert await second.location.lookup("bob@t1") == (phone,)

    await second.location.update("bob@t1", unbind("bob@t1"))

    for _ in range(1000):
        if await first.location.lookup("bob@t1") == ():
            break
        await asyncio.sleep(0.002)
    assert await first.location.lookup("bob@t1") == ()


async def test_two_workers_that_change_one_aor_both_succeed(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    phones = [world.binding(key=f"m{number}") for number in range(8)]

    def add(phone):
        return lambda current: BindingChanges("bob@t1", (*current, phone), inserted=(phone,))

    await asyncio.gather(
        *((first, second)[number % 2].location.update("bob@t1", add(phone)) for number, phone in enumerate(phones[:4]))
    )
    await asyncio.gather(*(first.location.update("bob@t1", add(phone)) for phone in phones[4:]))

    assert set(await second.location.lookup("bob@t1", fresh=True)) == set(phones)


async def test_what_the_change_refuses_is_passed_on_and_nothing_is_written(world):
    worker = await world.worker()
    await worker.location.update("bob@t1", bind(phone := world.binding()))

    def refuse(current):
        raise RegisterRefused("an older CSeq", 500)

    with pytest.raises(RegisterRefused):
        await worker.location.update("bob@t1", refuse)

    assert await worker.location.lookup("bob@t1") == (phone,)
    await worker.location.update("bob@t1", unbind("bob@t1"))
    assert await worker.location.lookup("bob@t1", fresh=True) == ()


async def test_a_worker_finds_what_it_holds_when_it_expires(world):
    worker, other = await world.worker("w1"), await world.worker("w2")
    await worker.location.update("bob@t1", bind(world.binding(expires_in=60)))
    await worker.location.update("carol@t1", bind(world.binding("carol@t1", expires_in=90)))
    await worker.location.update("dan@t1", bind(world.binding("dan@t1", expires_in=60, worker="w2")))

    assert list(worker.location.expired(world.now + 59.9)) == []
    assert list(worker.location.expired(world.now + 60)) == ["bob@t1"]
    assert list(worker.location.expired(world.now + 60)) == ["bob@t1"]
    assert sorted(worker.location.expired(world.now + 90)) == ["bob@t1", "carol@t1"]
    await worker.location.update("bob@t1", unbind("bob@t1"))
    await worker.location.update("carol@t1", bind(world.binding("carol@t1", expires_in=180)))
    assert list(worker.location.expired(world.now + 90)) == []
    assert list(worker.location.expired(world.now + 180)) == ["carol@t1"]
    assert list(other.location.expired(world.now + 180)) == []


async def test_a_worker_finds_what_it_holds_over_a_connection(world):
    worker = await world.worker()
    over = {"connection": "tcp-1", "transport": "tcp"}
    await worker.location.update("bob@t1", bind(world.binding(**over), world.binding(key="p1")))
    await worker.location.update("carol@t1", bind(world.binding("carol@t1", **over)))
    await worker.location.update("dan@t1", bind(world.binding("dan@t1", connection="tcp-2")))
    await worker.location.update("erin@t1", bind(world.binding("erin@t1", worker="w2", **over)))

    assert sorted(worker.location.held_over("tcp-1")) == ["bob@t1", "carol@t1"]
    await worker.location.update("bob@t1", bind(world.binding(connection="tcp-3")))
    assert sorted(worker.location.held_over("tcp-1")) == ["carol@t1"]
    assert sorted(worker.location.held_over("tcp-3")) == ["bob@t1"]
    await worker.location.update("carol@t1", unbind("carol@t1"))
    assert list(worker.location.held_over("tcp-1")) == []


async def test_without_the_store_memory_answers_and_nothing_is_accepted(world):
    worker = await world.worker()
    await worker.location.update("bob@t1", bind(phone := world.binding()))
    await world.go_away()

    assert await worker.location.lookup("bob@t1") == (phone,)
    assert await worker.location.lookup("bob@t1", fresh=True) == (phone,)
    with pytest.raises(StoreUnavailable):
        await worker.location.lookup("carol@t1")
    with pytest.raises(StoreUnavailable):
        await worker.location.update("bob@t1", unbind("bob@t1"))
    asked = await worker.location.update("bob@t1", lambda current: BindingChanges("bob@t1", current))
    assert asked.bindings == (phone,)

    await world.come_back()
    assert await worker.location.lookup("bob@t1") == (phone,)
    await worker.location.update("bob@t1", unbind("bob@t1"))
    assert await worker.location.lookup("bob@t1") == ()


# -- on Redis alone


async def test_only_what_changed_is_written(redis_world):
    world = redis_world
    worker = await world.worker()
    phone, desk = world.binding(key="m1", expires_in=100), world.binding(key="p1", expires_in=50)
    await worker.location.update("bob@t1", bind(phone, desk))
    key = bindings_key("bob@t1")
    before = world.reader.hgetall(key)
    assert {from_json(Binding, text) for name, text in before.items() if name != "rev"} == {phone, desk}
    assert world.reader.expiretime(key) == int(phone.expires_at) + 31
    world.reader.hset(key, "p1", "untouched")

    await worker.location.update("bob@t1", bind(replace(phone, cseq=2), desk))

    after = world.reader.hgetall(key)
    assert after["p1"] == "untouched"
    assert from_json(Binding, after["m1"]).cseq == 2
    assert after["rev"] != before["rev"]
    await worker.location.update("bob@t1", unbind("bob@t1"))
    assert not world.reader.exists(key)


async def test_without_peers_a_known_aor_costs_no_round_trip(redis_world):
    world = redis_world
    worker = await world.worker()
    await worker.location.update("bob@t1", bind(phone := world.binding()))
    assert world.reader.pubsub_numsub("pbx:loc:changed") == [("pbx:loc:changed", 0)]

    world.server.stop()
    try:
        assert await asyncio.wait_for(worker.location.lookup("bob@t1", fresh=True), 0.5) == (phone,)
    finally:
        world.server.go_on()


async def test_a_copy_from_before_a_delete_and_a_new_registration_is_not_current(redis_world):
    world = redis_world
    first, second = await world.worker("w1"), await world.worker("w2")
    old, new = world.binding(key="old"), world.binding(key="new", worker="w2")
    await first.location.update("bob@t1", bind(old))
    stale = first.location._copies["bob@t1"]
    await second.location.update("bob@t1", unbind("bob@t1"))
    await second.location.update("bob@t1", bind(new))
    stale.generation = first.location._generation  # as if what the other worker said had been lost
    first.location._copies["bob@t1"] = stale
    seen = []

    def add(current):
        seen.append([binding.key for binding in current])
        return BindingChanges("bob@t1", (*current, phone), inserted=(phone,))

    phone = world.binding(key="m9")
    await first.location.update("bob@t1", add)

    assert seen == [["old"], ["new"]]
    assert set(await second.location.lookup("bob@t1", fresh=True)) == {new, phone}


async def test_endless_conflict_is_given_up(redis_world):
    world = redis_world
    worker = await world.worker()
    await worker.location.update("bob@t1", bind(world.binding()))
    attempts = []

    def change(current):
        attempts.append(len(current))
        world.reader.hset(bindings_key("bob@t1"), "rev", f"other{len(attempts)}")
        return BindingChanges("bob@t1", (), removed=current)

    with pytest.raises(StoreUnavailable, match="3 conflicts"):
        await worker.location.update("bob@t1", change)

    assert attempts == [1, 1, 1]


async def test_odd_bytes_survive(redis_world):
    world = redis_world
    aor = b"b\xffb@t1".decode("utf-8", "surrogateescape")
    first, second = await world.worker("w1"), await world.worker("w2")
    phone = world.binding(aor, key=f"sip:{aor}", user_agent=b"\xfe phone".decode("utf-8", "surrogateescape"))

    await first.location.update(aor, bind(phone))

    assert await second.location.lookup(aor) == (phone,)
    await second.location.update(aor, unbind(aor))
    assert await first.location.lookup(aor, fresh=True) == ()


async def test_a_binding_that_cannot_be_read_does_not_hide_the_others(redis_world, caplog):
    world = redis_world
    worker = await world.worker()
    await worker.location.update("bob@t1", bind(phone := world.binding()))
    world.reader.hset(bindings_key("bob@t1"), "odd", '{"aor": 5')
    worker.location.distrust()

    assert await worker.location.lookup("bob@t1") == (phone,)
    assert "cannot be read" in caplog.text


async def test_the_cache_is_bounded_and_what_is_held_is_not_forgotten(redis_world):
    world = redis_world
    worker = await world.worker()
    worker.location._cache_size = 10
    for number in range(30):
        aor = f"{number}@t1"
        await worker.location.update(aor, bind(world.binding(aor, expires_in=60, connection="tcp-1")))

    assert len(worker.location._copies) == 10
    assert worker.location.held == len(list(worker.location.expired(world.now + 60))) == 30
    assert len(list(worker.location.held_over("tcp-1"))) == 30
    assert len(worker.location._turns) == 0


async def test_a_change_heard_while_reading_is_not_overlooked(redis_world):
    world = redis_world
    first, second = await world.worker("w1"), await world.worker("w2")
    await first.location.update("bob@t1", bind(world.binding()))
    reading = asyncio.ensure_future(second.location.lookup("bob@t1"))
    await asyncio.sleep(0)
    second.location._heard(b"w1 bob@t1")

    await reading

    assert second.location._copies["bob@t1"].generation == 0


async def test_an_update_in_flight_when_redis_dies_is_refused_and_not_believed(redis_world):
    world = redis_world
    worker = await world.worker()
    await worker.location.update("bob@t1", bind(phone := world.binding()))
    world.server.stop()
    updating = asyncio.ensure_future(worker.location.update("bob@t1", bind(replace(phone, cseq=2))))
    await asyncio.sleep(0.01)
    world.server.kill()

    with pytest.raises(StoreUnavailable):
        await updating

    await until(lambda: not worker.store.pipe.connected)
    assert await worker.location.lookup("bob@t1") == (phone,)
    await world.come_back()
    assert (await worker.location.lookup("bob@t1"))[0].key == "m1"
