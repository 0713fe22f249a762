"""Waking phones so that their registrations do not expire (RFC 8599 §4.1.3, §5.5).

A phone that sleeps cannot refresh what it has registered, unless it said that it does so by itself (+sip.pnsreg). It is
pushed once for each registration, some time before the last two minutes of it, and never after its end: what has expired
is no longer promised to be woken.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from .models import PushDevice
from .sending import sender

__all__ = ["AT_ONCE", "LEAD_SECONDS", "claim_due", "time_to_refresh"]

LEAD_SECONDS = 120.0  # before the expiry; RFC 8599 §4.1.3 recommends no less
SPREAD = 0.1  # of the time until then: phones that registered together after an outage are not woken together
AT_ONCE = 50  # of one round; the others follow in the next, and there is a call to be pushed in between
JUST_PUSHED = 30.0  # seconds; a phone that was pushed so lately is about to register by itself


def time_to_refresh(now: datetime, until: datetime) -> datetime | None:
    """When to wake a phone that has registered until then; None when it will be too late for that at once."""
    latest = (until - now).total_seconds() - LEAD_SECONDS
    if latest <= 0:
        return None
    return now + timedelta(seconds=latest * (1 - random.uniform(0, SPREAD)))  # noqa: S311 - spread in time


def claim_due(now: datetime | None = None) -> list[PushDevice]:
    """Take the devices that are due, each once: whoever claims one has to push it."""
    now = now or timezone.now()
    due = PushDevice.objects.filter(refresh_at__lte=now).select_related("subscriber").order_by("refresh_at")
    with transaction.atomic():
        devices = list(due.select_for_update(skip_locked=True, of=("self",), no_key=True)[:AT_ONCE])
        PushDevice.objects.filter(pk__in=[device.pk for device in devices]).update(refresh_at=None)
    return [device for device in devices if _needs_it(device, now)]


def _needs_it(device: PushDevice, now: datetime) -> bool:
    if not (device.is_usable and device.subscriber.enabled and sender().knows(device.provider)):
        return False
    if device.registered_until is None or device.registered_until <= now:
        return False
    pushed = device.last_push_at
    return pushed is None or now - pushed >= timedelta(seconds=JUST_PUSHED)
