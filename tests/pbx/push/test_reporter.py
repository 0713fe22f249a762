"""Acrobits' apps report their tokens with the password of their account, and nobody else can."""

from __future__ import annotations

import base64
import json
import logging
from urllib.parse import urlencode

import pytest
from django.test import Client

from pbx.push import actions, intake
from pbx.push.models import PushDevice
from pbx.subscribers import actions as subscribers
from sipcore.contract import keys
from sipcore.contract.directory import SubscriberRecord
from sipcore.contract.records import from_json

pytestmark = pytest.mark.django_db

URL = "/push/v1/acrobits"
PASSWORD = "right-battery-7"
SELECTOR, TOKEN, APP = "12869E0E:7C3A0D14", "dG9rZW4tMQ+/==", "cz.acrobits.softphone"
REPORT = {
    "username": "101",
    "password": PASSWORD,
    "selector": SELECTOR,
    "pushTokenIncomingCall": TOKEN,
    "pushappid_incoming_call": APP,
}


@pytest.fixture
def bob(new_subscriber, store):
    return new_subscriber("101")


@pytest.fixture
def app() -> Client:
    """A client that has no session, and is asked for CSRF tokens as strangers are."""
    return Client(headers={"host": "localhost"}, enforce_csrf_checks=True)


def report(app: Client, method: str = "post", **changes):
    body = json.dumps({**REPORT, **changes})
    return getattr(app, method)(URL, body, content_type="application/json")


def test_a_token_is_reported(app, bob, store, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        answer = report(app)

    assert (answer.status_code, answer.json()) == (200, {"status": "registered"})
    device = PushDevice.objects.get()
    assert (device.subscriber, device.provider, device.param) == (bob, "acrobits", APP)
    assert device.token == f"{SELECTOR} {TOKEN}"
    assert device.last_registered_at is not None
    record = from_json(SubscriberRecord, store.get(keys.directory_subscriber("101@pbx.test")))
    assert record.push_devices == 1


def test_each_start_of_the_app_reports_the_same_device(app, bob):
    report(app)
    PushDevice.objects.update(state="refused")

    report(app)

    assert PushDevice.objects.get().state == "unknown"


@pytest.mark.parametrize(
    ("_case", "names"),
    [
        ("Android has one token", {"pushToken": TOKEN, "pushappid": APP}),
        ("the gateway's names", {"DeviceToken": TOKEN, "AppId": APP, "Selector": SELECTOR}),
        ("a placeholder that this app does not know", {"pushTokenIncomingCall": "%pushTokenIncomingCall%", "pushToken": TOKEN, "pushappid": APP}),
    ],
)  # fmt: skip
def test_other_names_for_the_same(_case, names, app, bob):
    body = {"username": "101@pbx.test", "password": PASSWORD, "selector": SELECTOR, **names}

    answer = app.post(URL, urlencode(body), content_type="application/x-www-form-urlencoded")

    assert answer.status_code == 200
    assert PushDevice.objects.get().token == f"{SELECTOR} {TOKEN}"


def test_http_basic_is_understood(app, bob):
    body = {name: value for name, value in REPORT.items() if name not in ("username", "password")}
    credentials = base64.b64encode(f"101:{PASSWORD}".encode()).decode()

    headers = {"authorization": f"Basic {credentials}"}
    answer = app.post(URL, urlencode(body), content_type="application/x-www-form-urlencoded", headers=headers)

    assert answer.status_code == 200


def test_two_accounts_of_one_app_are_two_devices(app, bob, new_subscriber):
    new_subscriber("102")
    report(app)

    report(app, username="102", selector="OTHER:1")

    assert sorted(PushDevice.objects.values_list("subscriber__username", flat=True)) == ["101", "102"]


@pytest.mark.acceptance("H71")
def test_an_account_that_moves_to_another_user_takes_its_token_along(app, bob, new_subscriber):
    new_subscriber("102")
    report(app)

    report(app, username="102")

    assert PushDevice.objects.get().subscriber.username == "102"


class TestRemoval:
    @pytest.fixture(autouse=True)
    def reported(self, app, bob):
        report(app)
        report(app, pushTokenIncomingCall="another-phone==")

    def test_of_this_phone(self, app):
        assert report(app, remove="1").json() == {"status": "removed"}

        assert PushDevice.objects.get().token == f"{SELECTOR} another-phone=="

    def test_by_delete(self, app):
        assert report(app, "delete").status_code == 200

        assert PushDevice.objects.count() == 1

    def test_of_the_account_everywhere(self, app):
        report(app, "delete", pushTokenIncomingCall="")

        assert not PushDevice.objects.exists()

    def test_twice_is_no_error(self, app):
        report(app, "delete")

        assert report(app, "delete").status_code == 200

    def test_nothing_named_removes_nothing(self, app):
        report(app, "delete", pushTokenIncomingCall="", selector="")

        assert PushDevice.objects.count() == 2

    def test_of_somebody_elses(self, app, new_subscriber):
        new_subscriber("102")

        report(app, "delete", username="102")

        assert PushDevice.objects.count() == 2


@pytest.mark.parametrize(
    ("_case", "changes"),
    [
        ("a wrong password", {"password": "wrong"}),
        ("nobody of that name", {"username": "999"}),
        ("another domain", {"username": "101@elsewhere.test"}),
        ("no name", {"username": ""}),
    ],
)
def test_who_has_not_the_password_learns_nothing(_case, changes, app, bob):
    answer = report(app, **changes)

    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json() == {"type": "about:blank", "title": "Unknown user or wrong password.", "status": 401}
    assert not PushDevice.objects.exists()


def test_a_suspended_subscriber_reports_nothing(app, bob):
    subscribers.set_enabled(bob, False)

    assert report(app).status_code == 401


def test_guessing_is_stopped_and_the_right_password_does_not_tell(app, bob):
    for _ in range(intake.FAILURES_OF_USER):
        assert report(app, password="wrong").status_code == 401

    answer = report(app)

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert not PushDevice.objects.exists()


def test_others_at_the_same_address_are_not_locked_out_with_him(app, bob, new_subscriber):
    new_subscriber("102")
    for _ in range(intake.FAILURES_OF_USER):
        report(app, password="wrong")

    assert report(app, username="102").status_code == 200


def test_guessing_many_names_is_stopped_too(app, bob):
    for number in range(intake.FAILURES_OF_ADDRESS):
        report(app, username=f"9{number}")

    assert report(app).status_code == 429


def test_a_flood_is_refused(app, bob, monkeypatch):
    monkeypatch.setattr(intake, "REQUESTS_OF_ADDRESS", 3)
    for _ in range(3):
        report(app)

    assert report(app).status_code == 429


def test_the_count_ends_after_a_minute(app, bob, store):
    report(app, password="wrong")

    for key in store.scan_iter("*push:reports*"):
        assert 0 < store.ttl(key) <= intake.MINUTE


def test_without_redis_nobody_is_let_in_uncounted(app, bob, monkeypatch):
    from pbx.store import StoreError, store

    def refuse(*arguments, **keywords):
        raise StoreError("away")

    monkeypatch.setattr(store().connection_pool, "get_connection", refuse)

    assert report(app).status_code == 503


@pytest.mark.parametrize(
    ("_case", "changes"),
    [
        ("no token", {"pushTokenIncomingCall": ""}),
        ("no app", {"pushappid_incoming_call": ""}),
        ("no selector", {"selector": ""}),
        ("a space in the token", {"pushTokenIncomingCall": "a b"}),
        ("a token without end", {"pushTokenIncomingCall": "a" * 2000}),
        ("an app id that is too long for us", {"pushappid_incoming_call": "a" * 300}),
        ("no text", {"selector": {"$ne": 1}}),
    ],
)
def test_an_incomplete_report_is_refused(_case, changes, app, bob):
    answer = report(app, **changes)

    assert answer.status_code == 400
    assert not PushDevice.objects.exists()


@pytest.mark.parametrize(("body", "status"), [("{", 400), ("[]", 401), ("", 401), ("x" * 20_000, 413)])
def test_nonsense_is_refused(body, status, app, bob):
    assert app.post(URL, body, content_type="application/json").status_code == status


def test_a_password_in_the_address_is_not_read(app, bob):
    assert app.get(f"{URL}?{urlencode(REPORT)}").status_code == 405
    assert app.post(f"{URL}?{urlencode(REPORT)}", "", content_type="text/plain").status_code == 401


def test_no_secret_is_in_the_log(app, bob, caplog):
    with caplog.at_level(logging.DEBUG):
        report(app)
        report(app, password="a-wrong-secret")

    assert "from 127.0.0.1" in caplog.text
    for secret in (PASSWORD, "a-wrong-secret", TOKEN, SELECTOR):
        assert secret not in caplog.text


def test_a_device_of_a_lost_key_does_not_stop_a_removal(app, bob, settings):
    report(app)
    settings.SECRET_KEY = "n" * 50

    assert actions.forget_acrobits(bob, selector=SELECTOR) == 0
