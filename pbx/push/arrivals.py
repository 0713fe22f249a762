"""When a phone that was pushed has registered, as the event log tells it.

A phone that brings its token along when it registers is noticed by that (`ledger.woke`). Those whose token came some other
way register like any phone, and are noticed here: by their instance id, or as any phone of their owner when not even that
is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from pbx.events import raise_event
from pbx.store import StoreError, store
from sipcore.contract import keys
from sipcore.contract.event_log import cursor_at, read_entry
from sipcore.contract.events import E_PUSH_WOKE, E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE, Event

from .ledger import WOKE_SECONDS, woke
from .models import PushAttempt, PushDevice

__all__ = ["arrival_after", "note_arrivals"]

ARRIVALS = (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE)
SKEW_SECONDS = 2.0  # that Redis' clock, by which the log is read, may differ from ours
READ_AT_ONCE, FARTHEST = 500, 5000  # entries of the event log
LOOKED_BACK = WOKE_SECONDS + 30  # seconds; this runs every ten


def arrival_after(device: PushDevice, epoch: float) -> datetime | None:
    """When this device's phone registered first after that time; None when it has not, or Redis is away."""
    for event in _events_since(epoch - SKEW_SECONDS):
        if event.ts < epoch or event.name not in ARRIVALS or event.attributes.get("aor") != device.subscriber.aor:
            continue
        if not (device.key or device.instance_id) or device.is_behind(event.attributes.get("key", "")):
            return datetime.fromtimestamp(event.ts, UTC)
    return None


def note_arrivals(now: datetime | None = None) -> int:
    """Note that phones have come whose REGISTER carries no token; return how many."""
    now = now or timezone.now()
    pushed = PushAttempt.objects.filter(at__gt=now - timedelta(seconds=LOOKED_BACK), accepted=True, woke_ms=None)
    waiting = pushed.filter(device__key="").select_related("device__subscriber").order_by("device_id", "at")
    count = 0
    for attempt in waiting.distinct("device_id"):
        device = attempt.device
        came = arrival_after(device, attempt.at.timestamp())
        if came is None or (ms := woke(device, came)) is None:
            continue
        device.save(update_fields=["last_woke_at", "last_wake_ms"])
        raise_event(E_PUSH_WOKE, aor=device.subscriber.aor, device=device.handle, ms=ms)
        count += 1
    return count


def _events_since(epoch: float) -> Iterator[Event]:
    cursor, read = cursor_at(epoch), 0
    while read < FARTHEST:
        try:
            entries = store().xrange(keys.EVENTS_LOG, min=f"({cursor}", count=READ_AT_ONCE)
        except StoreError:
            return
        for cursor, fields in entries:
            try:
                yield read_entry(cursor, fields)
            except (TypeError, ValueError):
                continue
        read += len(entries)
        if len(entries) < READ_AT_ONCE:
            return
