"""A phone that does not refresh by itself is woken once before its registration expires."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from pbx.push import refreshing, tasks
from pbx.push.models import PushDevice
from pbx.subscribers import actions as subscribers

from .conftest import in_a_job

pytestmark = pytest.mark.django_db(transaction=True)

AOR = "101@pbx.test"


@pytest.fixture
def bob(new_subscriber):
    return new_subscriber("101")


def registers(seconds: float = 3600, *, key: str = "k1", **fields) -> PushDevice:
    """The job of a REGISTER that was granted so many seconds."""
    prid = in_a_job(f"token-of-{key}-0123456789")
    about = {"provider": "http", "prid": prid, "expires_at": time.time() + seconds}
    tasks.learn_device(aor=AOR, key=key, **{**about, "refreshes_itself": False, **fields})
    return PushDevice.objects.get(key=key)


def due(device: PushDevice) -> None:
    """Let the time come at which that device is to be woken."""
    PushDevice.objects.filter(pk=device.pk).update(refresh_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.acceptance("H69")
def test_it_is_pushed_once_and_not_as_a_call(push_server, bob, events):
    due(registers())

    tasks.refresh_devices()
    tasks.refresh_devices()

    (push,) = push_server.received
    assert push.body["type"] == "refresh"
    wanted, sent = events()
    assert (wanted.name, wanted.reason, wanted.key) == ("E_UL_CONTACT_REFRESH", "reg-refresh", "k1")
    assert (sent.name, sent.kind, sent.cause_id) == ("E_PUSH_SENT", "refresh", wanted.id)


@pytest.mark.acceptance("H69")
def test_the_push_comes_before_the_last_two_minutes_and_not_all_at_the_same_time():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    until = now + timedelta(seconds=3600)

    times = {refreshing.time_to_refresh(now, until) for _ in range(200)}

    assert len(times) > 100
    assert all(timedelta(seconds=120) <= until - at <= timedelta(seconds=120 + 0.1 * 3480) for at in times)


def test_a_registration_shorter_than_that_is_not_refreshed_by_push():
    now = timezone.now()
    assert refreshing.time_to_refresh(now, now + timedelta(seconds=120)) is None


def test_before_its_time_nobody_is_woken(push_server, bob):
    registers()

    tasks.refresh_devices()

    assert push_server.received == []


@pytest.mark.acceptance("H69")
def test_what_has_expired_is_not_woken_any_more(push_server, bob):
    device = registers()
    due(device)
    PushDevice.objects.update(registered_until=timezone.now() - timedelta(seconds=1))

    tasks.refresh_devices()

    assert push_server.received == []


def test_a_phone_that_refreshes_itself_is_left_alone(bob):
    assert registers(refreshes_itself=True).refresh_at is None


def test_each_registration_sets_the_time_anew(bob):
    first = registers(600).refresh_at
    assert registers(3600).refresh_at > first


@pytest.mark.parametrize("change", ["suspended", "refused", "just pushed"])
def test_a_phone_that_is_not_to_be_woken_is_not(push_server, bob, change):
    due(registers())
    if change == "suspended":
        subscribers.set_enabled(bob, False)
    elif change == "refused":
        PushDevice.objects.update(state=PushDevice.State.REFUSED)
    else:
        PushDevice.objects.update(last_push_at=timezone.now() - timedelta(seconds=5))

    tasks.refresh_devices()

    assert push_server.received == []


def test_a_round_is_bounded_and_the_rest_follows(push_server, bob, monkeypatch):
    monkeypatch.setattr(refreshing, "AT_ONCE", 2)
    for number in range(3):
        due(registers(key=f"k{number}"))

    tasks.refresh_devices()
    assert len(push_server.received) == 2
    tasks.refresh_devices()
    assert len(push_server.received) == 3
