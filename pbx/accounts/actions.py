"""What may be done to accounts."""

from __future__ import annotations

import secrets

from django.db import transaction

from .models import Account

__all__ = ["create_first_administrator", "password_changed"]


@transaction.atomic
def create_first_administrator(*, username: str = "admin", password: str = "") -> str | None:
    """Create the administrator of a new installation and return the one-time password, None if there is one already.

    A password that was given is the operator's own choice and need not be changed; it is returned as it is.
    """
    if Account.objects.select_for_update().filter(is_superuser=True, is_active=True).exists():
        return None
    chosen = password or secrets.token_urlsafe(12)
    Account.objects.create_superuser(username, password=chosen, must_change_password=not password)
    return chosen


def password_changed(account: Account) -> None:
    """Note that the account's owner has chosen the password."""
    account.must_change_password = False
    account.save(update_fields=["must_change_password"])
