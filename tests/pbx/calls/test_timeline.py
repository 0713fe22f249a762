"""What happened in a call outlives the event log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from pbx.calls import tasks, timeline
from pbx.calls.models import CallEvent, LogPosition
from sipcore.contract import keys

pytestmark = pytest.mark.django_db


@pytest.fixture
def happen(store):
    """Write an event into the log; return its cursor."""

    def write(name: str = "E_CALL_STARTED", call_uid: str = "c1", ts: float = 1000.0, **attributes) -> str:
        event = {"id": f"e{ts}", "name": name, "ts": ts, "node": "w1", "attributes": attributes}
        return store.xadd(keys.EVENTS_LOG, {"event": json.dumps({**event, "call_uid": call_uid, "cause_id": "e0"})})

    return write


def names(uid="c1"):
    return [event["name"] for event in timeline.timeline(uid)]


def test_the_timeline_of_a_call_survives_the_log(happen, store):
    happen("E_CALL_STARTED", caller="101@pbx.test")
    happen("E_CALL_STARTED", call_uid="c2")
    happen("E_NODE_UP", call_uid="")
    happen("E_CALL_ENDED", ts=1001.0)
    before = timeline.timeline("c1")

    tasks.keep_call_events()
    store.delete(keys.EVENTS_LOG)

    assert timeline.timeline("c1") == before
    assert [(event["name"], event["ts"]) for event in before] == [("E_CALL_STARTED", 1000.0), ("E_CALL_ENDED", 1001.0)]
    assert before[0]["attributes"] == {"caller": "101@pbx.test"}
    assert CallEvent.objects.count() == 3


def test_what_has_not_been_kept_yet_is_shown_too(happen):
    happen("E_CALL_STARTED")
    timeline.keep_events()
    happen("E_CALL_RINGING", ts=1001.0)

    assert names() == ["E_CALL_STARTED", "E_CALL_RINGING"]


def test_each_event_is_kept_once_and_no_secret_with_it(happen, monkeypatch):
    monkeypatch.setattr(timeline, "BATCH", 3)
    for number in range(10):
        happen(ts=float(number), token="t0k3n", text="odd \ud800 \0 text")

    assert timeline.keep_events() == 10
    assert timeline.keep_events() == 0
    LogPosition.objects.update(cursor="0-0")
    timeline.keep_events()

    assert CallEvent.objects.count() == 10
    assert not CallEvent.objects.filter(attributes__contains="t0k3n").exists()
    assert timeline.timeline("c1")[0]["attributes"] == {"text": "odd \ud800 \0 text"}


def test_without_redis_there_is_what_has_been_kept(happen, settings, caplog):
    from pbx import store as stores

    happen()
    timeline.keep_events()
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    stores.store.cache_clear()
    try:
        assert names() == ["E_CALL_STARTED"]
        tasks.keep_call_events()
        assert "kept later" in caplog.text
    finally:
        stores.store.cache_clear()


def test_events_are_forgotten_with_their_calls(happen, settings):
    settings.KEEP_CALLS_DAYS = 30
    now = datetime.now(UTC)
    happen("E_CALL_STARTED", ts=(now - timedelta(days=31)).timestamp())
    happen("E_CALL_STARTED", call_uid="c2", ts=(now - timedelta(days=29)).timestamp())
    timeline.keep_events()

    tasks.forget_calls()

    assert (names("c1"), names("c2")) == ([], ["E_CALL_STARTED"])


def test_an_entry_that_cannot_be_read_is_passed_over(happen, store):
    store.xadd(keys.EVENTS_LOG, {"event": "{"})
    store.xadd(keys.EVENTS_LOG, {"other": "x"})
    happen()

    assert timeline.keep_events() == 1
