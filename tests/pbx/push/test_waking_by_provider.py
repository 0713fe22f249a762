"""From the job to Google's, Apple's and a browser's look-alike, and what is kept and told of it."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime, timedelta

import pytest

from pbx.push import actions, outages, sending, tasks, waking
from pbx.push.breaker import LEAST
from pbx.push.models import PushDevice
from tests.support.push_server import Answer

pytestmark = pytest.mark.django_db(transaction=True)

IPHONE, ANDROID = "ab12" * 16, "android-token:0123456789"


@pytest.fixture
def bob(new_subscriber):
    return new_subscriber("101")


def learn(subscriber, provider: str, token: str, param: str = "", **fields) -> PushDevice:
    return actions.learn_device(subscriber, key="k1", provider=provider, param=param, token=token, **fields)[0]


def call_bob(put_call, uid: str = "call-1") -> None:
    put_call(uid)
    words = {"aor": "101@pbx.test", "call_id": f"{uid}@host", "caller": "100@pbx.test", "caller_name": "Alice"}
    tasks.send_wakeup(call_uid=uid, deadline=time.time() + 20, **words)


def told(events) -> list[tuple]:
    matters = ("provider_reason", "reason", "why")
    return [
        (event.name, *(event.attributes[name] for name in matters if name in event.attributes))
        for event in events()
        if event.name.startswith("E_PUSH")
    ]


@pytest.mark.acceptance("H75")
def test_an_android_phone_is_woken_through_google(fcm, bob, put_call, events):
    device = learn(bob, "fcm", ANDROID, "phone-project")

    call_bob(put_call)

    (push,) = fcm.pushes
    assert (push.body["message"]["token"], push.body["message"]["data"]["call_id"]) == (ANDROID, "call-1@host")
    assert told(events) == [("E_PUSH_SENT",)]
    device.refresh_from_db()
    assert device.state == "works"


def test_a_browser_is_told_who_calls(browser, bob, put_call, events):
    subscription = {"endpoint": browser.endpoint, "expirationTime": None, "keys": browser.keys}
    device = actions.add_device(bob, provider="webpush", token=json.dumps(subscription))

    call_bob(put_call)

    (push,) = browser.received
    assert browser.decrypted(push)["display_name"] == "Alice"
    assert (device.token, told(events)) == (browser.endpoint, [("E_PUSH_SENT",)])
    assert browser.keys["auth"] not in device.sealed_keys


def test_a_browser_that_registers_keeps_the_keys_it_gave_and_a_new_one_has_none(browser, bob):
    actions.add_device(bob, provider="webpush", token=browser.endpoint, keys=browser.keys)

    assert learn(bob, "webpush", browser.endpoint).keys == browser.keys
    assert learn(bob, "webpush", f"{browser.endpoint}-2").keys == {}


def test_an_app_of_acrobits_is_woken_through_its_gateway(acrobits, bob, put_call, events):
    acrobits.known.add("dG9rZW4=")
    actions.add_device(bob, provider="acrobits", param="cz.acrobits.softphone", token="SELECTOR:1 dG9rZW4=")

    call_bob(put_call)

    assert acrobits.received[0].body["Id"] == "call-1@host"
    assert told(events) == [("E_PUSH_SENT",)]


@pytest.mark.acceptance("H77")
@pytest.mark.parametrize(
    ("_case", "registered", "state"),
    [
        ("the token was registered again since: Apple speaks of the time before", timedelta(seconds=30), "unknown"),
        ("it has not been heard of since", timedelta(seconds=-30), "refused"),
    ],
)
def test_a_token_that_died_once_and_was_registered_again_is_kept(_case, registered, state, apns, bob, put_call, events):
    died = datetime.now(UTC) - timedelta(minutes=5)
    device = learn(bob, "apns", IPHONE, f"TEAM123456.{apns.bundle}.voip", now=died + registered)
    apns.gone[IPHONE] = int(died.timestamp() * 1000)

    call_bob(put_call)

    device.refresh_from_db()
    assert device.state == state
    assert ("E_PUSH_FAILED", "Unregistered") in told(events)
    assert (("E_PUSH_TOKEN_INVALID", "Unregistered") in told(events)) == (state == "refused")


def test_a_wrong_key_costs_no_phone_its_token(settings, apns, bob, put_call, events):
    settings.APNS_KEY_ID = "OTHER12345"
    sending.sender.cache_clear()
    device = learn(bob, "apns", IPHONE, f"TEAM123456.{apns.bundle}.voip")

    call_bob(put_call)

    device.refresh_from_db()
    assert (device.state, device.last_error) == ("unknown", "InvalidProviderToken")
    assert told(events) == [("E_PUSH_FAILED", "InvalidProviderToken")]
    assert len(apns.received) == 1


def test_an_iphone_that_takes_calls_alone_is_not_blamed_for_the_refresh_that_cannot_be(apns, bob, events):
    until = datetime.now(UTC) + timedelta(minutes=5)
    device = learn(bob, "apns", IPHONE, f"TEAM123456.{apns.bundle}.voip", registered_until=until)

    waking.refresh(device)

    device.refresh_from_db()
    assert apns.received == []
    assert (device.last_error, device.attempts.count()) == ("", 0)
    assert told(events) == [("E_PUSH_SUPPRESSED", "voip-token-only")]


@pytest.mark.acceptance("H72")
def test_a_token_that_is_part_of_an_address_is_in_no_log(apns, bob, put_call, events, caplog):
    apns.devices[IPHONE] = f"{apns.bundle}.voip"
    learn(bob, "apns", IPHONE, f"TEAM123456.{apns.bundle}.voip")

    with caplog.at_level(logging.DEBUG):
        call_bob(put_call)

    assert told(events) == [("E_PUSH_SENT",)]
    assert caplog.records
    assert IPHONE not in caplog.text
    assert IPHONE not in repr(events())


@pytest.mark.acceptance("H36")
def test_a_provider_that_is_down_is_spared_and_told_of_until_it_answers_again(fcm, bob, put_call, events, monkeypatch):
    monkeypatch.setattr(sending, "BACKOFF", 0.01)
    learn(bob, "fcm", ANDROID, "phone-project")
    fcm.answers(*[Answer(503, b"")] * LEAST)
    for number in range(LEAST // sending.TRIES):
        monkeypatch.setattr("pbx.push.ledger.JOIN_SECONDS", 0)
        call_bob(put_call, f"call-{number}")
    sent = len(fcm.pushes)
    assert sent == LEAST

    call_bob(put_call, "call-spared")

    assert len(fcm.pushes) == sent
    assert told(events)[-1] == ("E_PUSH_SUPPRESSED", "provider-down")
    assert ("E_PUSH_PROVIDER_DOWN",) in told(events)
    assert list(outages.since()) == ["fcm"]

    sending.sender()._breakers["fcm"]._next_probe = 0.0  # five seconds later
    call_bob(put_call, "call-probe")

    assert len(fcm.pushes) == sent + 1
    deadline = time.monotonic() + 2
    while outages.since() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert outages.since() == {}
    assert ("E_PUSH_PROVIDER_UP",) in told(events)
