from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from pbx.accounts.models import Account
from pbx.api.tokens import create_token


@pytest.fixture
def account(db, store) -> Account:
    return Account.objects.create_user("robot", password="x", is_staff=True)


@pytest.fixture
def program(account) -> Callable[..., Client]:
    """A program with a token: `program("events:read")`; without scopes it may do everything."""

    def with_token(*scopes: str, **options) -> Client:
        token = create_token(account, scopes=scopes, **options)
        return Client(headers={"host": "localhost", "authorization": f"Bearer {token}"}, enforce_csrf_checks=True)

    return with_token


@pytest.fixture
def page(db, store) -> Client:
    """A browser in which an administrator is signed in."""
    client = Client(headers={"host": "localhost"})
    client.force_login(Account.objects.create_superuser("admin", password="a long enough password"))
    return client
