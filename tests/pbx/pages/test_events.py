"""The page of events, its log and its export."""

from __future__ import annotations

import json

import pytest

from sipcore.contract import keys


@pytest.fixture
def happen(store):
    def write(number: int, name: str = "E_NODE_UP", call_uid: str = "", **attributes) -> str:
        event = {"id": f"e{number}", "name": name, "ts": 1000.0 + number, "node": "w1", "attributes": attributes}
        entry = {"event": json.dumps({**event, "call_uid": call_uid}, ensure_ascii=False)}
        return store.xadd(keys.EVENTS_LOG, entry, id=f"{1_000_000 + 1000 * number}-1")

    return write


def exported(response) -> list[dict]:
    assert response.status_code == 200
    return [json.loads(line) for line in b"".join(response).decode().splitlines()]


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous")
def test_the_export_is_what_the_filters_leave_a_line_for_each_oldest_first(page, happen):
    for number in range(1_200):
        happen(number, "E_PUSH_SENT" if number % 2 else "E_NODE_UP", worker=f"김 {number}", token="t0k3n")

    response = page.get("/events/export.jsonl?kind=push&since=1100")

    assert response.headers["Content-Type"] == "application/x-ndjson"
    assert response.headers["Content-Disposition"].startswith('attachment; filename="events-')
    lines = exported(response)
    assert [line["id"] for line in lines] == [f"e{number}" for number in range(101, 1_200, 2)]
    assert lines[0]["cursor"] == "1101000-1"
    assert "token" not in lines[0]["attributes"]


@pytest.mark.parametrize("query", ["kind=x", "since=soon", "name=lower"])
def test_a_filter_that_cannot_be_is_no_export(page, query):
    assert page.get(f"/events/export.jsonl?{query}").json()["field"] == query.partition("=")[0]


def test_the_past_is_read_up_to_a_moment(page, happen):
    for number in range(10):
        happen(number, call_uid="c1" if number % 3 == 0 else "c2")

    answer = page.get("/events/log.json?until=1970-01-01T00:16:46Z&call=c1").json()

    assert [event["id"] for event in answer["events"]] == ["e3", "e0"]
    assert answer["next"] is None


def test_what_had_to_wait_for_redis_is_found_at_the_time_when_it_happened(page, store):
    event = {"id": "e1", "name": "E_NODE_UP", "ts": 1000.0, "node": "w1", "attributes": {}, "call_uid": ""}
    store.xadd(keys.EVENTS_LOG, {"event": json.dumps(event)}, id="1009000-1")  # nine seconds later

    assert len(page.get("/events/log.json?since=999&until=1001").json()["events"]) == 1
    assert page.get("/events/log.json?since=1005").json()["events"] == []
