"""Events and subscriptions over REST."""

from __future__ import annotations

import json
import time

import pytest

from pbx.audit.models import AuditEntry
from sipcore.contract import keys
from sipcore.contract.events import E_CALL_PICKUP, E_UL_CONTACT_INSERT

pytestmark = pytest.mark.django_db


@pytest.fixture
def happen(store):
    def write(name="E_NODE_UP", ts=1000.5, call_uid="", **attributes) -> str:
        event = {"id": f"e{ts}", "name": name, "ts": ts, "node": "w1", "attributes": attributes, "call_uid": call_uid}
        return store.xadd(keys.EVENTS_LOG, {"event": json.dumps(event)}, id=f"{int(ts * 1000)}-1")

    return write


def test_the_log_is_a_list_newest_first_that_is_paged_by_cursor(program, happen):
    cursors = [happen(ts=1000.0 + number) for number in range(7)]
    client, seen, query = program(), [], ""

    while True:
        page = client.get(f"/api/v1/events?limit=3{query}").json()
        assert page.keys() == {"items", "total", "next"}
        assert page["total"] == 7
        seen += [item["cursor"] for item in page["items"]]
        if page["next"] is None:
            break
        query = f"&cursor={page['next']}"

    assert seen == cursors[::-1]


def test_an_event_has_its_envelope_and_no_secret(program, happen):
    cursor = happen("E_CALL_PICKUP", call_uid="c1", picker="102@pbx.test", token="t0k3n")

    (item,) = program().get("/api/v1/events").json()["items"]

    assert item == {
        "cursor": cursor,
        "id": "e1000.5",
        "name": "E_CALL_PICKUP",
        "ts": "1970-01-01T00:16:40.500Z",
        "node": "w1",
        "call_uid": "c1",
        "cause_id": "",
        "attributes": {"picker": "102@pbx.test"},
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("name=E_CALL_ENDED", [3000]),
        ("name=E_CALL_*", [3000, 2000]),
        ("kind=calls", [3000, 2000]),
        ("call=c1", [3000, 2000]),
        ("subscriber=102", [2000, 1000]),
        ("subscriber=102@pbx.test", [2000, 1000]),
        ("subscriber=10", []),
        ("since=1970-01-01T00:33:20Z", [3000, 2000]),
        ("until=2000", [1000]),
        ("since=1970-01-01T09:33:20%2B09:00&until=2500", [2000]),
        ("q=busy", [3000]),
    ],
)
def test_the_log_is_narrowed(program, happen, query, expected):
    happen("E_UL_AOR_INSERT", 1000.0, aor="102@pbx.test")
    happen("E_CALL_STARTED", 2000.0, call_uid="c1", caller="sip:101@pbx.test", callee="102@pbx.test")
    happen("E_CALL_ENDED", 3000.0, call_uid="c1", reason="Busy")

    items = program().get(f"/api/v1/events?{query}").json()["items"]

    assert [int(item["id"][1:].split(".")[0]) for item in items] == expected


@pytest.mark.parametrize("query", ["since=yesterday", "since=2026-01-01T00:00:00", "kind=x", "cursor=1", "name=x"])
def test_a_filter_that_cannot_be_is_named(program, store, query):
    response = program().get(f"/api/v1/events?{query}")

    assert response.status_code == 400
    assert response.json()["field_errors"].keys() == {query.partition("=")[0]}


@pytest.mark.acceptance("H20")
def test_subscriptions_are_listed_and_one_is_killed(program, worker):
    kept = worker.subscribe(E_CALL_PICKUP, {"call": "c1"}, call_uid="c1")
    killed = worker.subscribe(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}, call_uid="c1", once=True)
    client = program("subscriptions:read", "subscriptions:write", name="desk")

    listed = client.get("/api/v1/subscriptions").json()
    assert (listed["total"], listed["next"], listed["silent"]) == (2, None, [])
    first = listed["items"][0]
    assert (first["id"], first["events"], first["worker"]) == (killed.id, ["E_UL_CONTACT_INSERT"], "w1")
    assert first["conditions"] == [{"key": "aor", "operator": "eq", "value": "bob@t1", "text": "aor=bob@t1"}]
    assert (first["fires"], first["max_fires"], first["call_uid"], first["kind"]) == (0, 1, "c1", "notify")
    assert 0 < first["seconds_left"] <= 20

    assert client.delete(f"/api/v1/subscriptions/{killed.id}").status_code == 204

    worker.raise_event(E_UL_CONTACT_INSERT, aor="bob@t1")
    assert worker.handled == []
    assert [item["id"] for item in client.get("/api/v1/subscriptions").json()["items"]] == [kept.id]
    assert client.delete(f"/api/v1/subscriptions/{killed.id}").status_code == 404
    entry = AuditEntry.objects.get(action="subscription.killed")
    assert (entry.actor, entry.way, entry.subject) == ("robot", "API, token desk", killed.id)


def test_pages_of_subscriptions(program, worker):
    for number in range(5):
        worker.subscribe(E_UL_CONTACT_INSERT, {"aor": f"{number}@t1"})
    client, seen, query = program(), [], ""

    while True:
        page = client.get(f"/api/v1/subscriptions?limit=2{query}").json()
        seen += [item["conditions"][0]["value"] for item in page["items"]]
        if page["next"] is None:
            break
        query = f"&cursor={page['next']}"

    assert seen == ["4@t1", "3@t1", "2@t1", "1@t1", "0@t1"]


def test_a_worker_that_does_not_answer_is_named(program, worker, store):
    store.zadd(keys.WORKERS, {"w9": time.time() + 10})

    assert program().get("/api/v1/subscriptions").json()["silent"] == ["w9"]
    problem = program().delete("/api/v1/subscriptions/s1").json()
    assert (problem["status"], problem["code"], problem["workers"]) == (503, "worker_silent", ["w9"])


def test_what_an_event_would_match(program, worker):
    worker.subscribe(E_UL_CONTACT_INSERT, {"aor": "bob@t1", "transport": "tls"})
    question = {"event": E_UL_CONTACT_INSERT, "attributes": {"aor": "bob@t1", "transport": "udp"}}

    answer = program().post("/api/v1/subscriptions/matches", question, content_type="application/json").json()

    (item,) = answer["items"]
    assert (answer["total"], answer["matches"], item["matches"]) == (1, 0, False)
    assert [failed["text"] for failed in item["failed"]] == ["transport=tls"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("not json", 400, "not_json"),
        ("[]", 400, "not_an_object"),
        ("{}", 422, "bad_event"),
        ('{"event": "e"}', 422, "bad_event"),
        ('{"event": "E_NODE_UP", "attributes": []}', 422, "bad_attributes"),
        ('{"event": "E_NODE_UP", "attributes": {"nobody": 1}}', 422, "bad_attributes"),
        ('{"event": "E_NODE_UP", "attributes": {"worker": 1}}', 422, "bad_attributes"),
        ('{"event": "' + "x" * 70_000 + '"}', 413, "too_large"),
    ],
)
def test_an_event_that_cannot_be(program, store, body, status, code):
    answer = program().post("/api/v1/subscriptions/matches", body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_event_of_the_scripts_own_is_taken_as_it_is(program, worker):
    question = {"event": "E_DOORBELL", "attributes": {"anything": 1}}
    answer = program().post("/api/v1/subscriptions/matches", question, content_type="application/json").json()

    assert (answer["total"], answer["silent"]) == (0, [])


def test_a_ticket_for_the_websocket(program, store):
    answer = program("events:read").post("/api/v1/websocket-tickets").json()

    assert answer["path"] == f"/ws/v1/events?ticket={answer['ticket']}"
    (key,) = store.keys("pbx:ws:*")
    assert answer["ticket"] not in key
    assert 0 < store.ttl(key) <= answer["expires_in"] == 30
    assert program("subscriptions:read").post("/api/v1/websocket-tickets").status_code == 403
