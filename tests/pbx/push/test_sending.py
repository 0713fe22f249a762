"""How often a device is pushed, when that ends, and that one provider's trouble is not another phone's."""

from __future__ import annotations

import asyncio

import pytest

from pbx.push import sending
from pbx.push.breaker import LEAST, Breaker
from pbx.push.providers import PushProvider, PushResult, Recipient, Wakeup
from pbx.push.sending import Outcome, Parcel, Sender, deliver

ACCEPTED = PushResult(status=200, accepted=True)
DOWN = PushResult(status=503, reason="maintenance")
SILENT = PushResult(reason="timeout")
GONE = PushResult(status=410, reason="Unregistered", token_invalid=True)
WRONG = PushResult(status=403, reason="bad key")
PHONE = Recipient("key-1", "fake", "app", "token-1")
DEADLINE = 1000.0


class FakeProvider(PushProvider):
    name = "fake"

    def __init__(self, *results: PushResult | Exception) -> None:
        self.results = list(results)
        self.sent: list[tuple[Recipient, Wakeup]] = []

    @classmethod
    def from_settings(cls, client):
        return None

    async def check(self):
        return ACCEPTED

    async def send(self, recipient, wakeup):
        self.sent.append((recipient, wakeup))
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


class World:
    """A clock that moves only when somebody sleeps, and a call that may end meanwhile."""

    def __init__(self, *, epoch: float = 900.0, call_ends_at: float = 1e9) -> None:
        self.now, self._epoch, self._call_ends_at = 0.0, epoch, call_ends_at
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def push(self, provider: FakeProvider, breaker: Breaker | None = None) -> Outcome:
        wakeup = Wakeup("id-1", "call", "101@pbx.test", "u1", "c1", "100@pbx.test", "Alice", self._epoch, DEADLINE)
        parcel = Parcel(PHONE, wakeup, lambda: "" if self.now < self._call_ends_at else "call-over")
        clocks = {"monotonic": lambda: self.now, "epoch": lambda: self._epoch + self.now, "sleep": self.sleep}
        return asyncio.run(deliver(provider, breaker or Breaker(), parcel, **clocks))


@pytest.mark.parametrize(
    ("_case", "results", "outcome"),
    [
        ("taken at once", [ACCEPTED], Outcome(ACCEPTED, 1)),
        ("taken at the second try", [DOWN, ACCEPTED], Outcome(ACCEPTED, 2)),
        ("taken at the third", [SILENT, DOWN, ACCEPTED], Outcome(ACCEPTED, 3)),
        ("never taken", [DOWN, DOWN, DOWN, ACCEPTED], Outcome(DOWN, 3)),
        ("a dead token is not tried again", [GONE, ACCEPTED], Outcome(GONE, 1)),
        ("nor is a request that is wrong", [WRONG, ACCEPTED], Outcome(WRONG, 1)),
    ],
)
def test_temporary_failures_are_tried_again(_case, results, outcome):
    assert World().push(FakeProvider(*results)) == outcome


def test_all_tries_are_the_same_push():
    provider = FakeProvider(DOWN, DOWN, DOWN)

    World().push(provider)

    assert {wakeup.push_id for _, wakeup in provider.sent} == {"id-1"}


def test_no_try_is_begun_after_three_seconds():
    world = World()

    outcome = world.push(FakeProvider(PushResult(status=429, retry_after=2.0), PushResult(status=429, retry_after=2.0)))

    assert (outcome.tries, world.pauses) == (2, [2.0])


def test_a_provider_that_asks_for_a_minute_is_not_asked_again():
    world = World()

    outcome = world.push(FakeProvider(PushResult(status=429, retry_after=60.0)))

    assert (outcome.tries, world.pauses) == (1, [])


def test_nothing_is_sent_for_a_call_that_is_over():
    provider = FakeProvider(ACCEPTED)

    outcome = World(call_ends_at=0.0).push(provider)

    assert (outcome.suppressed, provider.sent) == ("call-over", [])


def test_nothing_is_sent_again_once_the_call_is_over():
    provider = FakeProvider(DOWN, ACCEPTED)

    outcome = World(call_ends_at=0.1).push(provider)

    assert outcome == Outcome(DOWN, 1)
    assert len(provider.sent) == 1


def test_nothing_is_sent_at_the_deadline():
    provider = FakeProvider(ACCEPTED)

    outcome = World(epoch=DEADLINE).push(provider)

    assert (outcome.suppressed, provider.sent) == ("deadline", [])


def test_a_provider_that_is_down_is_spared():
    breaker = Breaker()
    for _ in range(LEAST):
        breaker.record(down=True, now=0.0)
    provider = FakeProvider(ACCEPTED)

    outcome = World().push(provider, breaker)

    assert (outcome.suppressed, provider.sent) == ("provider-down", [])


def test_refusals_of_one_device_do_not_make_a_provider_count_as_down():
    breaker = Breaker()
    for _ in range(LEAST):
        World().push(FakeProvider(GONE), breaker)

    assert not breaker.is_open


@pytest.fixture
def sender(monkeypatch):
    """A sender whose only provider fails for the first device it is given."""
    provider = FakeProvider(RuntimeError("a mistake"), ACCEPTED)
    monkeypatch.setattr(sending, "configured", lambda client: {"fake": provider})
    sender = Sender()
    yield sender
    sender.close()


def test_a_mistake_in_a_provider_costs_no_other_phone_its_push(sender):
    wakeup = Wakeup("id-1", "call", "101@pbx.test", "u1", "c1", "100@pbx.test", "Alice", 0.0, float("inf"))

    outcomes = dict(sender.send([Parcel(PHONE, wakeup), Parcel(PHONE, wakeup)]))

    assert outcomes == {0: Outcome(PushResult(reason="internal-error: RuntimeError"), 1), 1: Outcome(ACCEPTED, 1)}
