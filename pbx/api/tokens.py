"""Making bearer tokens, and knowing them again."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from pbx.accounts.models import Account
from pbx.audit import actions as audit

from .models import ApiToken

__all__ = ["create_token", "find_token", "is_good"]

PREFIX = "pbx_"  # so that one which has leaked can be searched for
SHOWN = 10  # characters that are kept readable: the prefix and 36 of 256 bits
USE_NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def create_token(
    account: Account, *, scopes: Iterable[str] = (), name: str = "", expires_at: datetime | None = None, by: str = ""
) -> str:
    """Make a token and return it; nobody can tell it again. Without scopes it may do whatever the account may."""
    token = PREFIX + secrets.token_urlsafe(32)
    kept = ApiToken.objects.create(
        account=account,
        name=name,
        beginning=token[:SHOWN],
        digest=_digest(token),
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
    )
    audit.note(
        by or account.username,
        "command",
        audit.TOKEN_CREATED,
        kept.beginning,
        account=account.username,
        scopes=kept.scopes,
    )
    return token


def find_token(token: str) -> ApiToken | None:
    """The token's record, if it is one that may be used now; its use is noted."""
    found = ApiToken.objects.select_related("account").filter(digest=_digest(token)).first()
    if found is None or not is_good(found):
        return None
    now = timezone.now()
    if found.used_at is None or now - found.used_at > USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=found.pk).update(used_at=now)
    return found


def is_good(token: ApiToken) -> bool:
    """Whether it has not expired and its account may use the API."""
    if token.expires_at is not None and token.expires_at <= timezone.now():
        return False
    return bool(token.account.is_active and token.account.is_staff)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
