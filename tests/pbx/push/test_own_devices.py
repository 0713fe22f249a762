"""An app enters its own device with the SIP password of its account, and no other's."""

from __future__ import annotations

import base64
import json

import pytest
from django.test import Client

from pbx.push import intake
from pbx.push.models import PushDevice

pytestmark = pytest.mark.django_db

URL = "/push/v1/devices"
TOKEN = "fcm-token:0123456789"
KEYS = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}


@pytest.fixture
def bob(new_subscriber, store):
    return new_subscriber("101")


@pytest.fixture
def app() -> Client:
    credentials = base64.b64encode(b"101:right-battery-7").decode()
    headers = {"host": "localhost", "authorization": f"Basic {credentials}"}
    return Client(headers=headers, enforce_csrf_checks=True)


def send(app: Client, method: str = "post", **body):
    return getattr(app, method)(URL, json.dumps(body), content_type="application/json")


def test_a_token_is_handed_over_and_taken_back(app, bob):
    answer = send(app, provider="fcm", token=TOKEN, param="project", instance_id="<urn:uuid:1>")

    assert (answer.status_code, answer.json()) == (200, {"status": "registered", "token": "fcm-…6789"})
    device = PushDevice.objects.get()
    assert (device.subscriber, device.token, device.param) == (bob, TOKEN, "project")
    assert device.last_registered_at is not None

    assert send(app, "delete", provider="fcm", token=TOKEN).json() == {"status": "removed"}
    assert not PushDevice.objects.exists()
    assert send(app, "delete", provider="fcm", token=TOKEN).status_code == 200


def test_a_browser_hands_its_subscription_over(app, bob):
    subscription = {"endpoint": "https://updates.push.services.mozilla.com/wpush/v2/gAAAA", "keys": KEYS}

    assert send(app, provider="webpush", token=json.dumps(subscription)).status_code == 200

    device = PushDevice.objects.get()
    assert (device.token, device.keys) == (subscription["endpoint"], KEYS)


def test_nobody_takes_anothers_token_back(app, bob, new_subscriber):
    from pbx.push import actions

    actions.add_device(new_subscriber("102"), provider="fcm", token=TOKEN)

    send(app, "delete", provider="fcm", token=TOKEN)

    assert PushDevice.objects.count() == 1


@pytest.mark.parametrize(
    "body",
    [
        {"provider": "pager", "token": TOKEN},
        {"provider": "fcm", "token": ""},
        {"provider": "fcm"},
        {"provider": "fcm", "token": 7},
        {"provider": "fcm", "token": "a\0b"},
        {"provider": "fcm", "token": TOKEN, "param": "x" * 300},
        {"provider": "webpush", "token": "https://x", "keys": ["x"]},
        {"provider": "webpush", "token": "https://x", "keys": {"p256dh": "x", "auth": "y"}},
    ],
)
def test_what_is_no_device_is_refused(body, app, bob):
    answer = send(app, **body)

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert not PushDevice.objects.exists()


def test_it_takes_the_right_password_and_guessing_is_stopped(app, bob):
    stranger = Client(headers={"host": "localhost"})
    for _ in range(intake.FAILURES_OF_USER):
        assert send(stranger, username="101", password="wrong", provider="fcm", token=TOKEN).status_code == 401

    assert send(stranger, username="101", password="right-battery-7", provider="fcm", token=TOKEN).status_code == 429
    assert send(app, provider="fcm", token=TOKEN).status_code == 429
    assert not PushDevice.objects.exists()
