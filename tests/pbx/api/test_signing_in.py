"""Who may use the API, and how it says no."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from pbx.accounts.models import Account
from pbx.api.models import ApiToken
from pbx.audit.models import AuditEntry

LIST = "/api/v1/subscriptions"


def made(*arguments: str) -> str:
    out = StringIO()
    call_command("create_api_token", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def asked(token: str, address: str = LIST, method: str = "get"):
    client = Client(headers={"host": "localhost", "authorization": f"Bearer {token}"})
    return getattr(client, method)(address)


def problem(response) -> dict:
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    assert {"type", "title", "status", "code", "detail"} <= body.keys()
    return body


def test_the_command_prints_a_token_that_works_and_is_kept_as_a_hash(account, store):
    token = made("robot", "--name", "monitor")

    assert asked(token).status_code == 200
    kept = ApiToken.objects.get()
    assert token not in str(vars(kept))
    assert (kept.name, kept.scopes, kept.used_at is not None) == ("monitor", [], True)
    assert AuditEntry.objects.get().subject == kept.beginning


def test_a_token_can_be_limited(account):
    token = made("robot", "--scope", "subscriptions:read", "--scope", "events:read")

    assert asked(token).status_code == asked(token, "/api/v1/events").status_code == 200
    refused = problem(asked(token, f"{LIST}/s1", "delete"))
    assert (refused["status"], refused["code"]) == (403, "insufficient_scope")
    assert "subscriptions:write" in refused["detail"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nobody",), "there is no account 'nobody'"),
        (("guest",), "guest may not use the pages"),
        (("robot", "--scope", "everything"), "no such scope: everything"),
        (("robot", "--days", "-1"), "--days is from 0"),
    ],
)
def test_a_token_that_could_not_be_used_is_not_made(account, arguments, sentence):
    Account.objects.create_user("guest", password="x")

    with pytest.raises(CommandError, match=sentence):
        made(*arguments)

    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("header", ["Bearer pbx_wrong", "Bearer ", "Basic cm9ib3Q6eA==", "Bearer \u00fc"])
def test_what_is_no_token_is_refused(account, header):
    response = Client(headers={"host": "localhost", "authorization": header}).get(LIST)

    assert (problem(response)["status"], response.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')


@pytest.mark.parametrize(
    "end",
    [
        lambda: ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1)),
        lambda: ApiToken.objects.all().delete(),
        lambda: Account.objects.update(is_active=False),
        lambda: Account.objects.update(is_staff=False),
    ],
    ids=["expired", "revoked", "account suspended", "account no staff any more"],
)
def test_a_token_that_is_good_no_longer(account, end):
    token = made("robot", "--days", "1")
    assert asked(token).status_code == 200

    end()

    assert asked(token).status_code == 401


def test_nobody_is_told_how_to_sign_in(store, db):
    response = Client(headers={"host": "localhost"}).get(LIST)

    assert problem(response)["code"] == "not_authenticated"
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_browser_uses_its_session_and_for_changes_its_csrf_token(account):
    browser = Client(headers={"host": "localhost"}, enforce_csrf_checks=True)
    browser.force_login(account)

    assert browser.get(LIST).status_code == 200
    assert problem(browser.delete(f"{LIST}/s1"))["code"] == "csrf_failed"
    browser.get("/subscriptions/")
    token = browser.cookies["pbx_csrf"].value
    assert problem(browser.delete(f"{LIST}/s1", headers={"X-CSRFToken": token}))["code"] == "not_live"


def test_an_account_that_may_not_see_the_pages_may_not_use_the_api(db, store):
    browser = Client(headers={"host": "localhost"})
    browser.force_login(Account.objects.create_user("guest", password="x"))

    assert problem(browser.get(LIST))["code"] == "forbidden"


def test_a_token_does_not_open_the_pages(account):
    assert asked(made("robot"), "/subscriptions/").status_code == 302


@pytest.mark.parametrize(
    ("method", "address", "status", "code"),
    [
        ("get", "/api/v1/nothing", 404, "no_such_resource"),
        ("get", "/api/", 404, "no_such_resource"),
        ("put", LIST, 405, "method_not_allowed"),
        ("get", f"{LIST}?nonsense=1", 400, "unknown_parameter"),
        ("get", f"{LIST}?limit=0", 400, "bad_parameter"),
        ("get", f"{LIST}?limit=x", 400, "bad_parameter"),
        ("get", f"{LIST}?cursor=x", 400, "bad_parameter"),
        ("delete", f"{LIST}/s1", 404, "not_live"),
    ],
)
def test_what_cannot_be_is_a_problem_with_a_code(program, method, address, status, code):
    answer = problem(getattr(program(), method)(address))

    assert (answer["status"], answer["code"]) == (status, code)


def test_without_redis_the_answer_is_503(program, settings):
    from pbx import store as stores

    client = program()
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    stores.store.cache_clear()
    try:
        assert problem(client.get(LIST))["code"] == "store_unavailable"
        assert problem(client.get("/api/v1/events"))["code"] == "store_unavailable"
    finally:
        stores.store.cache_clear()


def test_revoking_in_the_back_office(program, page):
    client = program()
    token = ApiToken.objects.get()

    assert page.get("/admin/api/apitoken/").status_code == 200
    assert page.post(f"/admin/api/apitoken/{token.pk}/delete/", {"post": "yes"}).status_code == 302
    assert client.get(LIST).status_code == 401
