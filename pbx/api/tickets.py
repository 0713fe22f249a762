"""Tickets for the WebSocket: good once, for some seconds, so that one which is in an access log is worth nothing."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass

from pbx.accounts.models import Account
from pbx.store import StoreError, store
from sipcore.contract import keys

from .models import ApiToken
from .tokens import is_good

__all__ = ["TICKET_SECONDS", "Pass", "make_ticket", "redeem_ticket"]

TICKET_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Pass:
    """Whose ticket it was."""

    account: int
    token: int | None
    "The bearer token that it was got with; None for a session."

    def is_good(self) -> bool:
        """Whether its holder may still watch: revoking the token, or suspending the account, ends that."""
        if self.token is not None:
            token = ApiToken.objects.select_related("account").filter(pk=self.token).first()
            return token is not None and is_good(token)
        return Account.objects.filter(pk=self.account, is_active=True, is_staff=True).exists()


def make_ticket(account: int, token: int | None) -> str:
    """Make a ticket. Raises StoreError."""
    ticket = secrets.token_urlsafe(32)
    store().set(_key(ticket), json.dumps([account, token]), ex=TICKET_SECONDS)
    return ticket


def redeem_ticket(ticket: str) -> Pass | None:
    """Whose ticket this is, once; None for one that is not good, or while Redis is away."""
    try:
        kept = store().getdel(_key(ticket))
    except StoreError:
        return None
    return Pass(*json.loads(kept)) if kept else None


def _key(ticket: str) -> str:
    return keys.websocket_ticket(hashlib.sha256(ticket.encode("utf-8", "replace")).hexdigest())
