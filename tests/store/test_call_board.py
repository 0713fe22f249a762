"""The call board: live calls of all workers, records of finished ones, and claims."""

import asyncio
import json

import pytest

from sipcore.contract.calls import BranchState
from sipcore.contract.keys import CALL_RECORDS_DROPPED, CALLS_FEED, CALLS_REVISION, pickup_claim
from sipcore.contract.records import replace
from sipcore.errors import StoreUnavailable
from sipcore.store import call_board

from .worlds import until


def branch(target, state="ringing"):
    return BranchState(f"b-{target}", target, f"sip:{target}", "phone", "lookup", state, 180)


async def test_a_call_is_shown_as_it_is_and_taken_off(world):
    worker = await world.worker()
    call = world.call(branches=(branch("bob@t1"), branch("carol@t1", "trying")), waking=1, caller_name="앨리스")

    worker.board.put(replace(call, state="setup"))
    worker.board.put(call)

    await until(lambda: world.shown() == {"c1": call})
    worker.board.remove("c1")
    await until(lambda: world.shown() == {})


async def test_records_are_kept_in_order(world):
    worker = await world.worker()
    calls = [world.call(f"c{number}", state="ended", code=200, reason="answered") for number in range(250)]

    for call in calls:
        worker.board.record(call)

    await until(lambda: len(world.recorded()) == 250)
    assert world.recorded() == calls


@pytest.mark.parametrize(
    ("_case", "fields", "groups", "aor", "expected"),
    [
        ("of the group", {}, ("sales",), "", True),
        ("of one of the groups", {}, ("ops", "sales"), "", True),
        ("of no such group", {}, ("ops",), "", False),
        ("nothing asked", {}, (), "", False),
        ("still waking", {"state": "waking", "ringing_at": 0.0}, ("sales",), "", True),
        ("waits for a phone", {"state": "setup", "ringing_at": 0.0}, ("sales",), "", True),
        ("over", {"state": "ended"}, ("sales",), "", False),
        ("answered", {"state": "answered"}, ("sales",), "", False),
        ("directed", {"groups": ()}, (), "bob@t1", True),
        ("directed at another", {"groups": ()}, (), "dan@t1", False),
        ("directed at a member that rings", {"branches": (branch("dan@t1"),)}, (), "dan@t1", True),
        ("directed at a member that was tried", {"branches": (branch("dan@t1", "failed"),)}, (), "dan@t1", False),
        ("directed within the groups", {}, ("sales",), "bob@t1", True),
        ("directed out of the groups", {}, ("ops",), "bob@t1", False),
    ],
)
async def test_what_can_be_picked_up(world, _case, fields, groups, aor, expected):
    first, second = await world.worker("w1"), await world.worker("w2")
    call = world.call(**fields)
    first.board.put(call)
    await until(lambda: world.shown())

    for worker in (first, second):
        assert await worker.board.ringing(groups, aor) == ([call] if expected else [])


async def test_the_call_that_rings_longest_comes_first(world):
    first, second = await world.worker("w1"), await world.worker("w2")
    calls = [world.call(f"c{number}", ringing_at=world.now + (number * 7) % 5, worker="w1") for number in range(5)]
    for call in calls[:3]:
        first.board.put(call)
    for call in calls[3:]:
        second.board.put(replace(call, worker="w2"))
    await until(lambda: len(world.shown()) == 5)

    found = await second.board.ringing(["sales"])

    assert [call.uid for call in found] == ["c0", "c3", "c1", "c4", "c2"]


async def test_a_call_can_be_claimed_once(world):
    first, second = await world.worker("w1"), await world.worker("w2")

    claims = await asyncio.gather(*((first, second)[n % 2].board.claim("c1", f"t{n}", 5) for n in range(10)))

    assert sorted(claims) == [False] * 9 + [True]
    winner = f"t{claims.index(True)}"
    await second.board.release("c1", "somebody else")
    assert await second.board.claim("c1", "late", 5) is False
    await first.board.release("c1", winner)
    assert await second.board.claim("c1", "late", 5) is True
    assert await second.board.claim("c2", "late", 5) is True


async def test_whoever_waits_until_a_call_is_shown_is_told_when_others_can_see_it(world):
    worker = await world.worker()
    call, seen = world.call(), []

    worker.board.when_shown("c1", lambda: seen.append(world.shown()))
    worker.board.put(call)

    await until(lambda: seen)
    assert seen == [{"c1": call}]
    worker.board.put(replace(call, state="answered"))
    await until(lambda: world.shown()["c1"].state == "answered")
    assert len(seen) == 1


async def test_a_call_that_ends_before_it_is_shown_is_waited_for_no_longer(world):
    worker = await world.worker()
    told = []

    worker.board.when_shown("c1", lambda: told.append("c1"))
    worker.board.put(world.call("c1"))
    worker.board.remove("c1")
    worker.board.when_shown("c2", lambda: told.append("c2"))
    worker.board.put(world.call("c2"))

    await until(lambda: "c2" in world.shown())
    await until(lambda: told)
    assert told[-1] == "c2"


# -- on Redis alone


async def test_a_call_that_somebody_waits_for_is_not_gathered_with_others(redis_world):
    worker = await redis_world.worker()
    worker.board._gather = 60.0
    told = []
    worker.board.put(redis_world.call("c1"))

    worker.board.when_shown("c2", lambda: told.append(sorted(redis_world.shown())))
    worker.board.put(redis_world.call("c2"))

    await until(lambda: told)
    assert told == [["c1", "c2"]]


async def test_while_the_store_is_away_whoever_waits_for_a_call_waits_on(redis_world):
    worker = await redis_world.worker()
    told = []
    await redis_world.go_away()

    worker.board.when_shown("c1", lambda: told.append(redis_world.shown()))
    worker.board.put(redis_world.call("c1"))
    await redis_world.come_back()

    await until(lambda: told)
    assert list(told[0]) == ["c1"]


class Feed:
    """The changes as a dashboard hears them."""

    def __init__(self, world):
        self._pubsub = world.reader.pubsub()
        self._pubsub.subscribe(CALLS_FEED)
        assert self._pubsub.get_message(timeout=2)["type"] == "subscribe"
        self.heard = []

    def __call__(self):
        while (message := self._pubsub.get_message()) is not None:
            self.heard.append(json.loads(message["data"]))
        return self.heard


async def test_each_change_has_the_next_number(redis_world):
    world = redis_world
    first, second = await world.worker("w1"), await world.worker("w2")
    feed = Feed(world)
    first.board.put(world.call("c1"))
    await until(lambda: len(feed()) == 1)
    second.board.put(world.call("c2", worker="w2"))
    await until(lambda: len(feed()) == 2)
    first.board.put(world.call("c1", state="answered"))
    first.board.put(world.call('c3 "quoted"'))
    await until(lambda: len(feed()) == 4)
    first.board.remove("c1")
    await until(lambda: len(feed()) == 5)

    assert [
        (change["rev"], change.get("gone") or (change["call"]["uid"], change["call"]["state"])) for change in feed()
    ] == [
        (1, ("c1", "ringing")),
        (2, ("c2", "ringing")),
        (3, ("c1", "answered")),
        (4, ('c3 "quoted"', "ringing")),
        (5, "c1"),
    ]
    assert world.reader.get(CALLS_REVISION) == "5"


async def test_several_states_within_a_moment_are_one_change(redis_world):
    world = redis_world
    worker = await world.worker()
    feed = Feed(world)

    for state in ("setup", "ringing", "answered"):
        worker.board.put(world.call(state=state))
    worker.board.put(world.call("c2"))
    worker.board.remove("c2")
    worker.board.remove("never seen")

    await until(lambda: feed())
    await worker.store.pipe.execute("PING")
    assert [(change["rev"], change["call"]["state"]) for change in feed()] == [(1, "answered")]


async def test_what_changes_while_redis_is_away_is_shown_afterwards(redis_world):
    world = redis_world
    worker = await world.worker()
    worker.board.put(world.call("c1"))
    worker.board.put(world.call("c2"))
    await until(lambda: len(world.shown()) == 2)
    await world.go_away()

    worker.board.put(world.call("c1", state="answered"))
    worker.board.remove("c2")
    worker.board.put(world.call("c3"))
    worker.board.record(world.call("c2", state="ended"))
    await asyncio.sleep(0.06)  # past the moment at which they would have been written
    await world.come_back()

    await until(lambda: {uid: call.state for uid, call in world.shown().items()} == {"c1": "answered", "c3": "ringing"})
    await until(lambda: [call.uid for call in world.recorded()] == ["c2"])
    await until(lambda: worker.board.unwritten_records == 0)


async def test_live_calls_are_shown_again_after_redis_lost_them(redis_world):
    world = redis_world
    worker = await world.worker()
    worker.board.put(call := world.call("c1"))
    await until(lambda: world.shown())
    await world.go_away()
    world.server.lose_everything()

    await world.come_back()

    await until(lambda: world.shown() == {"c1": call})


async def test_a_change_in_flight_when_redis_dies_is_not_lost(redis_world):
    world = redis_world
    worker = await world.worker()
    worker.board.put(world.call("c1"))
    await until(lambda: world.shown())
    world.server.stop()
    worker.board.remove("c1")
    worker.board.record(world.call("c1", state="ended"))
    await until(lambda: worker.store.pipe.waiting >= 2)
    world.server.kill()
    await until(lambda: not worker.store.pipe.connected)

    await world.come_back()

    await until(lambda: world.shown() == {})
    await until(lambda: world.recorded())
    assert {call.uid for call in world.recorded()} == {"c1"}


async def test_the_list_of_records_is_bounded(redis_world, monkeypatch):
    world = redis_world
    monkeypatch.setattr(call_board, "MAX_RECORDS", 10)
    worker = await world.worker()

    for number in range(15):
        worker.board.record(world.call(f"c{number}"))

    await until(lambda: worker.board.unwritten_records == 0)
    assert [call.uid for call in world.recorded()] == [f"c{number}" for number in range(10)]
    assert world.reader.get(CALL_RECORDS_DROPPED) == "5"
    assert worker.board.dropped == 5


async def test_records_that_wait_for_redis_are_bounded_too(redis_world):
    world = redis_world
    worker = await world.worker()
    worker.board._max_buffered = 10
    await world.go_away()

    for number in range(15):
        worker.board.record(world.call(f"c{number}"))

    assert worker.board.dropped == 5
    await world.come_back()
    await until(lambda: len(world.recorded()) == 10)
    assert [call.uid for call in world.recorded()] == [f"c{number}" for number in range(5, 15)]


@pytest.mark.acceptance("H96")
async def test_a_claim_dies_by_itself(redis_world):
    world = redis_world
    worker = await world.worker()

    assert await worker.board.claim("c1", "t1", 5) is True

    assert 4_000 < world.reader.pttl(pickup_claim("c1")) <= 5_000
    assert world.reader.get(pickup_claim("c1")) == "t1"


async def test_without_redis_a_worker_picks_among_its_own_calls(redis_world):
    world = redis_world
    worker = await world.worker()
    worker.board.put(call := world.call("c1"))
    await world.go_away()

    assert await worker.board.ringing(["sales"]) == [call]
    assert await worker.board.claim("c1", "t1", 5) is True
    assert await worker.board.claim("c1", "t2", 5) is False
    with pytest.raises(StoreUnavailable):
        await worker.board.claim("elsewhere", "t1", 5)

    await world.come_back()
    assert await worker.board.claim("c1", "t3", 5) is False
    await worker.board.release("c1", "t1")
    assert await worker.board.claim("c1", "t3", 5) is True
