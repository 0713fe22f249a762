"""Event-based routing: subscribing, waiting, raising, and everything that ends a subscription."""

import asyncio
import gc
import sys
import tracemalloc

import pytest

from sipcore.contract.events import (
    CATALOGUE,
    E_CALL_PICKUP,
    E_CALL_RINGING,
    E_LIMIT_HIT,
    E_SUB_CANCELLED,
    E_SUB_FAILED,
    E_UL_AOR_INSERT,
    E_UL_CONTACT_INSERT,
    E_UL_CONTACT_UPDATE,
    E_WAIT_ARMED,
)
from sipcore.contract.records import replace
from sipcore.contract.subscriptions import ConditionRecord, SubscriptionRecord
from sipcore.ebr import compile_filter, gt
from sipcore.ebr.routing import MAX_NESTING, MAX_PENDING, MAX_PER_OWNER, MAX_TIMEOUT
from sipcore.errors import BadFilter, InvalidWord, NoSuchRoute, ScriptError, TransactionFinal, UnknownEvent

from .world import World, contact

CONTACTS = (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE)


class Heard(list):
    """A notification route that writes down what it is given."""

    __name__ = "heard"

    async def __call__(self, event, transaction):
        self.append((event.id, transaction))

    @property
    def ids(self):
        return [event_id for event_id, _ in self]


@pytest.mark.acceptance("H01")
async def test_a_subscription_fires_for_each_match_until_its_time_is_over():
    world, heard = World(), Heard()
    world.events.notify_on_event(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}, heard, 5, bound_to="T")

    world.advance(1)
    first = world.register()
    await world.settle()
    world.advance(2)
    second = world.register()
    world.advance(2.001)
    world.register()
    await world.settle()

    assert heard == [(first.id, "T"), (second.id, "T")]
    assert world.events.count == 0
    assert world.bus.records == {}


async def test_the_deadline_itself_is_too_late_even_before_the_timer_has_run():
    world, heard = World(), Heard()
    world.events.notify_on_event(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}, heard, 5)

    world.now += 4.999
    in_time = world.register()
    world.now = 105.0
    world.register()
    await world.settle()

    assert heard.ids == [in_time.id]


@pytest.mark.acceptance("H02")
async def test_once_fires_once_for_two_events_of_the_same_instant():
    world, heard = World(), Heard()
    subscription = world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, heard, 5, once=True)

    first = world.register()
    world.register(name=E_UL_CONTACT_UPDATE)
    await world.settle()

    assert heard.ids == [first.id]
    assert subscription.state == "matched"
    assert world.events.count == 0


async def test_max_fires_ends_it_after_that_many():
    world, heard = World(), Heard()
    world.events.notify_on_event(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}, heard, 5, max_fires=2)

    raised = [world.register() for _ in range(3)]
    await world.settle()

    assert heard.ids == [event.id for event in raised[:2]]


@pytest.mark.acceptance("H03")
@pytest.mark.parametrize(
    ("error", "events", "filter", "timeout"),
    [
        (BadFilter, CONTACTS, {"aor": ""}, 5),
        (BadFilter, CONTACTS, {"user": "bob"}, 5),
        (BadFilter, CONTACTS, {}, 5),
        (UnknownEvent, "E_NO_SUCH", {"aor": "bob@t1"}, 5),
        (InvalidWord, CONTACTS, {"aor": "bob@t1"}, 0),
        (InvalidWord, CONTACTS, {"aor": "bob@t1"}, -1),
        (InvalidWord, CONTACTS, {"aor": "bob@t1"}, float("nan")),
        (InvalidWord, CONTACTS, {"aor": "bob@t1"}, MAX_TIMEOUT + 1),
    ],
)
async def test_what_is_refused_leaves_nothing_behind(error, events, filter, timeout):
    world = World()

    with pytest.raises(error):
        world.events.notify_on_event(events, filter, Heard(), timeout, bound_to="T")
    with pytest.raises(error):
        await world.events.wait_for_event(events, filter, timeout)

    assert world.events.count == 0
    assert world.bus.records == {}
    assert world.timers == []
    assert world.events.release("T", "tx-final") == 0


async def test_a_route_is_a_function():
    world = World()

    with pytest.raises(NoSuchRoute):
        world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, "fork_call", 5)
    with pytest.raises(InvalidWord):
        world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, Heard(), 5, max_fires=0)


@pytest.mark.acceptance("H07")
async def test_the_same_user_of_another_domain_is_another_user():
    world, heard = World(), Heard()
    world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, heard, 5)

    world.register("bob@t2")
    await world.settle()

    assert heard == []


@pytest.mark.acceptance("H08")
async def test_every_condition_must_hold():
    world, heard = World(), Heard()
    world.events.notify_on_event(CONTACTS, {"aor": "bob@t1", "transport": "tls"}, heard, 5)

    world.register(transport="udp")
    over_tls = world.register(transport="tls")
    await world.settle()

    assert heard.ids == [over_tls.id]


@pytest.mark.acceptance("H10")
async def test_subscriptions_die_with_what_they_are_bound_to():
    world, heard = World(), Heard()
    first = world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, heard, 20, bound_to="T", call_uid="c1")
    second = world.events.notify_on_event(E_CALL_PICKUP, "group=1", heard, 20, bound_to="T", call_uid="c1")
    other = world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, heard, 20, bound_to="T2")

    released = world.events.release("T", "tx-final")
    event = world.register()
    await world.settle()

    assert released == 2
    assert [subscription.state for subscription in (first, second, other)] == ["cancelled", "cancelled", "live"]
    assert heard == [(event.id, "T2")]
    about = {"owner": "w1", "fires": 0, "why": "tx-final"}
    assert [(e.attributes, e.call_uid) for e in world.published(E_SUB_CANCELLED)] == [
        ({"sub": first.id, "event": "E_UL_CONTACT_INSERT|E_UL_CONTACT_UPDATE", "filter": "aor=bob@t1", **about}, "c1"),
        ({"sub": second.id, "event": "E_CALL_PICKUP", "filter": "group=1", **about}, "c1"),
    ]
    assert list(world.bus.records) == [other.id]
    assert world.events.release("T", "tx-final") == 0


async def test_a_worker_alone_says_that_a_subscription_was_cancelled_only_to_those_who_wait_for_it():
    world, heard = World(), Heard()
    world.bus.has_peers, world.bus.wanted = False, set()
    unheard = world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, Heard(), 20, bound_to="T")
    assert world.events.release("T", "tx-final") == 1
    world.events.notify_on_event(E_SUB_CANCELLED, None, heard, 20, bound_to="admin", match_all=True)
    second = world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, Heard(), 20, bound_to="T")

    world.events.release("T", "tx-final")
    await world.settle()

    assert not unheard.is_live
    assert [event.sub for event in world.published(E_SUB_CANCELLED)] == [second.id]
    assert heard.ids == [event.id for event in world.published(E_SUB_CANCELLED)]


async def test_what_was_matched_does_not_run_once_its_transaction_has_ended():
    world, heard = World(), Heard()
    world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, heard, 20, bound_to="T")
    world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, heard, 20, bound_to="T", once=True)

    world.register()
    world.events.release("T", "tx-final")
    await world.settle()

    assert heard == []


@pytest.mark.acceptance("H11")
async def test_ten_thousand_expire_without_any_event():
    world, heard = World(), Heard()
    for number in range(10_000):
        world.events.notify_on_event(CONTACTS, {"aor": f"{number}@t1"}, heard, 20, bound_to=f"T{number % 3000}")
    assert world.events.count == len(world.bus.records) == 10_000

    world.advance(20)

    assert world.events.count == 0
    assert world.bus.records == {}
    assert world.bus.published == []
    assert len(world.events._deadlines) == len(world.events._index) == len(world.events._owners) == 0
    assert world.timers == []


async def test_the_memory_of_two_hundred_thousand_comes_back():
    world, heard = World(), Heard()
    blocks = []
    for _ in range(5):  # the first round is for what is made once, such as the room that a dictionary keeps
        for number in range(40_000):
            world.events.notify_on_event(CONTACTS, {"aor": f"{number}@t1"}, heard, 20, bound_to=f"T{number}")
        assert world.events.count == 40_000
        world.advance(20)
        gc.collect()
        blocks.append(sys.getallocatedblocks())

    assert world.events.count == 0
    assert blocks[-1] - blocks[0] < 1000, "less than one block for each 160 subscriptions"


async def test_ended_subscriptions_do_not_pile_up_until_their_deadline():
    world, heard = World(), Heard()

    for _ in range(1_000):
        world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, heard, 3600, bound_to="T")
        world.events.release("T", "tx-final")

    assert len(world.events._deadlines) < 100
    assert len(world.events._owners) == 0


async def test_an_ended_subscription_lets_go_of_its_transaction():
    world, heard = World(), Heard()
    transaction = type("Transaction", (), {})()
    world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, heard, 3600, bound_to=transaction)
    world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, heard, 3600, bound_to=transaction, once=True)
    world.register()
    await world.settle()
    heard.clear()
    held = sys.getrefcount(transaction)

    world.events.release(transaction, "tx-final")
    gc.collect()

    assert sys.getrefcount(transaction) < held
    assert not [each for each in gc.get_referrers(transaction) if type(each).__module__.startswith("sipcore")]


@pytest.mark.acceptance("H13")
async def test_a_failing_handler_fails_alone(caplog):
    world, heard, calls = World(), Heard(), []

    async def broken(event, transaction):
        calls.append(event.id)
        raise ZeroDivisionError("oh")

    failing = world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, broken, 20, bound_to="T", call_uid="c1")
    sound = world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, heard, 20, bound_to="T")

    first = world.register()
    second = world.register()
    await world.settle()
    third = world.register()
    await world.settle()

    assert calls == [first.id]
    assert heard.ids == [first.id, second.id, third.id]
    assert (failing.state, sound.state) == ("failed", "live")
    (failed,) = world.published(E_SUB_FAILED)
    assert failed.attributes == {
        "sub": failing.id,
        "event": "E_UL_CONTACT_INSERT|E_UL_CONTACT_UPDATE",
        "filter": "aor=bob@t1",
        "owner": "w1",
        "fires": 2,
        "error": "broken: ZeroDivisionError: oh",
        "script": "test_routing.py",
        "line": broken.__code__.co_firstlineno + 2,
    }
    assert (failed.call_uid, failed.cause_id) == ("c1", first.id)
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]


async def test_a_handler_that_comes_too_late_is_no_failure(caplog):
    world = World()

    async def inject(event, transaction):
        raise TransactionFinal("answered elsewhere")

    subscription = world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, inject, 20, bound_to="T")
    world.register()
    await world.settle()

    assert subscription.state == "cancelled"
    assert [event.why for event in world.published(E_SUB_CANCELLED)] == ["tx-final"]
    assert world.published(E_SUB_FAILED) == []
    assert caplog.records == []


@pytest.mark.acceptance("H14")
async def test_waiting_ends_with_the_time():
    world = World()
    waiting = asyncio.ensure_future(world.events.wait_for_event(CONTACTS, {"aor": "bob@t1"}, 2, bound_to="T"))
    await world.settle()

    world.advance(1.999)
    await world.settle()
    assert not waiting.done()
    world.advance(0.001)
    world.register()

    result = await waiting
    assert (result.outcome, result.event, bool(result)) == ("timeout", None, False)
    assert world.events.count == 0


@pytest.mark.acceptance("H14")
async def test_waiting_ends_with_the_first_match():
    world = World()
    waiting = asyncio.ensure_future(world.events.wait_for_event(CONTACTS, {"aor": "bob@t1"}, 2, bound_to="T"))
    await world.settle()

    world.advance(1)
    event = world.register()
    world.register()
    world.events.release("T", "tx-cancelled")
    world.advance(2)

    result = await waiting
    assert result.outcome == "match"
    assert result.event is event
    assert result.event.aor == "bob@t1"
    assert world.published(E_SUB_CANCELLED) == []


@pytest.mark.acceptance("H14")
@pytest.mark.parametrize(("why", "outcome"), [("tx-cancelled", "cancelled"), ("tx-final", "gone"), ("admin", "gone")])
async def test_waiting_ends_with_the_transaction(why, outcome):
    world = World()
    waiting = asyncio.ensure_future(world.events.wait_for_event(CONTACTS, {"aor": "bob@t1"}, 2, bound_to="T"))
    await world.settle()

    world.advance(1)
    world.events.release("T", why)
    world.register()
    world.advance(2)

    assert (await waiting).outcome == outcome


async def test_a_task_that_is_cancelled_while_waiting_leaves_nothing_behind():
    world = World()
    waiting = asyncio.ensure_future(world.events.wait_for_event(CONTACTS, {"aor": "bob@t1"}, 2, bound_to="T"))
    await world.settle()
    assert world.events.count == 1

    waiting.cancel()
    await asyncio.wait([waiting])

    assert world.events.count == 0
    assert world.bus.records == {}


@pytest.mark.acceptance("H15")
async def test_events_raised_by_their_own_handler_stop_at_the_limit():
    world, depth = World(), []

    async def again(event, transaction):
        depth.append(event.id)
        world.register()

    subscription = world.events.notify_on_event(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}, again, 20)
    world.register()
    await world.settle()

    assert len(depth) == MAX_NESTING
    assert [event.attributes for event in world.published(E_LIMIT_HIT)] == [{"limit": "nesting", "value": MAX_NESTING}]
    assert subscription.is_live
    before = len(depth)
    world.register()
    await world.settle()
    assert len(depth) == before + MAX_NESTING


async def test_handlers_of_one_transaction_run_one_after_the_other():
    world, log, gate = World(), [], asyncio.Event()

    async def slow(event, transaction):
        log.append(("slow in", transaction))
        await gate.wait()
        log.append(("slow out", transaction))

    async def quick(event, transaction):
        log.append(("quick", transaction))

    world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, slow, 20, bound_to="T1")
    world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, quick, 20, bound_to="T1")
    world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, quick, 20, bound_to="T2")
    world.register()
    await world.settle()
    assert log == [("slow in", "T1"), ("quick", "T2")]

    gate.set()
    await world.settle()

    assert log[2:] == [("slow out", "T1"), ("quick", "T1")]


async def test_a_handler_may_wait_for_an_event_of_its_own_transaction():
    world, results = World(), []

    async def handler(event, transaction):
        results.append(await world.events.wait_for_event(E_CALL_PICKUP, "call=c1", 5, bound_to=transaction))

    world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, handler, 20, bound_to="T")
    world.register()
    await world.settle()
    world.events.raise_event(E_CALL_PICKUP, {"call": "c1", "picker": "dan@t1"})
    await world.settle()

    assert [result.event.picker for result in results] == ["dan@t1"]


async def test_a_flood_for_one_transaction_is_dropped_and_told_once():
    world, gate = World(), asyncio.Event()

    async def stuck(event, transaction):
        await gate.wait()

    subscription = world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, stuck, 20, bound_to="T")
    world.register()
    await world.settle()
    for _ in range(MAX_PENDING + 5):
        world.register()

    assert world.events.dropped == 5
    assert [event.value for event in world.published(E_LIMIT_HIT)] == [MAX_PENDING]
    gate.set()
    await world.settle()
    await world.settle()
    assert subscription.fires == MAX_PENDING + 1


async def test_one_transaction_cannot_subscribe_without_end():
    world = World()
    for _ in range(MAX_PER_OWNER):
        world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, Heard(), 20, bound_to="T")

    with pytest.raises(InvalidWord):
        world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, Heard(), 20, bound_to="T")

    assert world.events.count == MAX_PER_OWNER
    assert len(world.published(E_LIMIT_HIT)) == 1


@pytest.mark.acceptance("H16")
async def test_an_event_costs_only_the_subscriptions_for_its_own_aor():
    world, heard = World(), Heard()
    for number in range(50_000):
        world.events.notify_on_event(CONTACTS, {"aor": f"{number}@t1"}, heard, 20)
    unindexed = world.events.notify_on_event(E_UL_CONTACT_INSERT, "aor=*@t2", heard, 20)

    world.register("777@t1")

    assert world.events.evaluations == 2
    assert world.events.fired == 1
    assert unindexed.fires == 0
    await world.settle()
    assert len(heard) == 1


async def test_a_live_subscription_takes_less_than_two_kilobytes():
    world, heard = World(), Heard()
    owners = [object() for _ in range(2_000)]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number, owner in enumerate(owners):
            world.events.notify_on_event(CONTACTS, {"aor": f"{number}@t1"}, heard, 20, bound_to=owner)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (after - before) / len(owners) < 2048


async def test_subscriptions_fire_in_the_order_in_which_they_were_made():
    world, order = World(), []

    def route(number):
        return lambda event, transaction: order.append(number)

    world.events.notify_on_event(E_CALL_PICKUP, "group=*", route(1), 20, bound_to="T")
    world.events.notify_on_event(E_CALL_PICKUP, {"group": "1"}, route(2), 20, bound_to="T")
    world.events.notify_on_event(E_CALL_PICKUP, {"call": "c1"}, route(3), 20, bound_to="T")
    world.events.notify_on_event(E_CALL_PICKUP, {"group": "1", "picker": "dan@t1"}, route(4), 20, bound_to="T")
    world.events.notify_on_event(E_CALL_PICKUP, {"group": "2"}, route(5), 20, bound_to="T")

    world.events.raise_event(E_CALL_PICKUP, {"group": "1", "call": "c1", "picker": "dan@t1"})
    await world.settle()

    assert order == [1, 2, 3, 4]


@pytest.mark.acceptance("H19")
async def test_a_thousand_calls_share_a_filter_object_and_nothing_else():
    world, heard, filter = World(), [], {}
    for number in range(1_000):
        filter["aor"] = f"{number}@t1"
        world.events.notify_on_event(CONTACTS, filter, lambda e, t: heard.append((e.aor, t)), 20, bound_to=f"T{number}")

    filter["aor"] = "nobody@t1"
    for number in range(1_000):
        world.register(f"{number}@t1")
    await world.settle()

    assert sorted(heard) == sorted((f"{number}@t1", f"T{number}") for number in range(1_000))


async def test_local_subscriptions_are_served_before_the_bus():
    world, heard = World(), []
    world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, lambda e, t: heard.append(e), 20)
    subscription = next(iter(world.events.live()))
    world.bus.publish = lambda event: heard.append(("published", subscription.fires))

    event = world.register()
    await world.settle()

    assert heard == [("published", 1), event]


async def test_an_event_carries_its_envelope_and_copies_its_attributes():
    world, groups = World(), ["sales"]

    event = world.events.raise_event(
        E_CALL_RINGING, {"caller": "alice@t1", "groups": groups}, call_uid="c1", cause_id="id0"
    )
    groups.append("ops")

    assert (event.name, event.node, event.ts, event.call_uid, event.cause_id) == (
        E_CALL_RINGING,
        "w1",
        1_700_000_100.0,
        "c1",
        "id0",
    )
    assert event.attributes == {"caller": "alice@t1", "groups": ["sales"]}
    assert world.bus.published == [event]


@pytest.mark.parametrize(
    ("name", "attributes", "message"),
    [
        ("E_CALL_PIKUP", {}, "did you mean E_CALL_PICKUP"),
        (E_CALL_PICKUP, {"gruop": "1"}, "no attribute 'gruop'; did you mean group"),
        (E_CALL_PICKUP, {"group": 1}, "group is str, and 1 is int"),
        (E_CALL_PICKUP, {"group": None}, "group is str, and None is NoneType"),
        (E_UL_CONTACT_INSERT, {"expires": True}, "expires is int, and True is bool"),
    ],
)
async def test_an_event_is_raised_as_declared(name, attributes, message):
    world = World()

    with pytest.raises(ScriptError, match=message):
        world.events.raise_event(name, attributes)

    assert world.bus.published == []


async def test_what_is_as_good_as_the_declared_type_is_converted():
    world = World()

    ringing = world.events.raise_event(E_CALL_RINGING, {"groups": ("sales", "ops")})
    armed = world.events.raise_event(E_WAIT_ARMED, {"seconds": 20, "branches": 1})

    assert ringing.attributes == {"groups": ["sales", "ops"]}
    assert (type(armed.seconds), armed.seconds) == (float, 20.0)


async def test_an_event_from_another_worker_is_delivered_to_the_subscription_it_names():
    world, heard, elsewhere = World(), Heard(), World()
    subscription = world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, heard, 5, bound_to="T")
    event = elsewhere.events.raise_event(E_UL_CONTACT_UPDATE, contact())

    assert world.events.deliver(subscription.id, event) is True
    await world.settle()
    assert heard == [(event.id, "T")]

    assert world.events.deliver("no such", event) is False
    for other in (
        elsewhere.events.raise_event(E_UL_CONTACT_UPDATE, contact("carol@t1")),
        elsewhere.events.raise_event(E_UL_AOR_INSERT, {"aor": "bob@t1"}),
    ):
        assert world.events.deliver(subscription.id, other) is False
    world.now += 5
    assert world.events.deliver(subscription.id, event) is False
    await world.settle()
    assert len(heard) == 1
    assert world.bus.published == []


async def test_an_event_of_the_web_side_is_matched_here_and_not_published_again():
    world, heard, web = World(), Heard(), World()
    world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, heard, 5, bound_to="T")
    event = web.events.raise_event(E_UL_CONTACT_UPDATE, contact())

    assert world.events.receive(event) == 1
    assert world.events.receive(replace(event, name="E_NO_SUCH")) == 0
    await world.settle()

    assert heard == [(event.id, "T")]
    assert (world.bus.published, world.bus.offered) == ([], [event])


async def test_the_record_says_who_waits_for_what_until_when():
    world = World()

    async def fork_call(event, transaction):
        pass

    subscription = world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, fork_call, 20, call_uid="c1")

    assert world.bus.records == {
        subscription.id: SubscriptionRecord(
            id=subscription.id,
            events=CONTACTS,
            conditions=(ConditionRecord("aor", "eq", "bob@t1"),),
            owner="w1",
            expires_at=1_700_000_120.0,
            created_at=1_700_000_100.0,
            call_uid="c1",
            route="fork_call",
            kind="notify",
        )
    }


async def test_a_killed_subscription_never_fires_again():
    world, heard = World(), Heard()
    subscription = world.events.notify_on_event(CONTACTS, {"aor": "bob@t1"}, heard, 20)

    world.register()
    assert world.events.cancel(subscription.id, "admin") is True
    world.register()
    await world.settle()

    assert heard == []
    assert [event.why for event in world.published(E_SUB_CANCELLED)] == ["admin"]
    assert subscription.cancel() is False


async def test_context_is_a_third_argument_when_given():
    world, heard = World(), []
    world.events.notify_on_event(
        CONTACTS, {"aor": "bob@t1"}, lambda *arguments: heard.append(arguments), 20, bound_to="T", context={"ring": 5}
    )

    event = world.register()
    await world.settle()

    assert heard == [(event, "T", {"ring": 5})]


async def test_a_filter_may_be_compiled_when_the_script_is_loaded():
    world, heard = World(), Heard()
    soon = compile_filter(CONTACTS, {"expires_in": gt(0)})
    world.events.notify_on_event(CONTACTS, soon, heard, 20)

    event = world.register(expires_in=5)
    world.register(expires_in=0)
    await world.settle()

    assert heard.ids == [event.id]


async def test_a_subscription_to_everything_hears_everything_of_that_name():
    world, heard = World(), Heard()
    world.events.notify_on_event(E_UL_CONTACT_INSERT, None, heard, 20, match_all=True)

    event = world.register("anybody@t9")
    world.register("anybody@t9", name=E_UL_CONTACT_UPDATE)
    await world.settle()

    assert heard.ids == [event.id]


def test_every_indexed_attribute_is_a_declared_text():
    for declared in CATALOGUE.values():
        assert [declared.attributes[key] for key in declared.index] == [str] * len(declared.index)
