"""Finished calls and their branches, as `sipcore.contract.calls` describes them; written by `ledger.py` and
`timeline.py` alone.
"""

from __future__ import annotations

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

__all__ = ["CallBranchRecord", "CallEvent", "CallRecord", "LogPosition"]


class CallRecord(models.Model):
    """One finished call. Fields mean what those of CallState mean; a time that never came is null."""

    uid = models.CharField(max_length=64, unique=True)
    call_id = models.CharField("Call-ID", max_length=255)
    caller = models.CharField(_("caller"), max_length=320)
    caller_name = models.CharField(_("caller's name"), max_length=128, blank=True)
    dialled = models.CharField(_("dialled"), max_length=255, blank=True)
    callee = models.CharField(_("called"), max_length=320, blank=True)
    state = models.CharField(_("state"), max_length=16)
    groups = ArrayField(models.CharField(max_length=64), verbose_name=_("pickup groups"), default=list, blank=True)
    started_at = models.DateTimeField(_("started"))
    ringing_at = models.DateTimeField(_("rang"), null=True)
    answered_at = models.DateTimeField(_("answered"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    code = models.PositiveSmallIntegerField(_("code"), default=0)
    reason = models.CharField(_("how it ended"), max_length=32, blank=True)
    hangup_by = models.CharField(_("hung up by"), max_length=16, blank=True)
    answered_by = models.CharField(_("answered by"), max_length=320, blank=True)
    picked_by = models.CharField(_("picked up by"), max_length=320, blank=True)
    waking = models.PositiveSmallIntegerField(_("phones woken"), default=0)
    worker = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ("-started_at", "-pk")
        indexes = (
            models.Index(fields=("-started_at", "-id"), name="calls_newest_first"),
            models.Index(fields=("caller", "-started_at"), name="calls_of_a_caller"),
            models.Index(fields=("callee", "-started_at"), name="calls_of_a_callee"),
            models.Index(fields=("answered_by", "-started_at"), name="calls_of_an_answerer"),
            models.Index(fields=("call_id",), name="calls_by_call_id"),
        )

    def __str__(self) -> str:
        return f"{self.caller} → {self.dialled or self.callee}"

    @property
    def talk_time(self) -> timedelta | None:
        """How long they spoke; None when nobody answered."""
        return self.ended_at - self.answered_at if self.ended_at and self.answered_at else None

    @property
    def ring_time(self) -> timedelta | None:
        """From the INVITE to the answer, or to the end of a call that was not answered."""
        until = self.answered_at or self.ended_at
        return until - self.started_at if until else None


class CallBranchRecord(models.Model):
    """One phone that was tried in a call."""

    call = models.ForeignKey(CallRecord, on_delete=models.CASCADE, related_name="branches")
    branch_id = models.CharField(max_length=64)
    target = models.CharField(_("target"), max_length=320)
    contact = models.CharField(_("contact"), max_length=1024, blank=True)
    key = models.CharField(max_length=1024, blank=True)
    device = models.CharField(_("device"), max_length=255, blank=True)
    source = models.CharField(_("found by"), max_length=16, blank=True)
    state = models.CharField(_("state"), max_length=16)
    code = models.PositiveSmallIntegerField(_("code"), default=0)
    started_at = models.DateTimeField(_("started"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("branch")
        verbose_name_plural = _("branches")
        ordering = ("started_at", "pk")
        constraints = (models.UniqueConstraint(fields=("call", "branch_id"), name="one_record_per_branch"),)

    def __str__(self) -> str:
        return f"{self.target} {self.state}"


class CallEvent(models.Model):
    """One event of a call, out of the event log, which does not go back as far as the records of calls do."""

    call_uid = models.CharField(max_length=64)
    cursor = models.CharField(max_length=40)
    event_id = models.CharField(max_length=64)
    name = models.CharField(max_length=64)
    at = models.DateTimeField()
    node = models.CharField(max_length=255, blank=True)
    cause_id = models.CharField(max_length=64, blank=True)
    attributes = models.TextField(default="{}")
    "JSON in ASCII: what a phone sends may be nothing that jsonb would take."

    class Meta:
        ordering = ("at", "pk")
        indexes = (models.Index(fields=("at",), name="call_events_by_age"),)
        constraints = (models.UniqueConstraint(fields=("call_uid", "cursor"), name="one_record_per_event"),)

    def __str__(self) -> str:
        return f"{self.name} of {self.call_uid}"


class LogPosition(models.Model):
    """How far a reader that keeps what it reads has come in the event log."""

    reader = models.CharField(max_length=32, primary_key=True)
    cursor = models.CharField(max_length=40)

    def __str__(self) -> str:
        return f"{self.reader} at {self.cursor}"
