"""Jobs of the calls app."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from pbx.store import StoreError

from . import ledger, timeline

log = logging.getLogger(__name__)


@shared_task(name="pbx.calls.drain_call_records")
def drain_call_records() -> None:
    """Move finished calls from Redis to Postgres; what cannot be moved now stays where it is."""
    try:
        ledger.drain()
    except StoreError as error:
        log.warning("call records stay in Redis: %s", error)


@shared_task(name="pbx.calls.forget_calls")
def forget_calls() -> None:
    """Delete calls that are older than the operator wants to keep them."""
    now = timezone.now()
    if count := ledger.forget(now):
        log.info("%d old calls forgotten", count)
    timeline.forget_events(now)


@shared_task(name="pbx.calls.keep_call_events")
def keep_call_events() -> None:
    """Keep what happens in calls beyond the event log's retention."""
    try:
        timeline.keep_events()
    except StoreError as error:
        log.warning("events of calls are kept later: %s", error)
