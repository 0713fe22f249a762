"""The page about push, the test of credentials, and the stopwatch of a test wake."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from pbx.events import raise_event
from pbx.push import actions, outages
from pbx.push.models import CredentialsTest, PushAttempt, PushDevice
from sipcore.contract import keys
from sipcore.contract.events import CATALOGUE
from tests.support.push_server import Answer

TOKEN = "0123456789abcdef0123456789"


def text(response) -> str:
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def device(page, make) -> PushDevice:
    return actions.learn_device(make("101"), key="k1", provider="http", param="", token=TOKEN)[0]


@pytest.fixture
def running(store) -> None:
    """Celery has given a sign of life."""
    store.set(keys.CELERY_HEARTBEAT, "1", ex=30)


_numbers = iter(range(1, 10_000))


def attempt(device: PushDevice, **fields) -> PushAttempt:
    about = {"at": timezone.now(), "accepted": True, "status": 200, "ms": 90, "tries": 1, **fields}
    return PushAttempt.objects.create(device=device, push_id=f"{next(_numbers):032}", **about)


def arrive(device: PushDevice, name: str = "E_UL_CONTACT_UPDATE", **changes) -> None:
    """A phone registers, as the worker tells of it."""
    empty = {kind: kind() for kind in (str, int, float, dict, bool)}
    values = {attribute: empty[kind] for attribute, kind in CATALOGUE[name].attributes.items()}
    raise_event(name, **{**values, "aor": device.subscriber.aor, "key": device.key, **changes})


class TestOverview:
    def test_nothing_set_up_says_what_to_do(self, page, running):
        shown = text(page.get("/push/"))

        assert "No provider is set up" in shown
        for variable in (
            "PBX_FCM_CREDENTIALS",
            "PBX_APNS_KEY",
            "PBX_VAPID_KEY",
            "PBX_ACROBITS_URL",
            "PBX_PUSH_HTTP_URL",
        ):
            assert variable in shown
        assert "No push is waiting" in shown

    def test_celery_stopped_is_said_first(self, page, store):
        assert "No phone is being woken: Celery does not run." in text(page.get("/push/"))

    def test_a_provider_that_works(self, page, running, push_server, device):
        attempt(device, woke_ms=1800)
        attempt(device, woke_ms=2200)
        attempt(device, accepted=False, status=503, at=timezone.now() - timedelta(minutes=1))

        shown = text(page.get("/push/"))

        assert "Signed HTTP" in shown
        assert "status-green" in shown
        assert "3, 67 % accepted" in shown
        assert "100 %, usually in 2.0 s" in shown
        assert "woke 2 of 3, 2.0 s" in shown
        assert "0123…6789" in shown
        assert TOKEN not in shown

    def test_pushes_of_long_ago_and_of_now_do_not_count(self, page, running, push_server, device):
        attempt(device, at=timezone.now() - timedelta(days=8))
        attempt(device, accepted=None)

        assert "accepted" not in text(page.get("/push/"))

    @pytest.mark.parametrize(
        ("status", "reason", "state", "words"),
        [
            (401, "bad signature", "credentials refused", "The receiver does not accept our signature."),
            (0, "timeout", "in trouble", "The provider did not answer in time."),
            (410, "gone", "works", ""),
            (400, "bad json", "works", ""),
        ],
    )
    def test_what_it_last_said(self, status, reason, state, words, page, running, push_server, device):
        attempt(device, accepted=False, status=status, reason=reason)

        shown = text(page.get("/push/"))

        assert f'<span class="status-dot"></span>{state}</span>' in shown
        assert words in shown

    def test_the_latest_word_counts_whether_a_push_or_a_test_brought_it(self, page, running, push_server, device):
        attempt(device, accepted=False, status=401)
        CredentialsTest.objects.create(provider="http", at=timezone.now(), accepted=True, status=200)

        shown = text(page.get("/push/"))

        assert "credentials refused" not in shown
        assert "tested" in shown

    def test_a_provider_that_is_down(self, page, running, push_server, device):
        outages.began("http")

        assert '<span class="status-dot"></span>down</span>' in text(page.get("/push/"))

    def test_settings_that_cannot_be_used_are_named(self, page, running, settings):
        settings.APNS_KEY = "/nowhere/AuthKey.p8"

        shown = text(page.get("/push/"))

        assert "PBX_APNS_KEY is &#x27;/nowhere/AuthKey.p8&#x27;, which cannot be read" in shown

    def test_devices_that_wait_for_a_provider_are_counted(self, page, running, device):
        assert "1 device waits for it" in text(page.get("/push/"))

    def test_redis_away(self, page, monkeypatch):
        from pbx.store import store

        monkeypatch.setattr(store().connection_pool, "get_connection", _refuse)

        assert "Redis does not answer" in text(page.get("/push/"))

    def test_a_phone_that_often_does_not_come_is_marked(self, page, running, push_server, device):
        for _ in range(5):
            attempt(device)

        assert "needs a look" in text(page.get("/push/"))


def _refuse(*arguments, **keywords):
    from pbx.store import StoreError

    raise StoreError("away")


class TestCredentials:
    def test_right_ones(self, page, push_server):
        shown = text(page.post("/push/http/check/", follow=True))

        assert "Signed HTTP accepts our credentials" in shown
        (push,) = push_server.received
        assert push.body == {"type": "check", "token": ""}

    def test_wrong_ones_in_plain_words(self, page, push_server):
        push_server.answers(Answer(401, b'{"error":"bad signature"}'))

        shown = text(page.post("/push/http/check/", follow=True))

        assert "Signed HTTP: The receiver does not accept our signature. (bad signature)" in shown
        assert "Set the same secret at both ends, and check the clock of this host." in shown

    def test_a_provider_that_there_is_not(self, page):
        assert page.post("/push/pager/check/").status_code == 404

    def test_looking_tests_nothing(self, page, push_server):
        assert page.get("/push/http/check/").status_code == 405
        assert push_server.received == []


class TestStopwatch:
    @pytest.fixture
    def jobs(self, monkeypatch) -> list:
        """What was handed to Celery."""
        from pbx.push import tasks

        handed: list = []
        monkeypatch.setattr(tasks.test_device, "apply_async", lambda **words: handed.append(words["args"]))
        return handed

    def watched(self, page, device, since: float):
        return page.get(f"/devices/{device.pk}/wake.json?since={since:.3f}").json()

    def test_it_is_asked_first(self, page, running, device, jobs):
        shown = text(page.get(f"/devices/{device.pk}/wake/"))

        assert "The phone does not ring." in shown
        assert jobs == []

    @pytest.mark.parametrize(
        ("provider", "param", "rings"),
        [
            ("apns", "TEAM123456.org.example.phone.voip", True),
            ("apns", "TEAM123456.org.example.phone.voip&remote", False),
            ("acrobits", "cz.acrobits", True),
            ("fcm", "project", False),
        ],
    )
    def test_who_would_ring_is_warned_of(self, provider, param, rings, page, running, device):
        PushDevice.objects.update(provider=provider, param=param)

        shown = text(page.get(f"/devices/{device.pk}/wake/"))

        assert ("The phone will show a call for a moment" in shown) == rings

    def test_the_button_hands_the_push_to_celery_and_shows_the_watch(self, page, running, device, jobs):
        answer = page.post(f"/devices/{device.pk}/wake/")

        assert jobs == [[device.pk]]
        shown = text(page.get(answer.url))
        assert f"/devices/{device.pk}/wake.json?since=" in shown

    def test_not_twice_at_once(self, page, running, device, jobs):
        attempt(device, kind="test")

        shown = text(page.post(f"/devices/{device.pk}/wake/", follow=True))

        assert "was tested a moment ago" in shown
        assert jobs == []

    def test_a_device_whose_token_was_deleted_has_no_such_button(self, page, running, device, jobs):
        PushDevice.objects.update(state="refused", sealed_token="", sealed_keys="", last_error="Unregistered")

        shown = text(page.get(f"/devices/{device.pk}/"))
        assert "deleted, because it is dead" in shown
        assert "Test wake" not in shown
        assert "This device has no token any more." in text(page.post(f"/devices/{device.pk}/wake/", follow=True))
        assert jobs == []

    def test_celery_stopped_is_said(self, page, store, device):
        assert "No push is being sent: Celery does not run." in text(page.get(f"/devices/{device.pk}/wake/"))

    def test_each_stage_is_seen_with_its_time(self, page, device):
        since = time.time()
        assert self.watched(page, device, since)["started"] is False

        began = timezone.now()
        test = attempt(device, kind="test", at=began, accepted=None, ms=None)
        seen = self.watched(page, device, since)
        assert (seen["started"], seen["accepted"], seen["over"]) == (True, None, False)

        PushAttempt.objects.filter(pk=test.pk).update(accepted=True, ms=120)
        seen = self.watched(page, device, since)
        assert (seen["accepted"], seen["accepted_ms"], seen["registered_ms"]) == (True, 120, None)

        arrive(device)
        seen = self.watched(page, device, since)
        assert 0 <= seen["registered_ms"] < 5000
        assert (seen["ready_ms"], seen["over"]) == (None, False)

        PushAttempt.objects.filter(pk=test.pk).update(woke_ms=1800)
        seen = self.watched(page, device, since)
        assert (seen["ready_ms"], seen["over"]) == (1800, True)

    def test_another_phone_is_not_taken_for_it(self, page, device):
        since = time.time()
        attempt(device, kind="test")
        arrive(device, key="k2")
        arrive(device, aor="999@pbx.test")

        assert self.watched(page, device, since)["registered_ms"] is None

    def test_a_device_that_was_entered_by_hand_is_ready_when_its_owner_registers(self, page, make):
        device = actions.add_device(make("102"), provider="http", token=TOKEN)
        since = time.time()
        attempt(device, kind="test")
        arrive(device, "E_UL_CONTACT_INSERT", key="whatever")

        seen = self.watched(page, device, since)
        assert seen["ready_ms"] == seen["registered_ms"] is not None

    def test_a_refusal_ends_it_with_the_reason_in_words(self, page, device):
        since = time.time()
        attempt(device, kind="test", accepted=False, status=410, reason="Unregistered")

        seen = self.watched(page, device, since)

        assert seen["over"] is True
        assert seen["meaning"][0] == "The token is dead."

    def test_a_push_that_nobody_sends_is_told_of(self, page, device):
        assert self.watched(page, device, time.time() - 6)["late"] is True
        assert self.watched(page, device, time.time() - 61)["over"] is True

    @pytest.mark.parametrize("since", ["", "soon", "0", "99999999999", "nan"])
    def test_a_time_that_cannot_be_is_not_watched(self, since, page, device):
        assert page.get(f"/devices/{device.pk}/wake.json?since={since}").status_code == 404
        assert "Wake it now" in text(page.get(f"/devices/{device.pk}/wake/?since={since}"))


def test_a_call_shows_what_was_pushed_for_it(page, device):
    attempt(device, call_uid="u1", woke_ms=1800, tries=2)
    attempt(device, call_uid="u1", accepted=False, status=410, reason="Unregistered")
    attempt(device, call_uid="u2", accepted=False, status=503)

    shown = text(page.get("/push/of-call/u1/"))

    assert "0123…6789" in shown
    assert "1.8 s" in shown
    assert "(2 tries)" in shown
    assert "The token is dead." in shown
    assert "503" not in shown


def test_a_call_without_pushes_shows_nothing(page, db):
    assert text(page.get("/push/of-call/u1/")).strip() == ""


def test_the_last_refusal_of_a_device_is_explained(page, device):
    attempt(device, accepted=False, status=410, reason="Unregistered")
    PushDevice.objects.update(state="refused", last_error="Unregistered")

    shown = text(page.get(f"/devices/{device.pk}/"))

    assert "The receiver does not know it any more" in shown
    assert "It is used again" in shown or "it is used again" in shown
