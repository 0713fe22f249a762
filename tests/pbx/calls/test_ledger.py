"""Call records arrive in Postgres once, whatever is interrupted or done twice."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from pbx.calls import ledger, tasks
from pbx.calls.models import CallBranchRecord, CallRecord
from sipcore.contract import calls, keys
from sipcore.contract.records import to_json

pytestmark = pytest.mark.django_db(transaction=True)

NOON = 1_700_000_000.0


def a_call(uid: str = "u1", **fields) -> calls.CallRecord:
    about = {"call_id": f"{uid}@host", "caller": "100@pbx.test", "caller_name": "Alice", "dialled": "101"}
    times = {"started_at": NOON, "ringing_at": NOON + 1, "answered_at": NOON + 5, "ended_at": NOON + 65}
    ended = {"state": "ended", "code": 200, "reason": "answered", "answered_by": "102@pbx.test"}
    return calls.CallRecord(uid=uid, callee="101@pbx.test", **{**about, **times, **ended, **fields})


def a_branch(branch_id: str = "b1", **fields) -> calls.BranchState:
    about = {"target": "101@pbx.test", "contact": "sip:101@192.0.2.1", "device": "Phone/1", "source": "event"}
    return calls.BranchState(branch_id, **{**about, **fields})


@pytest.fixture
def finish(store):
    """Leave records in Redis, as a worker does."""

    def leave(*records: calls.CallRecord | str) -> None:
        for record in records:
            store.rpush(keys.CALL_RECORDS, record if isinstance(record, str) else to_json(record))

    return leave


def test_a_finished_call_is_kept_with_its_branches(finish, store):
    branch = a_branch(state="cancelled", code=487, started_at=NOON, ended_at=NOON + 5)
    finish(a_call(groups=("3",), picked_by="102@pbx.test", hangup_by="caller", waking=2, branches=(branch,)))

    tasks.drain_call_records()

    row = CallRecord.objects.get()
    assert (row.caller, row.dialled, row.answered_by, row.picked_by) == (
        *("100@pbx.test", "101", "102@pbx.test", "102@pbx.test"),
    )
    assert (row.code, row.reason, row.hangup_by, row.waking, row.groups) == (200, "answered", "caller", 2, ["3"])
    assert row.started_at == datetime.fromtimestamp(NOON, UTC)
    assert (row.ring_time, row.talk_time) == (timedelta(seconds=5), timedelta(minutes=1))
    (kept,) = row.branches.all()
    assert (kept.branch_id, kept.source, kept.state, kept.code) == ("b1", "event", "cancelled", 487)
    assert store.llen(keys.CALL_RECORDS) == 0


def test_every_field_of_the_contract_has_its_column():
    ours = {field.name for field in CallRecord._meta.get_fields()}
    of_branches = {field.name for field in CallBranchRecord._meta.get_fields()}

    assert set(calls.CallState.__struct_fields__) <= ours
    assert set(calls.BranchState.__struct_fields__) - {"id"} <= of_branches


def test_a_time_that_never_came_is_null(finish):
    finish(a_call(ringing_at=0.0, answered_at=0.0, code=480, reason="unreachable"))

    ledger.drain()

    row = CallRecord.objects.get()
    assert (row.ringing_at, row.answered_at, row.talk_time) == (None, None, None)
    assert row.ring_time == timedelta(seconds=65)


def test_a_crash_before_the_removal_repeats_and_changes_nothing(finish, store):
    record = a_call(branches=(a_branch(),))
    ledger.keep([record])
    finish(record)

    ledger.drain()

    assert (CallRecord.objects.count(), CallBranchRecord.objects.count()) == (1, 1)
    assert store.llen(keys.CALL_RECORDS) == 0


def test_a_later_record_of_the_same_call_corrects_the_earlier(finish):
    finish(
        a_call(reason="lost", branches=(a_branch(state="ringing"),)),
        a_call(reason="answered", branches=(a_branch(state="answered"),)),
    )

    ledger.drain()

    assert CallRecord.objects.get().reason == "answered"
    assert CallBranchRecord.objects.get().state == "answered"


def test_records_stay_in_redis_when_postgres_does_not_take_them(finish, store, monkeypatch):
    finish(a_call())

    def away(records):
        raise ConnectionError("Postgres is away")

    monkeypatch.setattr(ledger, "keep", away)
    with pytest.raises(ConnectionError):
        ledger.drain()

    assert store.llen(keys.CALL_RECORDS) == 1


def test_what_is_no_record_does_not_stop_those_behind_it(finish, store, caplog):
    finish("{", '{"uid": "u0"}', a_call("u1", code=10**12), a_call("u2"))

    ledger.drain()

    assert [row.uid for row in CallRecord.objects.all()] == ["u2"]
    assert store.llen(keys.CALL_RECORDS) == 0
    assert caplog.text.count("no call record") == 2
    assert caplog.text.count("cannot be kept") == 1


def test_what_a_phone_says_about_itself_is_cut_to_its_column(finish):
    finish(a_call(caller_name="x" * 500, branches=(a_branch(device="y\0" * 500),)))

    ledger.drain()

    assert len(CallRecord.objects.get().caller_name) == 128
    assert CallBranchRecord.objects.get().device == "y" * 255


def test_more_than_a_batch_is_drained_in_order(finish, monkeypatch):
    monkeypatch.setattr(ledger, "BATCH", 3)
    finish(*(a_call(f"u{number}") for number in range(8)))

    assert ledger.drain() == 8

    assert list(CallRecord.objects.order_by("pk").values_list("uid", flat=True)) == [f"u{n}" for n in range(8)]


def test_records_that_come_while_draining_are_not_lost(finish, monkeypatch):
    keep = ledger.keep

    def keep_and_finish_another(records):
        keep(records)
        if len(records) == 1 and records[0].uid == "u1":
            finish(a_call("u2"))

    monkeypatch.setattr(ledger, "keep", keep_and_finish_another)
    finish(a_call("u1"))

    ledger.drain()

    assert CallRecord.objects.count() == 2


def test_two_drains_at_the_same_time_lose_nothing_and_double_nothing(finish, store, monkeypatch):
    monkeypatch.setattr(ledger, "BATCH", 5)
    finish(*(a_call(f"u{number:02}", branches=(a_branch(),)) for number in range(40)))
    drains = [threading.Thread(target=lambda: (ledger.drain(), connection.close())) for _ in range(3)]
    for drain in drains:
        drain.start()
    for drain in drains:
        drain.join(20)

    assert (CallRecord.objects.count(), CallBranchRecord.objects.count()) == (40, 40)
    assert store.llen(keys.CALL_RECORDS) == 0


def test_without_redis_the_job_waits_for_the_next_time(settings):
    from pbx import store as stores

    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    stores.store.cache_clear()
    try:
        tasks.drain_call_records()
    finally:
        stores.store.cache_clear()


def test_old_calls_are_forgotten_with_their_branches(finish, settings, monkeypatch):
    settings.KEEP_CALLS_DAYS = 30
    monkeypatch.setattr(ledger, "BATCH", 2)
    day = 86400
    now = datetime.fromtimestamp(NOON + 40 * day, UTC)
    for number, age in enumerate((40, 39, 31, 29, 0)):
        started = NOON + (40 - age) * day
        finish(a_call(f"u{number}", started_at=started, branches=(a_branch(state="answered"),)))
    tasks.drain_call_records()

    assert ledger.forget(now) == 3

    assert set(CallRecord.objects.values_list("uid", flat=True)) == {"u3", "u4"}
    assert set(CallBranchRecord.objects.values_list("call__uid", flat=True)) == {"u3", "u4"}
    assert ledger.forget(now) == 0


def test_calls_are_kept_for_ever_when_the_operator_says_so(finish, settings):
    settings.KEEP_CALLS_DAYS = 0
    finish(a_call())
    tasks.drain_call_records()

    assert ledger.forget(datetime(2100, 1, 1, tzinfo=UTC)) == 0
    assert CallRecord.objects.exists()
