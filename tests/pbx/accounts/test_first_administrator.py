"""The first administrator: no default password, and a one-time one opens nothing but the form that replaces it."""

from __future__ import annotations

import re

import pytest
from django.core.management import call_command

from pbx.accounts.models import Account

pytestmark = pytest.mark.django_db


@pytest.fixture
def create_admin(capsys):
    """Run the command; return what it printed."""

    def run(**options) -> str:
        call_command("create_admin", **options)
        return capsys.readouterr().out

    return run


def test_a_new_installation_prints_a_one_time_password_once(create_admin):
    printed = create_admin()

    password = re.search(r"Password: (\S+)  \(one-time", printed)[1]
    account = Account.objects.get()
    assert account.check_password(password)
    assert (account.username, account.is_superuser, account.must_change_password) == ("admin", True, True)
    assert create_admin() == ""


def test_two_installations_have_different_passwords(create_admin):
    first = create_admin()
    Account.objects.all().delete()

    assert create_admin() != first


def test_a_password_that_was_chosen_is_not_printed_and_need_not_be_changed(create_admin, monkeypatch):
    monkeypatch.setenv("PBX_ADMIN_PASSWORD", "chosen by the operator")

    printed = create_admin()

    account = Account.objects.get()
    assert "chosen by" not in printed
    assert account.check_password("chosen by the operator")
    assert not account.must_change_password


def test_an_administrator_who_is_there_is_left_alone(create_admin, admin_user, monkeypatch):
    monkeypatch.setenv("PBX_ADMIN_PASSWORD", "chosen by the operator")

    assert create_admin() == ""
    assert not Account.objects.get().check_password("chosen by the operator")


@pytest.fixture
def newcomer(client, create_admin):
    """A browser that is signed in with the one-time password."""
    create_admin()
    client.force_login(Account.objects.get(), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("path", ["/admin/", "/admin/accounts/account/"])
def test_a_one_time_password_opens_no_page(path, newcomer):
    answer = newcomer.get(path)

    assert (answer.status_code, answer["Location"]) == (302, "/password/")


def test_nor_the_api(newcomer, settings):
    settings.ROOT_URLCONF = "tests.pbx.accounts.an_api"

    answer = newcomer.get("/api/v1/anything")

    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
    assert answer.json()["code"] == "password-change-required"


def test_health_is_answered_all_the_same(newcomer):
    assert newcomer.get("/healthz").status_code == 200


def test_signing_out_is_possible_all_the_same(newcomer):
    assert newcomer.post("/logout/")["Location"] == "/login/"


def test_the_password_once_changed_opens_everything(newcomer):
    account = Account.objects.get()
    account.set_password("one time")
    account.save()
    newcomer.force_login(account, backend="django.contrib.auth.backends.ModelBackend")
    chosen = "correct horse battery"

    answer = newcomer.post("/password/", {"old_password": "one time", "new_password1": chosen, "new_password2": chosen})

    assert answer["Location"] == "/"
    assert Account.objects.get().must_change_password is False
    assert newcomer.get("/admin/").status_code == 200
