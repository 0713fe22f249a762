"""Each thing that can be wrong with the settings is named, with an id and a hint."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks

from pbx import env
from pbx.subscribers.models import Subscriber


def found(**databases) -> dict[str, str]:
    """Our messages by their ids; every one of them has a hint."""
    messages = [message for message in run_checks(**databases) if message.id.startswith("pbx.")]
    assert all(message.hint for message in messages)
    return {message.id: message.msg for message in messages}


def test_the_settings_of_the_tests_are_right():
    assert found() == {}


@pytest.mark.parametrize(
    ("identifier", "setting", "value", "words"),
    [
        ("pbx.E002", "REDIS_URL", "http://cache/", "starts with 'http'"),
        ("pbx.W001", "DATABASE_URL", "", "no running PBX"),
        ("pbx.E003", "SECRET_KEY", "short", "fewer than 32"),
        ("pbx.E004", "SIP_DOMAINS", ["pbx.test", "p bx"], "'p bx'"),
        ("pbx.E005", "PUSH_HTTP_URL", "push.example.org", "'push.example.org'"),
        ("pbx.E005", "FCM_URL", "fcm.example.org", "PBX_FCM_URL"),
        ("pbx.E007", "FCM_CREDENTIALS", "/nowhere/account.json", "PBX_FCM_CREDENTIALS is '/nowhere/account.json'"),
        ("pbx.E005", "APNS_URL", "apple", "PBX_APNS_URL"),
        ("pbx.E005", "ACROBITS_URL", "gateway", "PBX_ACROBITS_URL"),
        ("pbx.E007", "APNS_KEY", "/nowhere/AuthKey.p8", "PBX_APNS_KEY is '/nowhere/AuthKey.p8'"),
        ("pbx.E007", "VAPID_KEY", "/nowhere/vapid.pem", "PBX_VAPID_KEY is '/nowhere/vapid.pem'"),
        ("pbx.E008", "PUSH_CA", "/nowhere/ca.pem", "PBX_PUSH_CA"),
        ("pbx.E006", "PUSH_HTTP_URL", "https://push.example.org", "PBX_PUSH_HTTP_SECRET"),
    ],
)
def test_a_wrong_setting_is_named(identifier, setting, value, words, settings):
    setattr(settings, setting, value)

    assert words in found()[identifier]


def test_every_mistake_in_the_environment_is_reported(monkeypatch):
    monkeypatch.setattr(env, "MISTAKES", ["PBX_HTTPS is 'perhaps'; allowed are on and off."])

    assert found() == {"pbx.E001": "PBX_HTTPS is 'perhaps'; allowed are on and off."}


def test_a_data_directory_that_others_can_read_is_reported(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    tmp_path.chmod(0o755)
    assert "pbx.W002" in found()

    tmp_path.chmod(0o700)

    assert "pbx.W002" not in found()


def test_passwords_for_another_realm_are_reported_when_the_database_is_looked_at(settings, new_subscriber):
    new_subscriber("101")
    Subscriber._base_manager.update(realm="old.test")

    assert found() == {}
    assert found(databases=["default"]) == {
        "pbx.W003": "1 subscribers have passwords for the realm 'old.test', not 'pbx.test'."
    }
