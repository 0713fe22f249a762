"""Live subscriptions of real workers, as the web side asks for them."""

from __future__ import annotations

import time

import pytest

from pbx.audit.models import AuditEntry
from pbx.inspector.subscriptions import (
    NotLive,
    OwnerSilent,
    end_subscription,
    list_subscriptions,
    match_event,
)
from sipcore.contract import keys
from sipcore.contract.events import E_CALL_PICKUP, E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE
from sipcore.contract.subscriptions import ConditionRecord, SubscriptionRecord
from sipcore.ebr import glob, gt

CONTACTS = (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE)


def filters(items):
    return [str(live.record.conditions[0]) for live in items]


@pytest.mark.acceptance("H20")
def test_every_subscription_is_listed_with_what_it_waits_for(worker):
    worker.subscribe(CONTACTS, {"aor": "bob@t1", "expires_in": gt(0)}, 20, bound_to=worker, call_uid="c1")
    worker.subscribe(E_CALL_PICKUP, {"call": "c1"}, 60, call_uid="c1", max_fires=3)
    worker.raise_event(E_UL_CONTACT_INSERT, aor="bob@t1", expires_in=60)

    newest, oldest = list_subscriptions().items

    record = oldest.record
    assert (record.events, record.owner, record.call_uid, record.route) == (CONTACTS, "w1", "c1", "fork_call")
    assert [str(condition) for condition in record.conditions] == ["aor=bob@t1", "expires_in>0"]
    assert (oldest.fires, newest.fires) == (1, 0)
    assert 19 < oldest.left <= 20
    assert 0 <= oldest.age < 1
    assert (newest.record.events, newest.record.max_fires) == ((E_CALL_PICKUP,), 3)


def test_those_of_all_workers_are_one_list_newest_first_and_paged(start_worker):
    first, second = start_worker("w1"), start_worker("w2")
    for number in range(15):
        (first, second)[number % 2].subscribe(CONTACTS, {"aor": f"{number:02}@t1"})

    seen, before = [], None
    while True:
        page = list_subscriptions(before=before, limit=4)
        assert page.total == 15
        seen += filters(page.items)
        if (before := page.following) is None:
            break

    assert seen == [f"aor={number:02}@t1" for number in range(14, -1, -1)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"event": "E_CALL_PICKUP"}, ["call=c2"]),
        ({"call": "c1"}, ["aor=bob@t1"]),
        ({"text": "BOB"}, ["aor=bob@t1"]),
        ({"text": "fork_call"}, ["call=c2", "aor=bob@t1"]),
        ({"text": "nobody"}, []),
    ],
)
def test_the_list_is_narrowed(worker, asked, expected):
    worker.subscribe(CONTACTS, {"aor": "bob@t1"}, call_uid="c1")
    worker.subscribe(E_CALL_PICKUP, {"call": "c2"}, call_uid="c2")

    listed = list_subscriptions(**asked)

    assert filters(listed.items) == expected
    assert listed.total == len(expected)


def test_what_has_ended_is_not_listed(worker):
    worker.subscribe(CONTACTS, {"aor": "bob@t1"}, once=True)
    worker.subscribe(CONTACTS, {"aor": "short@t1"}, 0.05)
    worker.raise_event(E_UL_CONTACT_INSERT, aor="bob@t1")
    time.sleep(0.1)

    assert list_subscriptions().items == []


def test_asking_leaves_nothing_in_redis_and_costs_nothing_before(worker, store):
    worker.subscribe(CONTACTS, {"aor": "bob@t1"}, 0.5)
    assert store.keys("pbx:ebr:*") == []

    list_subscriptions()

    assert store.keys("pbx:answers:*") == []


def test_a_worker_that_does_not_answer_is_named(start_worker, store):
    first, second = start_worker("w1"), start_worker("w2")
    first.subscribe(CONTACTS, {"aor": "bob@t1"})
    store.zadd(keys.WORKERS, {"w3": time.time() + 10})  # died a moment ago
    second.stall(2)

    begun = time.monotonic()
    listed = list_subscriptions()

    assert (filters(listed.items), listed.silent) == (["aor=bob@t1"], ["w2", "w3"])
    assert 0.5 < time.monotonic() - begun < 1.8


def test_what_an_event_would_match_and_why_not_the_others(start_worker):
    first, second = start_worker("w1"), start_worker("w2")
    first.subscribe(CONTACTS, {"aor": "bob@t1", "transport": "tls"})
    first.subscribe(CONTACTS, {"aor": "carol@t1", "transport": "udp"})
    second.subscribe(E_UL_CONTACT_INSERT, {"aor": glob("b?b@t1")})
    second.subscribe(E_CALL_PICKUP, {"call": "c1"})

    matched = match_event(E_UL_CONTACT_INSERT, {"aor": "bob@t1", "transport": "udp"})

    assert (matched.total, matched.matches) == (3, 1)
    assert [(live.matches, filters([live])[0], live.failed) for live in matched.items] == [
        (True, "aor~b?b@t1", ()),
        (False, "aor=bob@t1", (1,)),
        (False, "aor=carol@t1", (0,)),
    ]
    assert first.handled == second.handled == [], "nothing has been raised"


def test_a_condition_on_the_call_is_tried_with_the_call(worker):
    worker.subscribe(E_UL_CONTACT_INSERT, {"call_uid": "c1"})

    assert match_event(E_UL_CONTACT_INSERT, {}, call_uid="c1").matches == 1
    assert match_event(E_UL_CONTACT_INSERT, {}, call_uid="c2").matches == 0


@pytest.mark.django_db
@pytest.mark.acceptance("H20")
def test_one_that_is_killed_can_never_fire_again_and_the_audit_log_says_who(start_worker):
    worker, other = start_worker("w1"), start_worker("w2")
    killed = worker.subscribe(CONTACTS, {"aor": "bob@t1"}, call_uid="c1")
    kept = worker.subscribe(CONTACTS, {"aor": "bob@t1"})
    worker.call(worker.store.event_bus.subscribed)

    ended = end_subscription(killed.id, actor="kim", way="pages")

    assert ended.record.id == killed.id
    worker.raise_event(E_UL_CONTACT_INSERT, aor="bob@t1")
    other.raise_event(E_UL_CONTACT_INSERT, aor="bob@t1")
    deadline = time.monotonic() + 5
    while kept.fires < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (killed.fires, kept.fires, killed.is_live) == (0, 2, False)
    (entry,) = AuditEntry.objects.all()
    assert (entry.actor, entry.way, entry.action, entry.subject) == ("kim", "pages", "subscription.killed", killed.id)
    assert (entry.detail["filter"], entry.detail["worker"], entry.detail["call"]) == (["aor=bob@t1"], "w1", "c1")


@pytest.mark.django_db
def test_one_that_waits_is_told_that_it_is_over(worker):
    outcome = []

    async def wait():
        outcome.append((await worker.routing.wait_for_event(CONTACTS, {"aor": "bob@t1"}, 20)).outcome)

    worker.call(worker._run, wait())
    (live,) = list_subscriptions().items
    assert live.record.kind == "wait"

    end_subscription(live.record.id, actor="kim", way="pages")

    deadline = time.monotonic() + 5
    while not outcome and time.monotonic() < deadline:
        time.sleep(0.01)
    assert outcome == ["gone"]


@pytest.mark.django_db
def test_what_is_not_live_cannot_be_killed(worker):
    ended = worker.subscribe(CONTACTS, {"aor": "bob@t1"})
    worker.call(ended.cancel)

    with pytest.raises(NotLive):
        end_subscription(ended.id, actor="kim", way="pages")

    assert AuditEntry.objects.count() == 0


@pytest.mark.django_db
def test_an_end_that_nobody_confirms_is_said_and_noted(worker):
    live = worker.subscribe(CONTACTS, {"aor": "bob@t1"})
    worker.stall(1.5)

    with pytest.raises(OwnerSilent) as silent:
        end_subscription(live.id, actor="kim", way="pages")

    assert silent.value.workers == ["w1"]
    assert AuditEntry.objects.get().action == "subscription.kill-unconfirmed"


def durable(worker, **fields):
    """Take up a durable subscription, as every worker does."""
    now = 1_700_000_000.0
    about = {"id": "d1", "owner": "w1", "created_at": now, "expires_at": time.time() + 60, "route": "note"}
    condition = ConditionRecord("aor", "eq", "bob@t1")
    record = SubscriptionRecord(
        events=CONTACTS, conditions=(condition,), kind="durable", bind="none", **{**about, **fields}
    )
    return worker.call(
        worker.routing.adopt, record, lambda event, bound_to: worker.handled.append(event), bound_to=None
    )


@pytest.mark.django_db
def test_a_durable_one_is_with_every_worker_and_is_one(start_worker):
    workers = [start_worker("w1"), start_worker("w2")]
    for worker in workers:
        durable(worker)
        worker.raise_event(E_UL_CONTACT_INSERT, aor="bob@t1")
        for number in range(5):
            worker.subscribe(CONTACTS, {"aor": f"{number}@t1"})

    listed = list_subscriptions(text="bob@t1")
    page, following = list_subscriptions(limit=10), list_subscriptions(limit=20).items[9].position
    assert ([live.fires for live in listed.items], listed.total) == ([2], 1)
    assert (page.total, len(page.items), page.following) == (11, 10, following)
    assert [live.record.id for live in list_subscriptions(before=page.following).items] == ["d1"]
    matched = match_event(E_UL_CONTACT_INSERT, {"aor": "bob@t1"})
    assert (matched.matches, matched.total) == (1, 11)

    end_subscription("d1", actor="kim", way="pages")

    for worker in workers:
        worker.raise_event(E_UL_CONTACT_INSERT, aor="bob@t1")
    assert [len(worker.handled) for worker in workers] == [1, 1]
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db
def test_the_end_of_a_durable_one_is_not_claimed_while_a_worker_is_silent(start_worker):
    first, second = start_worker("w1"), start_worker("w2")
    durable(first)
    durable(second)
    second.stall(1.5)

    with pytest.raises(OwnerSilent):
        end_subscription("d1", actor="kim", way="pages")

    assert AuditEntry.objects.get().action == "subscription.kill-unconfirmed"
