from __future__ import annotations

import asyncio
import socket

import pytest

from sipcore.transport.limits import TransportLimits
from sipcore.transport.resolver import Resolver, is_numeric


@pytest.mark.parametrize(
    ("host", "numeric"),
    [
        ("192.0.2.1", True),
        ("::1", True),
        ("localhost", False),
        ("1.2.3", False),
        ("[::1]", False),
        ("", False),
        ("a\0b", False),
    ],
)
def test_addresses_need_no_look_up(host, numeric):
    assert is_numeric(host) is numeric


class Names:
    """A loop that knows names, counts questions, and has a clock that is set."""

    def __init__(self, **known):
        self.known = known
        self.asked = []
        self.now = 0.0

    def time(self):
        return self.now

    def create_task(self, coroutine):
        return asyncio.get_running_loop().create_task(coroutine)

    async def getaddrinfo(self, host, port, **_):
        self.asked.append(host)
        await asyncio.sleep(0)
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_DGRAM, 0, "", (self.known[host], 0))]


class Answers(list):
    def __call__(self, address, error):
        self.append(address or type(error))


async def settled(resolver):
    await asyncio.gather(*resolver._tasks)


def run(scenario):
    """One loop for one scenario."""
    asyncio.run(scenario())


def test_a_name_is_asked_once_for_all_who_wait_and_then_remembered():
    async def scenario():
        names, answers = Names(phone="192.0.2.1"), Answers()
        resolver = Resolver(names, TransportLimits(name_seconds=60))

        resolver.resolve("phone", answers)
        resolver.resolve("phone", answers)
        await settled(resolver)
        names.now = 59.0
        resolver.resolve("phone", answers)

        assert (answers, names.asked) == (["192.0.2.1"] * 3, ["phone"])
        names.now = 61.0
        resolver.resolve("phone", answers)
        await settled(resolver)
        assert names.asked == ["phone"] * 2

    run(scenario)


def test_a_failure_is_remembered_for_a_shorter_while():
    async def scenario():
        names, answers = Names(), Answers()
        resolver = Resolver(names, TransportLimits(failed_name_seconds=5))

        for names.now in (0.0, 4.0, 6.0):
            resolver.resolve("nobody", answers)
            await settled(resolver)

        assert (answers, names.asked) == ([socket.gaierror, OSError, socket.gaierror], ["nobody"] * 2)

    run(scenario)


def test_who_waits_and_what_is_remembered_is_bounded():
    async def scenario():
        names, answers = Names(a="192.0.2.1", b="192.0.2.2", c="192.0.2.3"), Answers()
        resolver = Resolver(names, TransportLimits(lookups=2, messages_per_lookup=1, names=1))

        for name in ("a", "b", "c", "a"):
            resolver.resolve(name, answers)
        assert answers == [OSError, OSError]  # c is one name too many, the second a one message too many
        await settled(resolver)
        resolver.resolve("a", answers)
        await settled(resolver)

        assert answers[2:] == ["192.0.2.1", "192.0.2.2", "192.0.2.1"]
        assert names.asked == ["a", "b", "a"]  # b pushed a out of a memory of one

    run(scenario)


def test_closing_forgets_who_waits():
    async def scenario():
        answers = Answers()
        resolver = Resolver(Names(a="192.0.2.1"), TransportLimits())

        resolver.resolve("a", answers)
        await resolver.close()

        assert answers == []

    run(scenario)
