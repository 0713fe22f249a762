"""Push devices over REST."""

from __future__ import annotations

import json

import pytest

from pbx.audit.models import AuditEntry
from pbx.push import tasks
from pbx.push.models import PushDevice
from pbx.subscribers import actions as subscribers

pytestmark = pytest.mark.django_db

URL = "/api/v1/push-devices"
TOKEN = "0123456789abcdef0123456789"
WRITE = ("push-devices:read", "push-devices:write")


@pytest.fixture
def bob(db, store):
    return subscribers.create_subscriber(username="101", password="right-battery-7")


def post(client, address: str = URL, **body):
    return client.post(address, json.dumps(body), content_type="application/json")


def enter(client, **changes):
    return post(client, **{"subscriber": "101", "provider": "http", "token": TOKEN, **changes})


def test_a_device_is_entered_read_and_removed_and_its_token_is_not_told(program, bob):
    client = program(*WRITE, name="desk")

    answer = enter(client, param="app", instance_id="<urn:uuid:1>", platform="android")
    made = answer.json()

    assert answer.status_code == 201
    assert PushDevice.objects.get().token == TOKEN
    assert made["subscriber"] == "101@pbx.test"
    assert (made["token"], made["state"], made["last_push_at"]) == ("0123…6789", "unknown", None)
    assert client.get(f"{URL}/{made['id']}").json() == made
    assert client.get(URL).json() == {"items": [made], "total": 1, "next": None}

    assert client.delete(f"{URL}/{made['id']}").status_code == 204
    assert client.get(f"{URL}/{made['id']}").status_code == 404
    entries = (
        AuditEntry.objects.filter(action__startswith="push-device")
        .order_by("pk")
        .values_list("action", "subject", "way")
    )
    assert list(entries) == [
        ("push-device.added", "101@pbx.test", "API, token desk"),
        ("push-device.removed", "101@pbx.test", "API, token desk"),
    ]
    assert TOKEN not in str(list(AuditEntry.objects.values()))


@pytest.mark.acceptance("H71")
def test_a_token_that_is_known_moves(program, bob):
    subscribers.create_subscriber(username="102", password="right-battery-7")
    client = program()
    enter(client)

    made = enter(client, subscriber="102@pbx.test").json()

    assert made["subscriber"] == "102@pbx.test"
    assert client.get(URL).json()["total"] == 1


def test_the_list_is_paged_and_narrowed(program, bob):
    client = program()
    ids = [
        enter(client, token=f"{TOKEN}{number}", provider=("http", "fcm")[number % 2]).json()["id"]
        for number in range(5)
    ]

    seen, query = [], "limit=2"
    while True:
        page = client.get(f"{URL}?{query}").json()
        assert page["total"] == 5
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        query = f"limit=2&cursor={page['next']}"
    assert seen == ids
    assert [item["id"] for item in client.get(f"{URL}?provider=fcm").json()["items"]] == ids[1::2]
    assert client.get(f"{URL}?subscriber=101&state=unknown").json()["total"] == 5
    assert client.get(f"{URL}?subscriber=999").json()["total"] == 0
    assert client.get(f"{URL}?state=works").json()["total"] == 0


@pytest.mark.parametrize("query", ["provider=pager", "state=asleep", "cursor=x", "limit=0"])
def test_a_filter_that_cannot_be_is_named(query, program, bob):
    answer = program().get(f"{URL}?{query}")

    assert answer.status_code == 400
    assert answer.json()["field_errors"].keys() == {query.partition("=")[0]}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"subscriber": "999"}, "subscriber"),
        ({"subscriber": ""}, "subscriber"),
        ({"provider": "pager"}, "provider"),
        ({"token": ""}, "token"),
        ({"token": 7}, "token"),
        ({"param": "x" * 300}, "param"),
        ({"param": "a\0b"}, "param"),
        ({"tokn": "x"}, "tokn"),
        ({"keys": "x"}, "keys"),
        ({"provider": "webpush", "token": "https://x", "keys": {"p256dh": "x", "auth": "y"}}, "token"),
    ],
)
def test_a_device_that_cannot_be_is_refused_field_by_field(changes, field, program, bob):
    answer = enter(program(), **changes)

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_device")
    assert set(answer.json()["field_errors"]) == {field}
    assert not PushDevice.objects.exists()


def test_a_browser_hands_its_keys_over_and_they_are_not_told(program, bob):
    keys = {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    }
    endpoint = "https://updates.push.services.mozilla.com/wpush/v2/gAAAA"

    answer = enter(program(), provider="webpush", token=endpoint, keys=keys)

    assert answer.status_code == 201
    assert PushDevice.objects.get().keys == keys
    assert keys["auth"] not in answer.content.decode()
    assert endpoint not in answer.content.decode()


def test_a_test_wake_is_handed_to_celery(program, bob, monkeypatch):
    handed: list = []
    monkeypatch.setattr(tasks.test_device, "apply_async", lambda **words: handed.append(words["args"]))
    client = program()
    made = enter(client).json()

    answer = post(client, f"{URL}/{made['id']}/test-wake")

    assert (answer.status_code, handed) == (202, [[int(made["id"])]])
    assert answer.json() == {"device": f"device:{made['id']}"}
    assert post(client, f"{URL}/999999/test-wake").status_code == 404


def test_reading_is_not_writing(program, bob):
    client = program("push-devices:read")

    assert client.get(URL).status_code == 200
    assert enter(client).status_code == 403
