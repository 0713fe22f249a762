"""The event log: bounded by number and by age, in order, and nothing twice whatever happens to the connection."""

import pytest

from sipcore.contract.event_log import Retention
from sipcore.contract.events import E_WAIT_CLOSED
from sipcore.contract.keys import EVENTS_LOG
from sipcore.store import event_log
from sipcore.store.event_log import EventLog

from .worlds import until


def numbered(world, count):
    return [world.event(E_WAIT_CLOSED, {"why": str(number)}) for number in range(count)]


async def written(world, log):
    await until(lambda: log.waiting == 0)
    return [event.why for event in world.logged()]


async def test_the_log_is_bounded_by_number(redis_world):
    world = redis_world
    worker = await world.worker(retention=Retention(entries=1_000))

    for event in numbered(world, 3_000):
        worker.bus.publish(event)

    whys = await written(world, worker.bus.log)
    assert 1_000 <= len(whys) < 1_300  # whole nodes of the stream go
    assert whys[-1] == "2999"
    assert worker.bus.dropped == 0


async def test_the_log_is_bounded_by_age(redis_world):
    world = redis_world
    worker = await world.worker(retention=Retention(hours=24))
    seconds, _ = world.reader.time()
    for number in range(300):
        world.reader.xadd(EVENTS_LOG, {"event": "{}"}, id=f"{(seconds - 25 * 3600) * 1000}-{number + 1}")
    world.reader.xadd(EVENTS_LOG, {"event": "{}"}, id=f"{(seconds - 23 * 3600) * 1000}-1")

    (event,) = numbered(world, 1)
    worker.bus.publish(event)

    await until(lambda: worker.bus.log.waiting == 0)
    left = world.reader.xrange(EVENTS_LOG)
    assert len(left) < 150  # whole nodes of the stream go, of a hundred entries by default
    assert left[-2][0].startswith(str((seconds - 23 * 3600) * 1000))


async def test_what_was_sent_and_not_answered_is_written_once(redis_world):
    """The connection is cut again and again, with batches on their way: none is lost, none is there twice."""
    world = redis_world
    worker = await world.worker()
    pipe = worker.store.pipe
    events = numbered(world, 4_000)

    for number, event in enumerate(events):
        worker.bus.publish(event)
        if number % 700 == 699:
            worker.bus.log.flush()
            pipe._write()  # on the wire, and the answer never read
            pipe._link.abort("the test cuts it")
            await until(lambda: not pipe.connected)
            await until(lambda: pipe.connected)

    assert await written(world, worker.bus.log) == [event.why for event in events]
    assert worker.bus.dropped == 0


async def test_two_writers_do_not_take_each_others_numbers(redis_world):
    world = redis_world
    first, second = await world.worker("w1"), await world.worker("w2")
    again = EventLog(first.store.pipe, "w1")  # as after a restart under the same name

    for log, why in ((first.bus.log, "a"), (second.bus.log, "b"), (again, "c")):
        log.tell(world.event(E_WAIT_CLOSED, {"why": why}))
        log.flush()

    await until(lambda: len(world.logged()) == 3)
    assert sorted(event.why for event in world.logged()) == ["a", "b", "c"]


async def test_a_long_absence_costs_the_oldest(redis_world, monkeypatch):
    monkeypatch.setattr(event_log, "MAX_KEPT", 1_000)
    world = redis_world
    worker = await world.worker()
    await world.go_away()

    for event in numbered(world, 1_500):
        worker.bus.publish(event)

    assert worker.bus.log.waiting == 1_000
    await world.come_back()
    assert (await written(world, worker.bus.log))[-1_000:] == [str(number) for number in range(500, 1_500)]
    assert worker.bus.dropped == 500


async def test_what_the_server_refuses_is_counted_and_does_not_stand_in_the_way(redis_world):
    world = redis_world
    worker = await world.worker()
    world.reader.set(EVENTS_LOG, "no stream")
    first, second = numbered(world, 2)

    worker.bus.publish(first)
    await until(lambda: worker.bus.dropped == 1)
    world.reader.delete(EVENTS_LOG)
    worker.bus.publish(second)

    assert await written(world, worker.bus.log) == ["1"]


@pytest.mark.parametrize("connected", [True, False])
async def test_what_is_told_last_is_written_at_the_end(redis_world, connected):
    world = redis_world
    worker = await world.worker()
    (event,) = numbered(world, 1)
    if not connected:
        await world.go_away()
    worker.bus.publish(event)
    if not connected:
        await world.come_back()

    await world.end(worker)

    assert world.logged() == [event]
