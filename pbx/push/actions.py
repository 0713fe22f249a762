"""What may be done to push devices: the only functions that write their rows, beside the ledger's verdict on a push."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from pbx.subscribers import actions as subscribers
from pbx.subscribers.models import Subscriber

from . import ledger, refreshing
from .models import PushDevice, hash_token, silent_before
from .providers import REGISTRY
from .providers.encryption import BrowserKeys
from .sealing import Unreadable

__all__ = [
    "add_device",
    "forget_acrobits",
    "forget_device",
    "forget_silent_devices",
    "forget_token",
    "learn_device",
    "remove_device",
]

MAX_DEVICES = 10  # of one subscriber, as many as he may have bindings; the longest silent goes first
PLATFORMS = {"apns": "ios", "apns.dev": "ios", "fcm": "android", "webpush": "web"}
WEB_PUSH = "webpush"
BROWSER_KEYS = ("p256dh", "auth")


@transaction.atomic
def learn_device(
    subscriber: Subscriber,
    *,
    key: str,
    provider: str,
    param: str,
    token: str,
    instance_id: str = "",
    user_agent: str = "",
    registered_until: datetime | None = None,
    refreshes_itself: bool = True,
    now: datetime | None = None,
) -> tuple[PushDevice, int | None]:
    """Take over what an authenticated REGISTER says about its phone's token (RFC 8599 §4).

    The token belongs to this subscriber now, whoever had it before: the person who uses the phone is the one who signed
    in last. A phone that comes with a new token, known by its instance id or binding, has rotated it. A token that was
    refused and is registered again is given another chance.

    Returns the device, and how many milliseconds after a push it came, None if it was not woken.
    """
    now = now or timezone.now()
    device = _holder(subscriber, provider, param, token)
    affected: set[int] = set()
    if device is not None and device.subscriber_id != subscriber.pk:
        affected.add(device.subscriber_id)
        device.delete()
        device = None
    if device is None:
        device = _rotated(subscriber, provider, key, instance_id) or PushDevice(subscriber=subscriber)
    if device.pk is None or device.token_hash != hash_token(token) or not device.is_usable:
        affected.add(subscriber.pk)
        if device.token_hash != hash_token(token):
            device.keys = {}  # those of another subscription
        device.token, device.state, device.last_error = token, PushDevice.State.UNKNOWN, ""
    woke_ms = ledger.woke(device, now) if device.pk else None
    device.provider, device.param, device.key, device.instance_id = provider, param, key, instance_id
    device.user_agent, device.platform = user_agent[:255], PLATFORMS.get(provider, "")
    device.last_registered_at = now
    device.registered_until = registered_until
    device.refresh_at = None
    if registered_until is not None and not refreshes_itself:
        device.refresh_at = refreshing.time_to_refresh(now, registered_until)
    device.save()
    _drop_doubles(device)
    if affected:
        _drop_oldest(subscriber)
        subscribers.republish(affected)
    return device, woke_ms


@transaction.atomic
def add_device(
    subscriber: Subscriber,
    *,
    provider: str,
    token: str,
    param: str = "",
    instance_id: str = "",
    platform: str = "",
    keys: Mapping[str, str] | None = None,
    registered_at: datetime | None = None,
) -> PushDevice:
    """Enter a device by hand or through the API, for phones that report their token some other way than by REGISTER.

    `keys` are p256dh and auth of a browser's subscription. Its token may also be all of the subscription's JSON, as the
    browser gives it. `registered_at` is given when the app itself reports the token.
    """
    if provider not in REGISTRY:
        known = ", ".join(sorted(REGISTRY))
        raise ValidationError({"provider": _("Unknown provider; there are %s.") % known})
    if not token:
        raise ValidationError({"token": _("A token is needed.")})
    if provider == WEB_PUSH:
        token, keys = _subscription(token, keys)
    device = _holder(subscriber, provider, param, token) or PushDevice(provider=provider, param=param)
    affected = {subscriber.pk, device.subscriber_id or subscriber.pk}
    device.subscriber, device.token, device.keys = subscriber, token, keys or {}
    device.last_registered_at = registered_at or device.last_registered_at
    device.instance_id, device.platform = instance_id, platform or PLATFORMS.get(provider, "")
    device.state, device.last_error = PushDevice.State.UNKNOWN, ""
    device.full_clean()
    device.save()
    _drop_oldest(subscriber)
    subscribers.republish(affected)
    return device


@transaction.atomic
def forget_device(subscriber: Subscriber, *, key: str) -> int:
    """Forget the devices behind a binding that was unregistered; return how many there were."""
    ledger.lock_owners([subscriber.pk])
    deleted = PushDevice.objects.filter(subscriber=subscriber, key=key).exclude(key="").delete()[1]
    if count := deleted.get(PushDevice._meta.label, 0):
        subscribers.republish([subscriber.pk])
    return count


@transaction.atomic
def forget_acrobits(subscriber: Subscriber, *, selector: str, token: str = "") -> int:
    """Forget what an app of Acrobits has reported for this account, which its selector names; return how many.

    Of one phone when the token is given too, else of the account wherever it was.
    """
    ledger.lock_owners([subscriber.pk])
    wanted = f"{selector} {token}" if token else f"{selector} "
    gone = 0
    for device in PushDevice.objects.filter(subscriber=subscriber, provider="acrobits") if selector else ():
        try:
            found = device.token
        except Unreadable:
            continue
        if found == wanted or (not token and found.startswith(wanted)):
            device.delete()
            gone += 1
    if gone:
        subscribers.republish([subscriber.pk])
    return gone


@transaction.atomic
def forget_token(subscriber: Subscriber, *, provider: str, token: str) -> int:
    """Forget the devices of this subscriber that have this token; return how many there were."""
    ledger.lock_owners([subscriber.pk])
    owned = PushDevice.objects.filter(subscriber=subscriber, provider=provider, token_hash=hash_token(token))
    count = owned.delete()[1].get(PushDevice._meta.label, 0)
    if count:
        subscribers.republish([subscriber.pk])
    return count


@transaction.atomic
def forget_silent_devices(now: datetime | None = None) -> int:
    """Forget the phones whose registration ended long ago; return how many. Their next REGISTER brings them back."""
    silent = PushDevice.objects.filter(registered_until__lt=silent_before(now or timezone.now()))
    owners = set(silent.values_list("subscriber_id", flat=True))
    ledger.lock_owners(owners)
    count = silent.filter(subscriber_id__in=owners).delete()[1].get(PushDevice._meta.label, 0)
    if count:
        subscribers.republish(owners)
    return count


@transaction.atomic
def remove_device(device: PushDevice) -> None:
    """Forget one device. Its next REGISTER brings it back."""
    subscribers.republish([device.subscriber_id])
    device.delete()


def _subscription(token: str, keys: Mapping[str, str] | None) -> tuple[str, Mapping[str, str] | None]:
    """The address and the keys of a browser's subscription, whether given apart or as its JSON."""
    if token.lstrip().startswith("{"):
        try:
            given = json.loads(token)
            token, keys = str(given["endpoint"]), {name: str(given["keys"][name]) for name in BROWSER_KEYS}
        except (KeyError, TypeError, ValueError):
            raise ValidationError({"token": _("This is no push subscription of a browser.")}) from None
    if keys:
        try:
            BrowserKeys.read(*(keys.get(name, "") for name in BROWSER_KEYS))
        except ValueError:
            raise ValidationError({"token": _("The keys of this subscription cannot be used.")}) from None
    return token, keys


def _holder(subscriber: Subscriber, provider: str, param: str, token: str) -> PushDevice | None:
    """The device that has this token, if any does, with everything locked that the token's move to `subscriber` touches.

    The token first: two phones cannot both be given one that is new to us.
    """
    token_hash = hash_token(token)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(token_hash[:15], 16)])
    holders = PushDevice.objects.filter(provider=provider, param=param, token_hash=token_hash)
    ledger.lock_owners({subscriber.pk, *holders.values_list("subscriber_id", flat=True)})
    return holders.select_for_update(no_key=True).first()


def _rotated(subscriber: Subscriber, provider: str, key: str, instance_id: str) -> PushDevice | None:
    """The device that this phone was before it got a new token."""
    own = PushDevice.objects.select_for_update(no_key=True).filter(subscriber=subscriber, provider=provider)
    by_instance = own.filter(instance_id=instance_id).first() if instance_id else None
    return by_instance or (own.filter(key=key).first() if key else None)


def _drop_doubles(device: PushDevice) -> None:
    """A phone has one token per provider and application; rows that it left behind would push it twice."""
    if device.instance_id:
        same = PushDevice.objects.filter(
            subscriber_id=device.subscriber_id,
            provider=device.provider,
            param=device.param,
            instance_id=device.instance_id,
        )
        same.exclude(pk=device.pk).delete()


def _drop_oldest(subscriber: Subscriber) -> None:
    newest = PushDevice.objects.filter(subscriber=subscriber).order_by("-last_registered_at", "-pk")
    beyond = list(newest.values_list("pk", flat=True)[MAX_DEVICES:])
    PushDevice.objects.filter(pk__in=beyond).delete()
