from __future__ import annotations

import pytest
from django.test import Client

from pbx.accounts.models import Account


@pytest.fixture
def page(db, store) -> Client:
    """A browser in which an administrator is signed in."""
    client = Client(headers={"host": "localhost"})
    client.force_login(Account.objects.create_superuser("admin", password="a long enough password"))
    return client
