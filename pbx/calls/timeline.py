"""What happened in a call, kept for as long as the call's record is.

The event log goes back a day. A reader with a cursor takes the events of calls out of it, every few seconds, and writes them
to Postgres; the cursor moves in the same transaction, so each is kept once, whatever is interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from pbx.event_log import shown_entry
from pbx.store import StoreError, store
from sipcore.contract import keys
from sipcore.contract.event_log import ENTRY_FIELD, NOTHING_READ

from .models import CallEvent, LogPosition

__all__ = ["forget_events", "keep_events", "timeline"]

READER = "calls"
BATCH = 500  # entries to a transaction
MOST_SHOWN = 500  # events of one call
LONGEST_TAIL = 5_000  # entries behind the reader that are looked at for one timeline: some seconds of a busy system
NO_CALL = ('"call_uid":""', '"call_uid": ""')


def keep_events() -> int:
    """Keep the events of calls that the log has and Postgres has not; return how many. Raises StoreError."""
    kept = 0
    while True:
        with transaction.atomic():
            LogPosition.objects.get_or_create(reader=READER, defaults={"cursor": NOTHING_READ})
            position = LogPosition.objects.select_for_update().get(reader=READER)
            entries = store().xrange(keys.EVENTS_LOG, min=f"({position.cursor}", count=BATCH)
            if not entries:
                return kept
            rows = [_row(event) for entry in entries if (event := _of_a_call(*entry)) is not None]
            CallEvent.objects.bulk_create(rows, ignore_conflicts=True)
            position.cursor = entries[-1][0]
            position.save()
        kept += len(rows)
        if len(entries) < BATCH:
            return kept


def timeline(uid: str) -> list[dict[str, Any]]:
    """What was raised about a call, oldest first: what is kept, and what the reader has not come to yet."""
    events = [_event(row) for row in CallEvent.objects.filter(call_uid=uid)[:MOST_SHOWN]]
    position = LogPosition.objects.filter(reader=READER).first()
    after = position.cursor if position else NOTHING_READ
    try:
        entries = store().xrange(keys.EVENTS_LOG, min=f"({after}", count=LONGEST_TAIL)
    except StoreError:
        return events
    later = (_of_a_call(*entry) for entry in entries if uid in entry[1].get(ENTRY_FIELD, ""))
    return (events + [event for event in later if event is not None and event["call_uid"] == uid])[:MOST_SHOWN]


def forget_events(now: datetime) -> int:
    """Delete events as old as the calls that are forgotten; return how many."""
    if not settings.KEEP_CALLS_DAYS:
        return 0
    old = CallEvent.objects.filter(at__lt=now - timedelta(days=settings.KEEP_CALLS_DAYS)).order_by("at")
    forgotten = 0
    while oldest := list(old.values_list("pk", flat=True)[: BATCH * 10]):
        forgotten += CallEvent.objects.filter(pk__in=oldest).delete()[0]
    return forgotten


def _of_a_call(cursor: str, fields: Mapping[str, str]) -> dict[str, Any] | None:
    text = fields.get(ENTRY_FIELD, "")
    if '"call_uid"' not in text or any(nothing in text for nothing in NO_CALL):
        return None
    try:
        event = shown_entry(cursor, fields)
        return event if event.get("call_uid") else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _row(event: Mapping[str, Any]) -> CallEvent:
    return CallEvent(
        call_uid=event["call_uid"][:64],
        cursor=event["cursor"],
        event_id=event["id"][:64],
        name=event["name"][:64],
        at=datetime.fromtimestamp(event["ts"], UTC),
        node=event["node"][:255],
        cause_id=event.get("cause_id", "")[:64],
        attributes=json.dumps(event["attributes"]),
    )


def _event(row: CallEvent) -> dict[str, Any]:
    return {
        "id": row.event_id,
        "cursor": row.cursor,
        "name": row.name,
        "ts": row.at.timestamp(),
        "node": row.node,
        "call_uid": row.call_uid,
        "cause_id": row.cause_id,
        "attributes": json.loads(row.attributes),
    }
