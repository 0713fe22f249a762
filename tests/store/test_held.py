"""The index of what a worker holds stays right and small."""

import random

from sipcore.contract.location import Binding
from sipcore.store.held import HeldBindings


def binding(aor, key="m1", *, expires_at, worker="w1", connection=""):
    return Binding(aor, key, "sip:x", expires_at, "c", 1, worker=worker, connection=connection)


def test_a_thousand_refreshes_keep_one_entry():
    held = HeldBindings("w1")

    for number in range(1000):
        held.set("bob@t1", [binding("bob@t1", expires_at=100.0 + number)])

    assert len(held._heap) == 1
    assert held.expired(1098.9) == []
    assert held.expired(1099.0) == ["bob@t1"]


def test_an_earlier_deadline_takes_the_place_of_a_later_one():
    held = HeldBindings("w1")
    held.set("bob@t1", [binding("bob@t1", expires_at=500.0)])
    held.set("bob@t1", [binding("bob@t1", expires_at=500.0), binding("bob@t1", "p1", expires_at=100.0)])

    assert held.expired(100.0) == ["bob@t1"]
    held.set("bob@t1", [binding("bob@t1", expires_at=500.0)])
    assert held.expired(499.0) == []
    assert held.expired(500.0) == ["bob@t1"]


def test_nothing_is_left_of_what_is_gone():
    held = HeldBindings("w1")
    for number in range(100):
        held.set(f"{number}@t1", [binding(f"{number}@t1", expires_at=100.0, connection=f"tcp-{number % 7}")])
    for number in range(100):
        held.set(f"{number}@t1", [])

    assert held.expired(100.0) == []
    assert len(held) == len(held._heap) == len(held._queued) == len(held._over) == len(held._connections) == 0


def test_it_agrees_with_a_plain_search():
    chance, held, truth = random.Random(7), HeldBindings("w1"), {}
    now = 0.0
    for _ in range(3000):
        now += chance.random()
        aor = f"{chance.randrange(40)}@t1"
        bindings = [
            binding(
                aor,
                f"m{number}",
                expires_at=now + chance.randrange(1, 60),
                worker=chance.choice(["w1", "w1", "w2"]),
                connection=chance.choice(["", "tcp-1", "tcp-2"]),
            )
            for number in range(chance.randrange(4))
        ]
        truth[aor] = [each for each in bindings if each.worker == "w1"]
        held.set(aor, bindings)
        due = {aor for aor, mine in truth.items() if any(each.expires_at <= now for each in mine)}
        assert set(held.expired(now)) == due
        over = {aor for aor, mine in truth.items() if any(each.connection == "tcp-1" for each in mine)}
        assert set(held.over("tcp-1")) == over
