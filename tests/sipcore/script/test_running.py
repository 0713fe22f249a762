from __future__ import annotations

import asyncio
from contextvars import ContextVar

from sipcore.script.running import Runner
from sipcore.testing.clock import run


def test_a_route_that_need_not_wait_is_done_at_once() -> None:
    async def main() -> None:
        done = []

        async def route() -> None:
            done.append(1)

        runner = Runner(limit=5, failed=lambda name, error: done.append(error))
        runner.run(route())
        assert done == [1]
        assert runner.waiting == 0

    run(main())


def test_a_route_that_waits_goes_on_as_a_task() -> None:
    async def main() -> None:
        done = []

        async def route() -> None:
            done.append(1)
            await asyncio.sleep(5)
            async with asyncio.timeout(10):
                await asyncio.sleep(5)
            done.append(2)

        runner = Runner(limit=1, failed=lambda name, error: done.append(error))
        runner.run(route())
        assert (done, runner.waiting, runner.is_full) == ([1], 1, True)
        await asyncio.sleep(11)
        assert (done, runner.waiting) == ([1, 2], 0)

    run(main())


def test_what_a_route_raises_is_reported_before_and_after_its_first_wait() -> None:
    async def main() -> None:
        failed = []

        async def route(wait: bool) -> None:
            if wait:
                await asyncio.sleep(1)
            raise ValueError(wait)

        runner = Runner(limit=5, failed=lambda name, error: failed.append((name, str(error))))
        runner.run(route(False), "now")
        runner.run(route(True), "later")
        await asyncio.sleep(2)
        assert failed == [("now", "False"), ("later", "True")]

    run(main())


def test_a_future_that_is_done_before_the_task_starts_is_not_lost() -> None:
    async def main() -> None:
        got = []
        future = asyncio.get_running_loop().create_future()

        async def route() -> None:
            got.append(await future)

        runner = Runner(limit=5, failed=lambda name, error: got.append(error))
        runner.run(route())
        future.set_result("x")
        assert await runner.drain(1) == 0
        assert got == ["x"]

    run(main())


def test_what_a_route_sets_in_its_context_stays_there_and_lasts_as_long_as_the_route() -> None:
    depth: ContextVar[int] = ContextVar("depth", default=0)

    async def main() -> None:
        failed = []

        async def route() -> None:
            token = depth.set(depth.get() + 1)
            try:
                await asyncio.sleep(1)
                assert depth.get() == 1
            finally:
                depth.reset(token)

        runner = Runner(limit=5, failed=lambda name, error: failed.append(error))
        runner.run(route())
        runner.run(route())
        assert depth.get() == 0
        await asyncio.sleep(2)
        assert failed == []

    run(main())


def test_draining_cancels_what_does_not_end() -> None:
    async def main() -> None:
        runner = Runner(limit=5, failed=lambda name, error: None)
        runner.run(asyncio.sleep(1000))
        assert await runner.drain(1) == 1

    run(main())
