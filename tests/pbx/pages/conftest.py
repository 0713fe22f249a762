from __future__ import annotations

import pytest
from django.test import Client

from pbx.accounts.models import Account
from pbx.subscribers import actions
from pbx.subscribers.models import Subscriber


@pytest.fixture
def admin(db, store) -> Account:
    return Account.objects.create_superuser("admin", password="a long enough password")


@pytest.fixture
def page(admin: Account) -> Client:
    """A browser in which the administrator is signed in."""
    client = Client(headers={"host": "localhost"})
    client.force_login(admin)
    return client


@pytest.fixture
def make():
    """Make a subscriber with a number and whatever else."""

    def subscriber(username: str, **fields) -> Subscriber:
        return actions.create_subscriber(username=username, password="s3cret-enough", **fields)

    return subscriber
