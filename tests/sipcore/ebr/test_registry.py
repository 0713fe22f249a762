"""Whatever happens to subscriptions, in whatever order: each ends once, and nothing is left of it."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest

from sipcore.contract.events import E_SUB_CANCELLED, E_SUB_CREATED, E_SUB_EXPIRED, E_UL_CONTACT_INSERT
from sipcore.errors import TransactionFinal

from .world import World

AORS = ("bob@t1", "carol@t1")
OWNERS = ("T1", "T2", "T3")


class Interleaving:
    """One random history of one worker."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.world = World()
        self.made, self.ran, self.waits, self.gates = [], [], [], []
        self.world.bus.wanted = {E_SUB_CREATED, E_SUB_EXPIRED, E_SUB_CANCELLED}

    async def route(self, event, owner):
        kind = self.random.random()
        self.ran.append((owner, "in"))
        if kind < 0.2:
            gate = asyncio.Event()
            self.gates.append(gate)
            await gate.wait()
        elif kind < 0.3:
            self.world.register(self.random.choice(AORS))
        elif kind < 0.35:
            self.ran.append((owner, "out"))
            raise ZeroDivisionError
        elif kind < 0.4:
            self.ran.append((owner, "out"))
            raise TransactionFinal
        elif kind < 0.5:
            self.subscribe()
        self.ran.append((owner, "out"))

    def subscribe(self):
        options = self.random.choice(({}, {"once": True}, {"max_fires": 2}, {"dedup": "key"}, {"on_expire": self.over}))
        bind = self.random.choice(("transaction", "dialog"))
        filter = self.random.choice(({"aor": self.random.choice(AORS)}, "aor=*@t1"))
        owner = self.random.choice(OWNERS)
        self.made.append(
            self.world.events.notify_on_event(
                E_UL_CONTACT_INSERT,
                filter,
                self.route,
                self.random.choice((1, 5, 30)),
                bound_to=owner,
                bind=bind,
                **options,
            )
        )

    async def over(self, subscription, owner):
        assert subscription.state == "expired"

    async def wait(self):
        result = await self.world.events.wait_for_event(
            E_UL_CONTACT_INSERT, {"aor": self.random.choice(AORS)}, 5, bound_to=self.random.choice(OWNERS)
        )
        assert result.outcome in ("match", "timeout", "cancelled", "gone")
        assert bool(result) is (result.event is not None)

    def step(self):
        choice, events = self.random.random(), self.world.events
        if choice < 0.35:
            self.subscribe()
        elif choice < 0.6:
            self.world.register(self.random.choice(AORS), key=f"m{self.random.randrange(3)}")
        elif choice < 0.7 and self.made:
            self.random.choice(self.made).cancel()
        elif choice < 0.78:
            bind = self.random.choice(("", "transaction", "dialog"))
            events.release(self.random.choice(OWNERS), self.random.choice(("tx-final", "tx-cancelled")), bind)
        elif choice < 0.86:
            self.waits.append(asyncio.ensure_future(self.wait()))
        elif choice < 0.94:
            self.world.advance(self.random.choice((0.5, 1, 4)))
        elif self.gates:
            self.gates.pop(self.random.randrange(len(self.gates))).set()

    async def run(self):
        for _ in range(60):
            self.step()
            if self.random.random() < 0.5:
                await self.world.settle()
        while self.gates or self.world.events.count:
            for gate in self.gates:
                gate.set()
            self.gates.clear()
            self.world.advance(40)
            await self.world.settle()
        await asyncio.gather(*self.waits)


@pytest.mark.acceptance("H108")
@pytest.mark.parametrize("block", range(10))
async def test_whatever_happens_each_ends_once_and_nothing_is_left(block, caplog):
    caplog.set_level(logging.CRITICAL)
    for seed in range(block * 30, block * 30 + 30):
        history = Interleaving(seed)
        await history.run()
        events, world = history.world.events, history.world

        assert (events.count, len(events._index), len(events._owners), world.bus.records) == (0, 0, 0, {}), seed
        assert {each.state for each in history.made} <= {"matched", "expired", "cancelled", "failed"}, seed
        told = [event.sub for name in (E_SUB_EXPIRED, E_SUB_CANCELLED) for event in world.published(name)]
        assert len(told) == len(set(told)), seed
        for owner in OWNERS:  # routes of one transaction never met
            steps = [step for who, step in history.ran if who == owner]
            assert steps == ["in", "out"] * (len(steps) // 2), seed
