"""Tokens are renewed before they end, by one task at a time."""

from __future__ import annotations

import asyncio
from functools import wraps

import pytest

from pbx.push.bearer import FetchedToken, Grant, SignedToken


def in_loop(test):
    """Run an asynchronous test."""

    @wraps(test)
    def run() -> None:
        asyncio.run(test())

    return run


class Provider:
    """Gives tokens of an hour, after as long as it is told, or not at all."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked = 0
        self.failing = False
        self.answering = asyncio.Event()
        self.answering.set()

    async def fetch(self) -> Grant:
        self.asked += 1
        number = self.asked
        await self.answering.wait()
        if self.failing:
            raise RuntimeError("no")
        return Grant(f"token-{number}", 3600.0)

    def token(self) -> FetchedToken:
        return FetchedToken(self.fetch, monotonic=lambda: self.now)


@in_loop
async def test_it_is_fetched_once_and_used():
    provider = Provider()
    token = provider.token()

    assert [await token.get() for _ in range(3)] == ["token-1"] * 3


@in_loop
async def test_those_who_ask_at_once_wait_for_one_answer():
    provider = Provider()
    token = provider.token()

    assert await asyncio.gather(*(token.get() for _ in range(5))) == ["token-1"] * 5
    assert provider.asked == 1


@in_loop
async def test_ten_minutes_before_its_end_it_is_fetched_anew_while_the_old_one_is_used():
    provider = Provider()
    token = provider.token()
    await token.get()
    provider.now += 3600 - 599
    provider.answering.clear()

    assert await token.get() == "token-1"
    await asyncio.sleep(0)
    assert provider.asked == 2

    provider.answering.set()
    await asyncio.sleep(0.01)
    assert await token.get() == "token-2"


@in_loop
async def test_a_renewal_that_fails_costs_nothing_while_the_old_one_lives():
    provider = Provider()
    token = provider.token()
    await token.get()
    provider.now += 3600 - 599
    provider.failing = True

    assert await token.get() == "token-1"
    await asyncio.sleep(0.01)
    assert await token.get() == "token-1"


@in_loop
async def test_all_who_wait_are_told_of_a_failure_and_the_next_asks_again():
    provider = Provider()
    token = provider.token()
    provider.failing = True

    results = await asyncio.gather(*(token.get() for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [RuntimeError] * 3

    provider.failing = False
    assert await token.get() == "token-2"


@in_loop
async def test_one_who_gives_up_does_not_cost_the_others_their_token():
    provider = Provider()
    token = provider.token()
    provider.answering.clear()
    impatient, patient = asyncio.create_task(token.get()), asyncio.create_task(token.get())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.sleep(0)
    provider.answering.set()

    assert await patient == "token-1"


@in_loop
async def test_a_refused_token_is_forgotten_but_not_its_successor():
    provider = Provider()
    token = provider.token()
    first = await token.get()
    token.forget(first)
    second = await token.get()
    token.forget(first)

    assert (second, await token.get()) == ("token-2", "token-2")


class Signer:
    def __init__(self) -> None:
        self.now, self.signed = 0.0, 0

    def sign(self) -> str:
        self.signed += 1
        return f"jwt-{self.signed}"

    def token(self) -> SignedToken:
        return SignedToken(self.sign, renew_after=2400, not_before=1200, monotonic=lambda: self.now)


@pytest.mark.parametrize(("age", "expected"), [(0, "jwt-1"), (2399, "jwt-1"), (2400, "jwt-2")])
def test_a_signed_token_is_used_for_its_time(age, expected):
    signer = Signer()
    token = signer.token()
    token.get()
    signer.now = age

    assert token.get() == expected


def test_a_refused_signed_token_is_renewed_but_not_twice_in_a_row():
    signer = Signer()
    token = signer.token()
    old = token.get()
    signer.now = 1300

    assert token.renew(old)
    assert token.get() == "jwt-2"
    assert token.renew(old), "another push has renewed it already"
    assert not token.renew("jwt-2"), "younger than the provider lets us be"
    assert token.get() == "jwt-2"
