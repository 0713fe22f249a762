"""One number, one meaning: user names, group codes and the codes of this server must not coincide."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from .models import PickupGroup, Subscriber

__all__ = ["validate_group_code", "validate_username"]


def validate_username(username: str) -> None:
    """Refuse a user name that is dialled for something else."""
    if username in settings.PICKUP_CODES or PickupGroup.objects.filter(code=username).exists():
        raise ValidationError({"username": _("“%s” is a pickup code.") % username})


def validate_group_code(code: str) -> None:
    """Refuse a group's code that is a pickup code of the whole server, or somebody's number."""
    if code in settings.PICKUP_CODES or code.startswith(settings.PICKUP_DIRECTED):
        raise ValidationError({"code": _("“%s” is a pickup code of this server.") % code})
    if Subscriber.objects.filter(username=code).exists():
        raise ValidationError({"code": _("“%s” is a subscriber's number.") % code})
