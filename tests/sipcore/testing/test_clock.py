from __future__ import annotations

import asyncio

import pytest

from sipcore.testing.clock import START, Stuck, run, settle


def test_hours_pass_in_no_time_and_exactly():
    async def scenario():
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0.1)
        await asyncio.sleep(3600.2)
        return loop.time()

    assert run(scenario()) == START + 3600.3


def test_timers_fire_in_order_whatever_the_order_they_were_set_in():
    async def scenario():
        loop, fired = asyncio.get_running_loop(), []
        for seconds in (20, 5, 10):
            loop.call_later(seconds, lambda: fired.append(loop.time() - START))
        await asyncio.sleep(30)
        return fired

    assert run(scenario()) == [5, 10, 20]


def test_waiting_for_what_nothing_can_bring_is_an_error(monkeypatch):
    monkeypatch.setattr("sipcore.testing.clock.PATIENCE", 0.01)

    async def scenario():
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck):
        run(scenario())


def test_a_heartbeat_does_not_keep_a_stuck_scenario_alive_for_ever():
    async def beat():
        while True:
            await asyncio.sleep(3600)

    async def scenario():
        task = asyncio.create_task(beat())
        await asyncio.shield(task)

    with pytest.raises(Stuck):
        run(scenario())


def test_a_thread_is_waited_for_when_no_timer_is_set():
    assert run(asyncio.to_thread(lambda: "done")) == "done"


def test_settle_lets_everything_run_that_is_ready():
    async def scenario():
        steps = []

        async def chain(depth):
            steps.append(depth)
            if depth:
                await asyncio.create_task(chain(depth - 1))

        task = asyncio.create_task(chain(50))
        await settle()
        assert task.done()
        return len(steps)

    assert run(scenario()) == 51
