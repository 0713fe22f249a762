import json

import pytest

from pbx import event_log
from pbx.event_log import EventQuery, newest_first, oldest_first
from sipcore.contract import keys


def write(store, number, name="E_NODE_UP", call_uid="", **attributes):
    event = {
        "id": f"e{number:05}",
        "name": name,
        "ts": number,
        "node": "w",
        "attributes": attributes,
        "call_uid": call_uid,
    }
    store.xadd(keys.EVENTS_LOG, {"event": json.dumps(event)}, id=f"{1000 * (number + 1)}-1")


def ids(events):
    return [int(event["id"][1:]) for event in events]


def test_the_log_is_read_backwards_page_by_page_without_gap_or_repetition(store):
    for number in range(120):
        write(store, number)

    seen, cursor = [], ""
    while cursor is not None:
        page, cursor = newest_first(EventQuery(), cursor, limit=50)
        seen += ids(page)

    assert seen == list(range(119, -1, -1))


def test_the_log_is_narrowed_by_kind_and_text(store):
    write(store, 1, "E_PUSH_SENT", aor="김철수@localhost")
    write(store, 2, "E_PUSH_FAILED", aor="102@localhost")
    write(store, 3, "E_CALL_PICKUP", picker="102@localhost", token="t0k3n")

    assert ids(newest_first(EventQuery(kind="push"))[0]) == [2, 1]
    assert ids(newest_first(EventQuery(kind="trouble"))[0]) == [2]
    assert ids(newest_first(EventQuery(text="철수"))[0]) == [1]
    assert ids(newest_first(EventQuery(text="102", kind="calls"))[0]) == [3]
    assert newest_first(EventQuery(text="t0k3n"))[0] == []


def test_one_answer_looks_at_so_many_entries_and_can_be_continued(store, monkeypatch):
    monkeypatch.setattr(event_log, "STEP", 5)
    monkeypatch.setattr(event_log, "FARTHEST", 10)
    write(store, 0, "E_NODE_DOWN")
    for number in range(1, 30):
        write(store, number)

    found, cursor, turns = [], "", 0
    while cursor is not None:
        page, cursor = newest_first(EventQuery(kind="trouble"), cursor)
        found, turns = found + ids(page), turns + 1

    assert (found, turns > 2) == ([0], True)


def test_an_empty_log_is_no_error(store):
    assert newest_first(EventQuery()) == ([], None)
    assert list(oldest_first(EventQuery())) == []


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["before=x", "before=1-1;DEL", "kind=nonsense"])
def test_what_cannot_be_a_question_is_refused(client, django_user_model, store, query):
    client.force_login(django_user_model.objects.create_superuser("admin", password="x"))

    assert client.get(f"/events/log.json?{query}", headers={"host": "localhost"}).status_code == 400
