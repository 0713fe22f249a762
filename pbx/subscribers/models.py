"""Subscribers and pickup groups. Reading is free; every write goes through `actions.py`.

A row is *pending* while what workers know of it is older than the row. `revision` counts its changes under the row's
lock, so that this is a comparison of two counters and not of two clocks.
"""

from __future__ import annotations

from typing import NoReturn

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from sipcore.contract.aor import make_aor
from sipcore.contract.directory import CANCEL_ORIGINAL

__all__ = ["PickupGroup", "Published", "Subscriber", "UseActions"]


class UseActions(TypeError):
    """A query would have changed subscribers behind the directory's back."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}() would not publish anything: use pbx.subscribers.actions")


class PublishedQuerySet(models.QuerySet):
    """Rows that are published; they are not changed by the dozen."""

    def pending(self) -> PublishedQuerySet:
        """Rows of which workers know an older state, or nothing."""
        return self.filter(published_revision__lt=F("revision"))

    def update(self, **values) -> NoReturn:
        """Refuse: see UseActions. `_raw_delete` and Django's own single-row saving do not come through here."""
        raise UseActions("QuerySet.update")

    update.alters_data = True

    def delete(self) -> NoReturn:
        """Refuse: see UseActions."""
        raise UseActions("QuerySet.delete")

    delete.alters_data = True
    delete.queryset_only = True


class Published(models.Model):
    """What subscribers and groups have in common: when they changed and when that was told."""

    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    published_at = models.DateTimeField(_("published"), null=True, editable=False)
    revision = models.PositiveIntegerField(default=1, editable=False)
    published_revision = models.PositiveIntegerField(default=0, editable=False)

    objects = PublishedQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def is_pending(self) -> bool:
        """Whether workers still know an older state."""
        return self.published_revision < self.revision


class Subscriber(Published):
    """Somebody with a phone: who he is, and what his password hashes to."""

    domain = models.CharField(
        _("domain"),
        max_length=253,
        validators=[RegexValidator(r"\A[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z", _("A host name or address in lower case."))],
    )
    username = models.CharField(
        _("user name"),
        max_length=64,
        validators=[RegexValidator(r"\A[A-Za-z0-9._+-]{1,64}\Z", _("Letters, digits and . _ + - only."))],
        help_text=_("What others dial and what the phone signs in with: an extension or a name."),
    )
    display_name = models.CharField(_("name"), max_length=128, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    enabled = models.BooleanField(
        _("enabled"), default=True, help_text=_("A suspended subscriber can neither register, call nor be called.")
    )
    realm = models.CharField(max_length=253, editable=False)
    ha1_md5 = models.CharField(max_length=32, editable=False)
    ha1_sha256 = models.CharField(max_length=64, editable=False)

    class Meta:
        verbose_name = _("subscriber")
        verbose_name_plural = _("subscribers")
        ordering = ("domain", "username")
        constraints = (models.UniqueConstraint(fields=("domain", "username"), name="one_subscriber_per_aor"),)

    def __str__(self) -> str:
        return self.aor

    @property
    def aor(self) -> str:
        """The address-of-record, `user@domain`."""
        return make_aor(self.username, self.domain)


class PickupGroup(Published):
    """Whose ringing calls may be picked up, and by whom."""

    class CancelOriginal(models.TextChoices):
        """When the phones that rang first stop ringing; the values are sipcore.contract.directory.CANCEL_ORIGINAL."""

        WHEN_RINGING = "when_ringing", _("when the picker's phone rings")
        AFTER_ANSWER = "after_answer", _("when the picker has answered")
        AT_ONCE = "at_once", _("at once")

    name = models.CharField(_("name"), max_length=64, unique=True)
    code = models.CharField(
        _("code"),
        max_length=16,
        unique=True,
        null=True,
        blank=True,
        validators=[RegexValidator(r"\A[0-9*#]{1,16}\Z", _("Digits, * and # only."))],
        help_text=_("A code of its own, which picks from this group alone."),
    )
    cancel_original = models.CharField(
        _("the first phones stop"), max_length=16, choices=CancelOriginal, default=CANCEL_ORIGINAL[0]
    )
    members = models.ManyToManyField(
        Subscriber, related_name="pickup_groups", blank=True, verbose_name=_("can be picked")
    )
    interceptors = models.ManyToManyField(Subscriber, related_name="may_pick", blank=True, verbose_name=_("may pick"))

    class Meta:
        verbose_name = _("pickup group")
        verbose_name_plural = _("pickup groups")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
