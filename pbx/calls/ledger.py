"""Writing call records: read from Redis, written to Postgres, and only then removed from Redis; and their end.

A crash between any two steps repeats work and loses nothing: a record is written under its uid, so that writing it twice
is writing it once, and it is removed from the list by value, so that of two drains at the same time neither removes what
the other has not written.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import DataError, IntegrityError, transaction

from pbx.store import store
from sipcore.contract import calls, keys
from sipcore.contract.records import from_json

from .models import CallBranchRecord, CallRecord

__all__ = ["BATCH", "drain", "forget", "keep"]

log = logging.getLogger(__name__)

BATCH = 500  # records to a transaction

_TIMES = ("started_at", "ringing_at", "answered_at", "ended_at")
_COPIED = (
    *("call_id", "caller", "caller_name", "dialled", "callee", "state", "code", "reason"),
    *("hangup_by", "answered_by", "picked_by", "waking", "worker"),
)
_BRANCH_COPIED = ("target", "contact", "key", "device", "source", "state", "code")


def drain() -> int:
    """Move the records that wait in Redis to Postgres; return how many. Raises StoreError when Redis is away."""
    moved = 0
    while texts := store().lrange(keys.CALL_RECORDS, 0, BATCH - 1):
        _keep_what_can_be_kept([record for text in texts if (record := _read(text)) is not None])
        pipe = store().pipeline()
        for text in texts:
            pipe.lrem(keys.CALL_RECORDS, 1, text)  # found at once: it is at the head
        pipe.execute()
        moved += len(texts)
    return moved


def keep(records: Sequence[calls.CallRecord]) -> None:
    """Write finished calls and their branches, over what was written of them before."""
    latest = {record.uid: record for record in records}
    rows = [_row(record) for record in latest.values()]
    columns = [*_COPIED, *_TIMES, "groups"]
    with transaction.atomic():
        CallRecord.objects.bulk_create(rows, update_conflicts=True, unique_fields=["uid"], update_fields=columns)
        ids = dict(CallRecord.objects.filter(uid__in=latest).values_list("uid", "pk"))
        branches = [
            _branch_row(ids[record.uid], branch)
            for record in latest.values()
            for branch in {branch.id: branch for branch in record.branches}.values()
        ]
        CallBranchRecord.objects.bulk_create(
            branches,
            update_conflicts=True,
            unique_fields=["call", "branch_id"],
            update_fields=[*_BRANCH_COPIED, "started_at", "ended_at"],
        )


def forget(now: datetime) -> int:
    """Delete calls that started more than PBX_KEEP_CALLS_DAYS ago, with their branches; return how many calls.

    In transactions of BATCH, oldest first: years of calls are not one lock, and what is interrupted goes on next time.
    """
    if not settings.KEEP_CALLS_DAYS:
        return 0
    old = CallRecord.objects.filter(started_at__lt=now - timedelta(days=settings.KEEP_CALLS_DAYS)).order_by(
        "started_at"
    )
    forgotten = 0
    while oldest := list(old.values_list("pk", flat=True)[:BATCH]):
        deleted = CallRecord.objects.filter(pk__in=oldest).delete()[1]
        forgotten += deleted.get(CallRecord._meta.label, 0)
    return forgotten


def _keep_what_can_be_kept(records: Sequence[calls.CallRecord]) -> None:
    """Write them together; if the database refuses one for what it contains, one by one and without that."""
    try:
        keep(records)
    except (DataError, IntegrityError):
        for record in records:
            try:
                keep([record])
            except (DataError, IntegrityError):
                log.exception("this call record cannot be kept: %r", record)


def _read(text: str) -> calls.CallRecord | None:
    """The record, or None for a text that is none: it would otherwise stand in the way of all that follow."""
    try:
        return from_json(calls.CallRecord, text)
    except (ValueError, TypeError):
        log.exception("this is no call record: %.500s", text)
        return None


def _row(record: calls.CallRecord) -> CallRecord:
    row = CallRecord(uid=record.uid, groups=[group[:64] for group in record.groups])
    _copy(record, row, _COPIED)
    for name in _TIMES:
        setattr(row, name, _time(getattr(record, name)))
    row.started_at = row.started_at or row.ended_at or datetime.now(UTC)
    return row


def _branch_row(call_id: int, branch: calls.BranchState) -> CallBranchRecord:
    row = CallBranchRecord(call_id=call_id, branch_id=branch.id)
    _copy(branch, row, _BRANCH_COPIED)
    row.started_at, row.ended_at = _time(branch.started_at), _time(branch.ended_at)
    return row


def _copy(source: object, row: CallRecord | CallBranchRecord, names: Sequence[str]) -> None:
    """Copy fields, cut to their columns: what a phone puts into a header must not stop the books from being kept."""
    for name in names:
        value = getattr(source, name)
        if isinstance(value, str):
            value = value.replace("\0", "")[: row._meta.get_field(name).max_length]
        setattr(row, name, value)


def _time(epoch: float) -> datetime | None:
    return datetime.fromtimestamp(epoch, UTC) if epoch else None
