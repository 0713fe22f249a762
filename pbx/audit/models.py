"""The audit log. PostgreSQL itself refuses to change or delete its rows (migration 0001)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

__all__ = ["AuditEntry"]


class AuditEntry(models.Model):
    """One thing that somebody did. Names are copies: an entry says the same when its subject is long gone."""

    at = models.DateTimeField(_("when"), auto_now_add=True)
    actor = models.CharField(_("who"), max_length=150)
    way = models.CharField(_("how"), max_length=64, help_text=_("The pages, or the API with which token."))
    action = models.CharField(_("what"), max_length=64)
    subject = models.CharField(_("to what"), max_length=255)
    detail = models.JSONField(_("details"), default=dict)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ("-at", "-pk")
        indexes = (models.Index(fields=("-at", "-id"), name="audit_newest_first"),)

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.subject}"
