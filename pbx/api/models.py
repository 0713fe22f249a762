"""Bearer tokens. Only their hashes are kept."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

__all__ = ["ApiToken"]


class ApiToken(models.Model):
    """What a program signs in with, in the name of an account."""

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=64, blank=True)
    beginning = models.CharField(_("beginning"), max_length=16)
    "The first characters, for people to tell tokens apart."
    digest = models.CharField(max_length=64, unique=True, editable=False)
    "SHA-256 in hex. The token has 256 random bits: a slow hash would protect nothing more."
    scopes = ArrayField(models.CharField(max_length=64), verbose_name=_("scopes"), default=list)
    "Empty: whatever the account may do."
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ("account", "-created_at")

    def __str__(self) -> str:
        return f"{self.name or self.beginning} ({self.account})"
