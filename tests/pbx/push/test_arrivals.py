"""Phones whose REGISTER carries no token are noticed by the event log."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from pbx.events import raise_event
from pbx.push import actions, tasks
from pbx.push.models import PushAttempt
from sipcore.contract.events import CATALOGUE

pytestmark = pytest.mark.django_db

INSTANCE = "00000000-0000-1000-8000-aabbccddeeff"
_numbers = iter(range(1, 1000))


@pytest.fixture
def bob(new_subscriber):
    return new_subscriber("101")


def push(device, **fields) -> PushAttempt:
    about = {"at": timezone.now() - timedelta(seconds=2), "accepted": True, **fields}
    return PushAttempt.objects.create(device=device, push_id=f"{next(_numbers):032}", **about)


def arrive(key: str = f"<urn:uuid:{INSTANCE}>", aor: str = "101@pbx.test") -> None:
    name = "E_UL_CONTACT_INSERT"
    empty = {kind: kind() for kind in (str, int, float, dict, bool)}
    values = {attribute: empty[kind] for attribute, kind in CATALOGUE[name].attributes.items()}
    raise_event(name, **{**values, "aor": aor, "key": key})


def test_a_phone_that_came_after_its_push_has_woken(bob, store, events):
    device = actions.add_device(bob, provider="http", token="t" * 20, instance_id=INSTANCE)
    attempt = push(device)
    arrive()

    tasks.note_arrivals()

    attempt.refresh_from_db()
    device.refresh_from_db()
    assert 1900 <= attempt.woke_ms < 4000
    assert device.last_wake_ms == attempt.woke_ms
    woke = events()[-1]
    assert (woke.name, woke.device, woke.ms) == ("E_PUSH_WOKE", device.handle, attempt.woke_ms)

    tasks.note_arrivals()
    assert events()[-1] == woke, "once"


def test_a_phone_of_which_nothing_is_known_is_taken_for_any_of_its_owner(bob, store):
    attempt = push(actions.add_device(bob, provider="http", token="t" * 20))
    arrive(key="sip:101@192.0.2.1")

    tasks.note_arrivals()

    attempt.refresh_from_db()
    assert attempt.woke_ms is not None


@pytest.mark.parametrize(
    ("_case", "pushed", "arrival"),
    [
        ("another phone", {}, {"key": "<urn:uuid:00000000-0000-1000-8000-000000000000>"}),
        ("another subscriber", {}, {"aor": "102@pbx.test"}),
        ("the push was refused", {"accepted": False}, {}),
        ("the push is long ago", {"at": timezone.now() - timedelta(minutes=5)}, {}),
        ("it came before the push", {"at": timezone.now() + timedelta(minutes=5)}, {}),
    ],
)
def test_who_did_not_come_for_it(_case, pushed, arrival, bob, store):
    attempt = push(actions.add_device(bob, provider="http", token="t" * 20, instance_id=INSTANCE), **pushed)
    arrive(**arrival)

    tasks.note_arrivals()

    attempt.refresh_from_db()
    assert attempt.woke_ms is None


def test_phones_that_bring_their_token_are_left_to_it(bob, store):
    device = actions.learn_device(bob, key="k1", provider="http", param="", token="t" * 20)[0]
    attempt = push(device)
    arrive(key="k1")

    tasks.note_arrivals()

    attempt.refresh_from_db()
    assert attempt.woke_ms is None
