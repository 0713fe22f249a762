"""The ledger of pushes: claimed before they are sent, completed with what came of them.

A claim is what makes a push happen once: a phone is pushed once for a call, however often the job is delivered, and
not more often than its owner and its operating system put up with.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from pbx.store import store
from pbx.subscribers import actions as subscribers
from pbx.subscribers.models import Subscriber
from sipcore.contract import keys

from .models import PushAttempt, PushDevice
from .providers.base import PushResult
from .sending import Outcome

__all__ = ["Claim", "claim", "complete", "forget_attempts", "lock_owners", "woke"]

PER_MINUTE = 6  # pushes of one device for calls; iOS and Android punish an app for more
PER_HOUR = 30
UNLIMITED = frozenset({"test", "refresh"})  # of no call: asked for by a person, or once for a registration
JOIN_SECONDS = 5  # a push this young also wakes the phone for the next call
WOKE_SECONDS = 60  # a REGISTER later than this after a push was not caused by it
CLAIM_SECONDS = 3600
KEPT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Claim:
    """One device of a call: the attempt to make, or why there is none."""

    device: PushDevice
    attempt: PushAttempt | None = None
    why: str = ""
    "already-sent, coalesced or rate-limit."


def claim(devices: Sequence[PushDevice], *, call_uid: str, kind: str) -> list[Claim]:
    """Claim the push of each of these devices for a call; a test or a refresh belongs to no call and is always made.

    At most once: a job that dies between the claim and the push is not repeated, since two pushes for one call are worse
    than none on a phone that must show a call for each.
    """
    with transaction.atomic():
        # Locked, so that of many calls at the same moment each sees the attempts of those before it.
        lock_owners(device.subscriber_id for device in devices)
        now = timezone.now()
        recent = _recent(devices, now)
        claims = []
        for device in devices:
            push_id = uuid.uuid4()
            why = "" if kind in UNLIMITED else _reason_not_to(device, recent, call_uid, push_id)
            attempt = PushAttempt(device=device, push_id=push_id, call_uid=call_uid, kind=kind, at=now)
            claims.append(Claim(device, why=why) if why else Claim(device, attempt))
        PushAttempt.objects.bulk_create(claimed.attempt for claimed in claims if claimed.attempt)
        return claims


def lock_owners(subscribers: Iterable[int]) -> None:
    """One change of a subscriber's devices at a time.

    Whoever writes more than one row of a subscriber's devices holds this, taken in the order of keys and before any lock
    on a device, so that no two of them wait for each other.
    """
    locked = Subscriber.objects.select_for_update(no_key=True).filter(pk__in=set(subscribers)).order_by("pk")
    list(locked.values_list("pk"))


def complete(claim: Claim, outcome: Outcome) -> bool:
    """Write down what came of an attempt, on the attempt and on the device; return whether its token was given up."""
    result, attempt = outcome.result, claim.attempt
    if outcome.suppressed:
        attempt.delete()  # nothing was sent, so nothing counts against the device
        return False
    attempt.accepted, attempt.status, attempt.ms = result.accepted, result.status, result.ms
    attempt.reason, attempt.tries = result.reason[:255], outcome.tries
    attempt.save(update_fields=["accepted", "status", "ms", "reason", "tries"])
    # Only while the token is the one that was sent to: a phone may have registered a new one meanwhile.
    device = PushDevice.objects.filter(pk=claim.device.pk, token_hash=claim.device.token_hash)
    if result.accepted:
        device.update(state=PushDevice.State.WORKS, last_error="", last_push_at=attempt.at)
    elif result.token_invalid:
        return _refuse(device, result)
    else:
        device.update(last_error=(result.reason or f"HTTP {result.status}")[:255])
    return False


def woke(device: PushDevice, now: datetime) -> int | None:
    """Note, without saving the device, that it has registered; return how many milliseconds after a push that was.

    None when no push was waiting for it.
    """
    # Not only accepted ones: a quick phone registers before the provider's answer has been written down.
    waiting = device.attempts.filter(at__gt=now - timedelta(seconds=WOKE_SECONDS), woke_ms=None).exclude(accepted=False)
    latest = waiting.order_by("at").last()
    if latest is None:
        return None
    device.last_woke_at, device.last_wake_ms = now, max(0, round((now - latest.at).total_seconds() * 1000))
    waiting.update(woke_ms=device.last_wake_ms)
    return device.last_wake_ms


def forget_attempts(now: datetime | None = None) -> int:
    """Delete attempts older than KEPT_DAYS; return how many."""
    limit = (now or timezone.now()) - timedelta(days=KEPT_DAYS)
    return PushAttempt.objects.filter(at__lt=limit).delete()[0]


def _recent(devices: Sequence[PushDevice], now: datetime) -> dict[int, dict[str, int]]:
    """For each device: its pushes for calls that were not refused, in the last hour, minute and JOIN_SECONDS."""
    counted = Q(kind="call") & ~Q(accepted=False)
    attempts = PushAttempt.objects.filter(counted, device__in=devices, at__gt=now - timedelta(hours=1))
    counts = (
        attempts.order_by()
        .values("device_id")
        .annotate(
            hour=Count("pk"),
            minute=Count("pk", filter=Q(at__gt=now - timedelta(minutes=1))),
            just_now=Count("pk", filter=Q(at__gt=now - timedelta(seconds=JOIN_SECONDS))),
        )
    )
    return {row["device_id"]: row for row in counts}


def _reason_not_to(device: PushDevice, recent: dict[int, dict[str, int]], call_uid: str, push_id: uuid.UUID) -> str:
    counts = recent.get(device.pk, {"hour": 0, "minute": 0, "just_now": 0})
    sent = keys.push_sent(call_uid, device.handle)
    if not store().set(sent, str(push_id), nx=True, ex=CLAIM_SECONDS):
        return "already-sent"
    if counts["just_now"]:
        return "coalesced"
    if counts["minute"] >= PER_MINUTE or counts["hour"] >= PER_HOUR:
        return "rate-limit"
    return ""


def _refuse(device: QuerySet[PushDevice], result: PushResult) -> bool:
    """Mark a token dead, unless it was registered after the provider saw it die; calls stop counting on it.

    One that is gone is deleted. The device stays, to say why its phone does not wake, and for the phone's next token. One
    that is refused because of a wrong key or topic may work when that has been put right, and is kept (ADR 18).
    """
    if result.invalid_since:
        seen_dead = datetime.fromtimestamp(result.invalid_since, UTC)
        device = device.filter(Q(last_registered_at=None) | Q(last_registered_at__lte=seen_dead))
    owner = device.values_list("subscriber_id", flat=True).first()
    if owner is None:
        return False
    with transaction.atomic():
        subscribers.republish([owner])
        reason = (result.reason or f"HTTP {result.status}")[:255]
        nothing = {"sealed_token": "", "sealed_keys": ""} if result.token_is_gone else {}
        return device.update(state=PushDevice.State.REFUSED, last_error=reason, **nothing) > 0
