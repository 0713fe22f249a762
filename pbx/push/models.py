"""Phones that can be woken up, and each attempt to do so. Writes go through `actions.py` and `ledger.py`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from pbx.subscribers.models import Subscriber

from . import sealing

__all__ = ["CredentialsTest", "PushAttempt", "PushDevice", "hash_token", "mask", "silent_before"]


def hash_token(token: str) -> str:
    """SHA-256 of the token; its first 16 digits are the `prid_hash` that bindings carry (sipcore.contract.location)."""
    return hashlib.sha256(token.encode()).hexdigest()


def mask(token: str) -> str:
    """Enough of a token for its owner to know it again, too little to use: `abcd…wxyz`."""
    return f"{token[:4]}…{token[-4:]}" if len(token) >= 16 else "…"


def silent_before(now: datetime) -> datetime:
    """Phones whose registration ended earlier are not woken any more."""
    return now - timedelta(days=settings.PUSH_AFTER_EXPIRY_DAYS)


def _instance(text: str) -> str:
    return text.strip().strip("<>").casefold().removeprefix("urn:uuid:")


class PushDevice(models.Model):
    """One app on one phone, reached through a push provider (RFC 8599)."""

    class State(models.TextChoices):
        UNKNOWN = "unknown", _("not tried yet")
        WORKS = "works", _("works")
        REFUSED = "refused", _("refused")

    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.CASCADE, related_name="push_devices", verbose_name=_("subscriber")
    )
    provider = models.CharField(_("provider"), max_length=32)
    param = models.CharField(_("application"), max_length=255, blank=True)
    sealed_token = models.TextField(editable=False)
    token_hash = models.CharField(max_length=64, editable=False)
    token_hint = models.CharField(max_length=16, editable=False)
    sealed_keys = models.TextField(blank=True, editable=False)
    instance_id = models.CharField(_("instance"), max_length=255, blank=True)
    key = models.CharField(
        max_length=255, blank=True, help_text=_("The key of the phone's binding, by which a wake-up knows its phone.")
    )
    user_agent = models.CharField(_("app"), max_length=255, blank=True)
    platform = models.CharField(_("platform"), max_length=32, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.UNKNOWN)
    last_error = models.CharField(_("last error"), max_length=255, blank=True)
    last_push_at = models.DateTimeField(_("last push"), null=True, blank=True)
    last_woke_at = models.DateTimeField(_("last woke up"), null=True, blank=True)
    last_wake_ms = models.PositiveIntegerField(_("took (ms)"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    last_registered_at = models.DateTimeField(_("last registered"), null=True, blank=True)
    registered_until = models.DateTimeField(_("registered until"), null=True, blank=True)
    refresh_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When to wake it so that its registration does not expire.")
    )

    class Meta:
        verbose_name = _("push device")
        verbose_name_plural = _("push devices")
        ordering = ("subscriber", "created_at")
        constraints = (
            # RFC 8599 §4: a token names one app on one phone. Whoever registered it last is who it wakes.
            models.UniqueConstraint(fields=("provider", "param", "token_hash"), name="one_owner_per_push_token"),
        )
        indexes = (
            models.Index(fields=("refresh_at",), name="devices_to_refresh", condition=Q(refresh_at__isnull=False)),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.masked_token}"

    @property
    def token(self) -> str:
        """The token in clear, for a provider and nobody else.

        Raise sealing.Unreadable after a lost SECRET_KEY, and when there is none, see `has_token`.
        """
        return sealing.unseal(self.sealed_token)

    @token.setter
    def token(self, value: str) -> None:
        self.sealed_token = sealing.seal(value)
        self.token_hash = hash_token(value)
        self.token_hint = mask(value)

    @property
    def keys(self) -> dict[str, str]:
        """What else the provider needs, such as a browser's p256dh and auth. Raise sealing.Unreadable likewise."""
        return json.loads(sealing.unseal(self.sealed_keys)) if self.sealed_keys else {}

    @keys.setter
    def keys(self, value: Mapping[str, str]) -> None:
        self.sealed_keys = sealing.seal(json.dumps(dict(value))) if value else ""

    @property
    def has_token(self) -> bool:
        """Whether the token is still there: one that its provider has no use for any more is deleted."""
        return bool(self.sealed_token)

    @property
    def masked_token(self) -> str:
        """What people get to see of the token."""
        return self.token_hint

    @property
    def handle(self) -> str:
        """What events and jobs call this device: its binding's key, or a name of ours until it has registered."""
        return self.key or f"device:{self.pk}"

    def is_behind(self, key: str) -> bool:
        """Whether this device is the phone of the binding with that key.

        A device that was entered by hand has no key of its own, but perhaps its instance id, which makes most of the key
        (sipcore.registrar.matching): people copy it with or without its brackets and its `urn:uuid:`.
        """
        if self.key:
            return self.key == key
        return bool(self.instance_id) and _instance(self.instance_id) == _instance(key.partition(";reg-id=")[0])

    def is_silent(self, now: datetime) -> bool:
        """Whether its registration ended so long ago that it is not woken any more (PBX_PUSH_AFTER_EXPIRY_DAYS)."""
        return self.registered_until is not None and self.registered_until < silent_before(now)

    @property
    def is_usable(self) -> bool:
        """Whether a call would try this device."""
        return self.state != self.State.REFUSED


class PushAttempt(models.Model):
    """One push of one device: claimed before it is sent, completed with the provider's answer and the wake-up.

    Kept for some weeks, as the memory of the rate limit, of the statistics and of "did my phone get a push?".
    """

    device = models.ForeignKey(PushDevice, on_delete=models.CASCADE, related_name="attempts")
    push_id = models.UUIDField(unique=True)
    call_uid = models.CharField(max_length=64, blank=True)
    kind = models.CharField(max_length=16, default="call")
    at = models.DateTimeField()
    accepted = models.BooleanField(null=True)
    status = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=255, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    ms = models.PositiveIntegerField(null=True)
    woke_ms = models.PositiveIntegerField(null=True)

    class Meta:
        verbose_name = _("push")
        verbose_name_plural = _("pushes")
        ordering = ("-at",)
        indexes = (
            models.Index(fields=("device", "-at"), name="push_attempts_of_a_device"),
            models.Index(fields=("call_uid",), name="push_attempts_of_a_call", condition=~Q(call_uid="")),
            models.Index(fields=("at",), name="push_attempts_by_time"),
        )

    def __str__(self) -> str:
        return str(self.push_id)


class CredentialsTest(models.Model):
    """What a provider last said to a test of our credentials: one row for each provider."""

    provider = models.CharField(_("provider"), max_length=32, unique=True)
    at = models.DateTimeField()
    accepted = models.BooleanField()
    status = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=255, blank=True)
    ms = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.provider
