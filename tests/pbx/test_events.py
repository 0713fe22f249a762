"""Events of the web side reach the feed and the log, and nothing but what the catalogue declares."""

from __future__ import annotations

import json
import time

import pytest

from pbx import celery
from pbx import store as stores
from pbx.events import raise_event
from sipcore.contract import keys
from sipcore.contract.event_log import Retention, read_entry
from sipcore.contract.events import E_PUSH_WOKE, Event
from sipcore.contract.records import from_dict


def test_an_event_is_in_the_log(store):
    event = raise_event(E_PUSH_WOKE, aor="101@pbx.test", device="k1", ms=1800, call_uid="u1")

    ((cursor, fields),) = store.xrange(keys.EVENTS_LOG)
    assert read_entry(cursor, fields) == event
    assert read_entry(cursor, fields).cursor == cursor
    assert (event.ms, event.call_uid) == (1800, "u1")


def test_a_worker_is_told_of_it_as_well(store):
    listening = store.pubsub(ignore_subscribe_messages=True)
    listening.subscribe(keys.worker_channel("w1"))
    listening.get_message(timeout=1)

    event = raise_event(E_PUSH_WOKE, aor="101@pbx.test", device="k1", ms=1800, worker="w1")

    told = json.loads(listening.get_message(timeout=1)["data"])
    assert (told["op"], from_dict(Event, told["event"])) == ("raised", event)


def test_an_event_for_no_worker_in_particular_is_told_to_one_that_lives(store):
    now = time.time()
    store.zadd(keys.WORKERS, {"dead": now - 1, "w1": now + 10})
    listening = store.pubsub(ignore_subscribe_messages=True)
    listening.subscribe(keys.worker_channel("w1"), keys.worker_channel("dead"))
    listening.get_message(timeout=1)
    listening.get_message(timeout=1)

    event = raise_event(E_PUSH_WOKE, aor="101@pbx.test", device="k1", ms=1800)

    told = listening.get_message(timeout=1)
    assert told["channel"] == keys.worker_channel("w1")
    assert json.loads(told["data"])["event"]["id"] == event.id
    assert listening.get_message(timeout=0.05) is None


def test_ids_sort_by_time(store):
    ids = [raise_event(E_PUSH_WOKE, aor="a", device="k", ms=number).id for number in range(20)]

    assert len(set(ids)) == 20
    assert [event_id.partition("-")[0] for event_id in ids] == sorted(event_id.partition("-")[0] for event_id in ids)


@pytest.mark.parametrize("attributes", [{"aor": "a"}, {"aor": "a", "device": "k", "ms": 1, "token": "secret"}])
def test_only_declared_attributes_can_be_told(attributes, store):
    with pytest.raises(TypeError, match="E_PUSH_WOKE takes aor, device, ms"):
        raise_event(E_PUSH_WOKE, **attributes)

    assert store.xlen(keys.EVENTS_LOG) == 0


def test_the_log_is_bounded(store, settings):
    settings.EVENT_RETENTION = Retention(entries=100)

    for number in range(400):
        raise_event(E_PUSH_WOKE, aor="a", device="k", ms=number)

    assert 100 <= store.xlen(keys.EVENTS_LOG) < 300  # whole nodes of the stream go


def test_in_quiet_times_what_is_past_its_time_goes_too(store, settings):
    settings.EVENT_RETENTION = Retention(hours=24)
    seconds, _ = store.time()
    for hours in (48, 25, 23, 0):
        store.xadd(keys.EVENTS_LOG, {"event": "{}"}, id=f"{(seconds - hours * 3600) * 1000}-1")

    celery.forget_events()

    assert [cursor for cursor, _ in store.xrange(keys.EVENTS_LOG)] == [
        f"{(seconds - hours * 3600) * 1000}-1" for hours in (23, 0)
    ]


def test_without_redis_an_event_is_news_nobody_hears(settings, caplog):
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    stores.store.cache_clear()
    try:
        raise_event(E_PUSH_WOKE, aor="a", device="k", ms=1)
        celery.forget_events()
    finally:
        stores.store.cache_clear()

    assert "E_PUSH_WOKE was not told to anybody" in caplog.text
    assert "old events are forgotten later" in caplog.text
