"""Accounts of the web pages."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class Account(AbstractUser):
    """Django's user, and whether the password is one that somebody else chose."""

    must_change_password = models.BooleanField(
        _("must change password"),
        default=False,
        help_text=_("Every page leads to the password form until it has been changed."),
    )

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
