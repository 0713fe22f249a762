"""Jobs of the push app. The names and arguments of the first three are `sipcore.contract.jobs`; the SIP side sends them.

Their jobs ignore arguments that they do not know, as records ignore fields: a newer worker may say more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from celery import shared_task
from django.db import InterfaceError, OperationalError

from pbx.events import raise_event
from pbx.subscribers.models import Subscriber
from sipcore.contract import jobs
from sipcore.contract.aor import split_aor
from sipcore.contract.events import E_PUSH_WOKE

from . import actions, arrivals, ledger, refreshing, sealing, waking
from .models import PushDevice

log = logging.getLogger(__name__)

FACT = {
    "autoretry_for": (InterfaceError, OperationalError),
    "retry_backoff": 2,
    "retry_backoff_max": 30,
    "max_retries": 6,
}
"What must be written down is tried again while Postgres is away; a wake-up is not, for its call does not wait."


@shared_task(name=jobs.SEND_WAKEUP)
def send_wakeup(
    *,
    aor: str,
    call_uid: str,
    call_id: str,
    caller: str,
    deadline: float,
    kind: str = "call",
    caller_name: str = "",
    bound: Sequence[str] = (),
    only: Sequence[str] = (),
    media: str = "",
    worker: str = "",
    cause_id: str = "",
    **_newer: object,
) -> None:
    """Ask every push device of `aor`, or `only` those phones, to wake up and register. Nothing is sent after `deadline`.

    Devices whose phone is being rung are left to `send_wakeup_if_silent`: Celery holds that back, no thread sleeps.
    """
    if _is_late(call_uid, aor, deadline):
        return
    call = {"call_uid": call_uid, "call_id": call_id, "caller": caller, "caller_name": caller_name, "worker": worker}
    call |= {"kind": kind, "media": media, "cause_id": cause_id}
    occasion = waking.Occasion(aor, deadline, **call)
    rung, asleep = waking.rung_and_asleep(occasion, bound, only)
    if rung:  # first, for a slow provider of the others must not hold it up
        send_wakeup_if_silent.apply_async(
            kwargs={"aor": aor, "deadline": deadline, **call, "devices": [device.pk for device in rung]},
            countdown=waking.RING_SECONDS,
            expires=datetime.fromtimestamp(deadline, UTC),
        )
    waking.wake(occasion, asleep)


@shared_task(name="pbx.push.send_wakeup_if_silent")
def send_wakeup_if_silent(*, aor: str, deadline: float, devices: Sequence[int], call_uid: str, **call: str) -> None:
    """Push those of these devices whose phone has been rung for a moment and does not ring."""
    if not _is_late(call_uid, aor, deadline):
        occasion = waking.Occasion(aor, deadline, call_uid=call_uid, **call)
        waking.wake(occasion, [device for device in waking.usable_devices(aor) if device.pk in devices])


@shared_task(name=jobs.LEARN_PUSH_DEVICE, **FACT)
def learn_device(
    *,
    aor: str,
    key: str,
    provider: str,
    prid: str,
    param: str = "",
    instance_id: str = "",
    user_agent: str = "",
    expires_at: float = 0.0,
    refreshes_itself: bool = True,
    **_newer: object,
) -> None:
    """Keep the push token that an authenticated REGISTER carried."""
    subscriber = _subscriber(aor)
    if subscriber is None:
        return
    try:
        token = sealing.opened(prid)
    except sealing.Unreadable:
        log.error("a push token of %s was sealed for another key; the next REGISTER of its phone brings it again", aor)
        sealing.publish_key()
        return
    about = {"param": param, "instance_id": instance_id, "user_agent": user_agent}
    if expires_at:
        about |= {"registered_until": datetime.fromtimestamp(expires_at, UTC), "refreshes_itself": refreshes_itself}
    device, woke_ms = actions.learn_device(subscriber, key=key, provider=provider, token=token, **about)
    if woke_ms is not None:
        raise_event(E_PUSH_WOKE, aor=aor, device=device.handle, ms=woke_ms)


@shared_task(name=jobs.FORGET_PUSH_DEVICE, **FACT)
def forget_device(*, aor: str, key: str, **_newer: object) -> None:
    """Forget the token of a phone that has unregistered."""
    if (subscriber := _subscriber(aor)) is not None:
        actions.forget_device(subscriber, key=key)


@shared_task(name="pbx.push.publish_key")
def publish_key() -> None:
    """See that SIP workers have what they seal push tokens with, also after Redis has lost what it had."""
    sealing.publish_key()


@shared_task(name="pbx.push.refresh_devices")
def refresh_devices() -> None:
    """Wake the phones whose registration is about to expire and that do not refresh it by themselves."""
    for device in refreshing.claim_due():
        waking.refresh(device)


@shared_task(name="pbx.push.note_arrivals")
def note_arrivals() -> None:
    """Note which phones have come that bring no token along when they register."""
    arrivals.note_arrivals()


@shared_task(name="pbx.push.test_device")
def test_device(device_id: int) -> None:
    """Push one device for its owner to see whether it wakes up."""
    device = PushDevice.objects.select_related("subscriber").filter(pk=device_id).first()
    if device is not None:
        waking.test_device(device)


@shared_task(name="pbx.push.forget_silent_devices")
def forget_silent_devices() -> None:
    """Forget phones that have been out of reach for longer than they are woken."""
    if count := actions.forget_silent_devices():
        log.info("%d silent push devices forgotten", count)


@shared_task(name="pbx.push.forget_attempts")
def forget_attempts() -> None:
    """Delete what is remembered of pushes of long ago."""
    if count := ledger.forget_attempts():
        log.info("%d old pushes forgotten", count)


def _is_late(call_uid: str, aor: str, deadline: float) -> bool:
    if late := time.time() >= deadline:
        log.info("[%s] wake-up of %s came too late", call_uid, aor)
    return late


def _subscriber(aor: str) -> Subscriber | None:
    username, domain = split_aor(aor)
    subscriber = Subscriber.objects.filter(username=username, domain=domain).first()
    if subscriber is None:
        log.info("%s is no subscriber any more", aor)
    return subscriber
