"""Whose phone a token wakes: learning, rotation, one owner, forgetting."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from pbx.push import actions
from pbx.push.models import PushAttempt, PushDevice, hash_token
from sipcore.contract import keys
from sipcore.contract.directory import SubscriberRecord
from sipcore.contract.records import from_json

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN, OTHER = "token-one-0123456789", "token-two-0123456789"


@pytest.fixture
def bob(new_subscriber):
    return new_subscriber("101")


@pytest.fixture
def devices_known(store):
    """How many push devices of a subscriber the directory tells workers of."""
    return lambda aor: from_json(SubscriberRecord, store.get(keys.directory_subscriber(aor))).push_devices


def learn(subscriber, token: str = TOKEN, **fields):
    about = {"key": "k1", "provider": "fcm", "param": "project", "instance_id": "<urn:uuid:1>", "user_agent": "Phone/1"}
    return actions.learn_device(subscriber, token=token, **{**about, **fields})[0]


def test_a_registered_token_becomes_a_device_that_workers_know_of(bob, devices_known):
    device = learn(bob)

    assert PushDevice.objects.get().token == TOKEN
    assert (device.state, device.platform, device.is_usable) == ("unknown", "android", True)
    assert devices_known(bob.aor) == 1


def test_the_token_is_sealed_in_the_database_and_masked_for_people(bob):
    device = learn(bob)

    stored = repr(PushDevice.objects.filter(pk=device.pk).values())
    assert TOKEN not in stored
    assert device.masked_token == "toke…6789"
    assert TOKEN not in f"{device!r} {device}"


def test_a_short_token_is_masked_whole(bob):
    assert learn(bob, "shorttoken").masked_token == "…"


def test_its_hash_is_the_one_that_bindings_carry(bob):
    """sipcore.contract.location: SHA-256 of pn-prid, first 16 hex digits."""
    import hashlib

    assert learn(bob).token_hash[:16] == hashlib.sha256(TOKEN.encode()).hexdigest()[:16]


def test_registering_again_changes_nothing_that_workers_need_to_hear(bob):
    learn(bob)
    bob.refresh_from_db()

    learn(bob)

    revision = bob.revision
    bob.refresh_from_db()
    assert (bob.revision, PushDevice.objects.count()) == (revision, 1)


@pytest.mark.acceptance("H70")
@pytest.mark.parametrize(
    ("_case", "first", "then"),
    [
        ("known by its instance", {"key": "k1"}, {"key": "k2"}),
        ("known by its binding", {"instance_id": ""}, {"instance_id": ""}),
    ],
)
def test_a_rotated_token_replaces_the_old_one(_case, first, then, bob, devices_known):
    learn(bob, TOKEN, **first)

    learn(bob, OTHER, **then)

    assert PushDevice.objects.get().token == OTHER
    assert devices_known(bob.aor) == 1


def test_two_phones_are_two_devices(bob, devices_known):
    learn(bob, TOKEN)
    learn(bob, OTHER, key="k2", instance_id="<urn:uuid:2>")

    assert devices_known(bob.aor) == 2


def test_one_phone_with_two_providers_is_two_devices(bob, devices_known):
    learn(bob, TOKEN, provider="apns")
    learn(bob, OTHER, provider="fcm")

    assert devices_known(bob.aor) == 2


@pytest.mark.acceptance("H71")
def test_a_token_belongs_to_whoever_signed_in_last(bob, new_subscriber, devices_known):
    dave = new_subscriber("104")
    learn(bob)

    learn(dave)

    assert PushDevice.objects.get().subscriber == dave
    assert (devices_known(bob.aor), devices_known(dave.aor)) == (0, 1)


def test_a_token_of_another_application_is_another_token(bob, new_subscriber):
    learn(bob, param="one")
    learn(new_subscriber("104"), param="two")

    assert PushDevice.objects.count() == 2


def test_a_refused_token_that_is_registered_again_gets_another_chance(bob, devices_known):
    learn(bob)
    PushDevice.objects.update(state="refused", last_error="Unregistered")

    device = learn(bob)

    assert (device.state, device.last_error) == ("unknown", "")
    assert devices_known(bob.aor) == 1


def test_a_subscriber_has_at_most_ten_devices_and_the_longest_silent_goes(bob):
    now = timezone.now()
    for number in range(11):
        learn(bob, f"{TOKEN}{number}", key=f"k{number}", instance_id="", now=now + timedelta(minutes=number))

    assert PushDevice.objects.count() == 10
    assert not PushDevice.objects.filter(key="k0").exists()


def test_the_time_from_push_to_register_is_the_wake_up(bob):
    device, now = learn(bob), timezone.now()
    attempt = PushAttempt.objects.create(device=device, push_id="0" * 32, at=now, accepted=True)

    about = {"key": "k1", "provider": "fcm", "param": "project", "token": TOKEN, "instance_id": "<urn:uuid:1>"}
    _, woke_ms = actions.learn_device(bob, **about, now=now + timedelta(milliseconds=1800))
    _, again = actions.learn_device(bob, **about, now=now + timedelta(milliseconds=2800))

    attempt.refresh_from_db()
    device.refresh_from_db()
    assert (woke_ms, attempt.woke_ms, device.last_wake_ms, again) == (1800, 1800, 1800, None)


@pytest.mark.parametrize(
    ("_case", "seconds", "accepted"), [("much later", 61, True), ("after a push that was refused", 1, False)]
)
def test_not_every_register_is_a_wake_up(_case, seconds, accepted, bob):
    device, now = learn(bob), timezone.now()
    PushAttempt.objects.create(device=device, push_id="0" * 32, at=now, accepted=accepted)

    about = {"key": "k1", "provider": "fcm", "param": "project", "token": TOKEN}
    _, woke_ms = actions.learn_device(bob, **about, now=now + timedelta(seconds=seconds))

    assert woke_ms is None


def test_an_unregistered_phone_is_forgotten(bob, devices_known):
    learn(bob)

    assert actions.forget_device(bob, key="k1") == 1

    assert devices_known(bob.aor) == 0


def test_devices_entered_by_hand_are_not_forgotten_by_a_binding_without_a_key(bob):
    actions.add_device(bob, provider="http", token=TOKEN)

    assert actions.forget_device(bob, key="") == 0


def test_a_device_entered_by_hand_counts(bob, devices_known):
    device = actions.add_device(bob, provider="http", token=TOKEN, param="app", platform="linux")

    assert devices_known(bob.aor) == 1
    assert (device.handle, device.platform) == (f"device:{device.pk}", "linux")


@pytest.mark.parametrize(
    ("_case", "fields", "field"),
    [("an unknown provider", {"provider": "pigeon"}, "provider"), ("no token", {"token": ""}, "token")],
)
def test_a_device_that_cannot_be_pushed_is_refused(_case, fields, field, bob):
    with pytest.raises(ValidationError) as refusal:
        actions.add_device(bob, **{"provider": "http", "token": TOKEN, **fields})

    assert field in refusal.value.message_dict


def test_a_removed_device_is_no_longer_counted(bob, devices_known):
    actions.remove_device(learn(bob))

    assert devices_known(bob.aor) == 0


def test_tokens_are_compared_by_their_hash(bob):
    assert hash_token(TOKEN) != hash_token(OTHER)
    assert learn(bob).token_hash == hash_token(TOKEN)


@pytest.mark.parametrize(
    ("_case", "days_ago", "setting", "kept"),
    [
        ("within the week that it is still woken", 6, 7, True),
        ("after it", 8, 7, False),
        ("as RFC 8599 has it", 0.01, 0, False),
        ("still registered", -0.01, 0, True),
    ],
)
def test_a_phone_that_is_silent_for_long_is_forgotten(_case, days_ago, setting, kept, bob, devices_known, settings):
    settings.PUSH_AFTER_EXPIRY_DAYS = setting
    learn(bob, registered_until=timezone.now() - timedelta(days=days_ago))

    assert actions.forget_silent_devices() == (not kept)

    assert devices_known("101@pbx.test") == kept


def test_devices_that_never_registered_are_not_silent(bob):
    actions.add_device(bob, provider="http", token=TOKEN)

    assert actions.forget_silent_devices() == 0
