"""Jobs of the calls app."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from pbx.store import StoreError

from . import ledger

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
    if count := ledger.forget(timezone.now()):
        log.info("%d old calls forgotten", count)
