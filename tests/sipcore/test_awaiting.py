"""One thing to wait for: by a route, which goes on at once, and by a task."""

import asyncio

import pytest

from sipcore.awaiting import Awaited
from sipcore.script.running import Runner
from sipcore.testing.clock import run


def a_runner(failed):
    return Runner(limit=5, failed=lambda name, error: failed.append(error))


def test_a_route_goes_on_in_the_step_that_settles_it():
    async def main():
        got, awaited = [], Awaited()

        async def route():
            got.append(await awaited)

        runner = a_runner(got)
        runner.run(route())
        assert (got, runner.waiting) == ([], 1)
        awaited.set_result("stored")
        assert (got, runner.waiting) == (["stored"], 0)

    run(main())


def test_a_route_is_told_what_went_wrong():
    async def main():
        got, awaited = [], Awaited()

        async def route():
            with pytest.raises(ValueError, match="away"):
                await awaited
            got.append("told")

        a_runner(got).run(route())
        awaited.set_exception(ValueError("away"))
        assert got == ["told"]

    run(main())


def test_a_route_may_wait_for_other_things_before_and_after():
    async def main():
        got, awaited = [], Awaited()

        async def route():
            await asyncio.sleep(1)
            got.append(await awaited)
            await asyncio.sleep(1)
            got.append("end")

        runner = a_runner(got)
        runner.run(route())
        await asyncio.sleep(1.5)
        awaited.set_result(7)
        await asyncio.sleep(1.5)
        assert (got, runner.waiting) == ([7, "end"], 0)

    run(main())


def test_what_is_settled_already_is_not_waited_for():
    async def main():
        awaited = Awaited()
        awaited.set_result(1)

        assert await awaited == 1

    run(main())


def test_a_task_goes_on_in_a_turn_of_its_own():
    async def main():
        got, awaited = [], Awaited()

        async def work():
            got.append(await awaited)

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        awaited.set_result(2)
        assert got == []
        await task
        assert got == [2]

    run(main())


def test_a_task_that_is_cancelled_waits_no_longer():
    async def main():
        awaited = Awaited()

        async def work():
            await awaited

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert awaited.done()

    run(main())


def test_the_end_cancels_a_route_that_waits():
    async def main():
        got, awaited = [], Awaited()

        async def route():
            try:
                await awaited
            finally:
                got.append("end")

        runner = a_runner(got)
        runner.run(route())
        assert await runner.drain(0.1) == 1
        assert (got, runner.waiting) == (["end"], 0)

    run(main())
