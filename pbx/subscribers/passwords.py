"""SIP passwords: what is accepted, and what is kept of them."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from sipcore.contract.credentials import ha1

from .models import Subscriber

__all__ = ["set_password", "validate_password"]

LONGEST = 128  # characters; longer ones do not fit the fields of desk phones


def validate_password(password: str, username: str) -> None:
    """Refuse what a phone cannot send and what a scanner tries first. Raise ValidationError."""
    if not password:
        raise ValidationError(_("A password is needed."), code="required")
    if len(password) > LONGEST or not password.isprintable():
        raise ValidationError(_("At most 128 printable characters."), code="unprintable")
    if password == username:
        raise ValidationError(_("The user name is the first password that scanners try."), code="username")


def set_password(subscriber: Subscriber, password: str) -> None:
    """Replace the HA1 values by those of `password` in the realm of this server; the password itself is not kept."""
    validate_password(password, subscriber.username)
    subscriber.realm = settings.SIP_REALM
    subscriber.ha1_md5 = ha1("MD5", subscriber.username, subscriber.realm, password)
    subscriber.ha1_sha256 = ha1("SHA-256", subscriber.username, subscriber.realm, password)
