"""The audit log only grows."""

from __future__ import annotations

import pytest
from django.db import InternalError, ProgrammingError, connection, transaction

from pbx.audit import actions
from pbx.audit.models import AuditEntry

pytestmark = pytest.mark.django_db


def note(**detail):
    return actions.note("kim", "pages", actions.SUBSCRIPTION_KILLED, "s1", **detail)


@pytest.mark.parametrize(
    ("_case", "change"),
    [
        ("changed", lambda: AuditEntry.objects.update(actor="nobody")),
        ("deleted", lambda: AuditEntry.objects.all().delete()),
        ("changed by hand", lambda: connection.cursor().execute("UPDATE audit_auditentry SET actor = 'nobody'")),
    ],
)
def test_an_entry_cannot_be(_case, change):
    note()

    with pytest.raises((InternalError, ProgrammingError), match="append-only"), transaction.atomic():
        change()

    assert AuditEntry.objects.get().actor == "kim"


def test_what_postgres_would_not_take_is_noted_without_it():
    entry = actions.note("kim\0", "pages", actions.SUBSCRIPTION_KILLED, "s" * 500, filter=["a\0b", "\ud800"])

    entry.refresh_from_db()
    assert (entry.actor, len(entry.subject), entry.detail) == ("kim", 255, {"filter": ["ab", "?"]})


def test_the_page_shows_who_did_what(page):
    note(filter=["aor=<b>"], worker="w1")

    text = page.get("/audit/?q=kim").content.decode()

    assert "ended a subscription" in text
    assert "aor=&lt;b&gt;" in text
    assert "No entry matches" in page.get("/audit/?q=nothing").content.decode()


def test_an_empty_log_says_what_will_be_here(page):
    assert "Nothing has been done by hand yet" in page.get("/audit/").content.decode()


def test_the_back_office_can_only_look(page):
    entry = note()

    assert page.get("/admin/audit/auditentry/").status_code == 200
    assert page.get("/admin/audit/auditentry/add/").status_code == 403
    assert page.post(f"/admin/audit/auditentry/{entry.pk}/delete/", {"post": "yes"}).status_code == 403
