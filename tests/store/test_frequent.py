"""Events that are on no page: made when some worker waits for them, and not else."""

from __future__ import annotations

from sipcore.contract.events import E_TX_FINAL, E_UL_CONTACT_INSERT
from sipcore.contract.keys import FREQUENT_AWAITED

from .worlds import until


async def test_a_worker_knows_what_others_wait_for(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    assert not first.bus.wants(E_TX_FINAL)
    record = world.subscription((E_TX_FINAL, E_UL_CONTACT_INSERT), {"callid": "c1"}, owner="w2", seconds=20.0)

    second.bus.subscribe(record)
    await second.bus.subscribed()

    await until(lambda: first.bus.wants(E_TX_FINAL))
    event = world.event(E_TX_FINAL, {"callid": "c1", "code": 200})
    first.bus.publish(event)
    await until(lambda: second.delivered)
    assert second.delivered == [(record.id, event)]
    assert event not in world.logged()


async def test_a_worker_that_comes_later_knows_it_too_and_nobody_for_longer_than_it_lasts(redis_world):
    first, second = await redis_world.worker("w1"), await redis_world.worker("w2")
    second.bus.subscribe(redis_world.subscription(E_TX_FINAL, {"callid": "c1"}, owner="w2", seconds=20.0))
    await second.bus.subscribed()
    await until(lambda: first.bus.wants(E_TX_FINAL))

    third = await redis_world.worker("w3")
    await until(lambda: third.bus.wants(E_TX_FINAL))
    assert redis_world.reader.ttl(FREQUENT_AWAITED) != -1

    redis_world.now += 20.0
    assert not third.bus.wants(E_TX_FINAL)
    assert not first.bus.wants(E_TX_FINAL)
