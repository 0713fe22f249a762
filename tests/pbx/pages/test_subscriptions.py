"""The pages of the subscription inspector."""

from __future__ import annotations

import json
import time

import pytest

from pbx.audit.models import AuditEntry
from sipcore.contract import keys
from sipcore.contract.events import E_CALL_PICKUP, E_UL_CONTACT_INSERT


def text(response) -> str:
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


@pytest.mark.acceptance("H20")
def test_each_subscription_is_a_row_with_a_bar(page, worker):
    worker.subscribe(E_UL_CONTACT_INSERT, {"aor": "<b>@t1"}, 20, call_uid="c1", bound_to=worker)
    worker.subscribe(E_CALL_PICKUP, {"call": "c1"}, 3600)

    shown = text(page.get("/subscriptions/"))

    assert "aor=&lt;b&gt;@t1" in shown
    assert "2 live subscriptions" in shown
    assert shown.count("<progress") == 2
    assert 'href="/calls/c1/"' in shown
    assert "ends with the request" in shown
    assert " style=" not in shown


def test_what_is_left_is_written_with_a_point_in_every_language(page, worker):
    worker.subscribe(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}, 20)

    for language in ("en", "ko", "de"):
        shown = text(page.get("/subscriptions/", headers={"accept-language": language}))
        bar = shown[shown.index("<progress") :].partition(">")[0]
        assert 'max="20.0"' in bar or 'max="20"' in bar
        assert "," not in bar


@pytest.mark.parametrize(
    ("query", "sentence"),
    [("", "Nobody waits for anything right now"), ("?q=nobody", "No live subscription matches")],
)
def test_an_empty_list_says_why(page, worker, query, sentence):
    assert sentence in text(page.get(f"/subscriptions/{query}"))


def test_a_worker_that_does_not_answer_is_named(page, worker, store):
    store.zadd(keys.WORKERS, {"w9": time.time() + 10})

    assert "No answer from w9" in text(page.get("/subscriptions/"))


def test_without_redis_the_page_says_so(page, monkeypatch):
    from redis import Redis

    away = Redis(unix_socket_path="/nonexistent", decode_responses=True)
    monkeypatch.setattr("pbx.inspector.inquiry.store", lambda: away)
    monkeypatch.setattr("pbx.event_log.store", lambda: away)

    assert "Redis does not answer" in text(page.get("/subscriptions/"))
    assert "Redis does not answer" in text(page.get("/subscriptions/try/?event=E_NODE_UP&try=1"))
    assert "Redis does not answer" in text(page.post("/subscriptions/s1/end/", follow=True))


@pytest.mark.acceptance("H20")
def test_ending_one_asks_first_and_is_noted(page, worker):
    live = worker.subscribe(E_UL_CONTACT_INSERT, {"aor": "bob@t1"}, call_uid="c1")

    asked = text(page.get(f"/subscriptions/{live.id}/end/"))
    assert "It never fires again" in asked
    assert live.is_live

    assert "The subscription has ended" in text(page.post(f"/subscriptions/{live.id}/end/", follow=True))

    worker.raise_event(E_UL_CONTACT_INSERT, aor="bob@t1")
    assert (worker.handled, live.is_live) == ([], False)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.way, entry.subject) == ("admin", "pages", live.id)
    assert "It had ended already" in text(page.get(f"/subscriptions/{live.id}/end/", follow=True))
    assert "It had ended already" in text(page.post(f"/subscriptions/{live.id}/end/", follow=True))


def test_an_event_is_tried_by_its_fields(page, worker):
    worker.subscribe(E_UL_CONTACT_INSERT, {"aor": "bob@t1", "expires_in": 60})
    worker.subscribe(E_UL_CONTACT_INSERT, {"aor": "carol@t1"})

    shown = text(page.get("/subscriptions/try/?event=E_UL_CONTACT_INSERT&a.aor=bob@t1&a.expires_in=60&try=1"))

    assert "1 of 2 would fire" in shown
    assert shown.index("aor=bob@t1") < shown.index("aor=carol@t1")
    assert "does not hold:" in shown
    assert worker.handled == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("event=E_UL_CONTACT_INSERT&a.expires_in=soon", "This is a whole number."),
        ("event=E_UL_CONTACT_INSERT&json=x", "This is no JSON."),
        ("event=E_UL_CONTACT_INSERT&json=[]", "This is no JSON object."),
        ('event=E_UL_CONTACT_INSERT&json={"nobody":1}', "no such attribute"),
        ("event=nonsense", "Choose an event"),
        ("cursor=99-1", "Choose an event"),
        ("", "Choose an event"),
    ],
)
def test_what_cannot_be_tried_is_said_at_its_place(page, worker, query, sentence):
    assert sentence in text(page.get(f"/subscriptions/try/?{query}"))


def test_an_event_of_the_log_can_be_tried(page, worker, store):
    worker.subscribe(E_CALL_PICKUP, {"call": "c1"})
    event = {"id": "e1", "name": E_CALL_PICKUP, "ts": 1.0, "node": "w1", "attributes": {"call": "c1", "picker": "d@t1"}}
    cursor = store.xadd(keys.EVENTS_LOG, {"event": json.dumps({**event, "call_uid": "c9"})})

    shown = text(page.get(f"/subscriptions/try/?cursor={cursor}&try=1"))

    assert "1 of 1 would fire" in shown
    assert 'value="d@t1"' in shown
    assert 'value="c9"' in shown
    assert "Take one of the log" in shown


def test_a_call_that_goes_on_has_a_page(page, put_call, store):
    put_call("live-1", state="ringing")

    shown = text(page.get("/calls/live-1/"))

    assert "going on right now" in shown
    assert 'href="/subscriptions/?call=live-1"' in shown
    assert page.get("/calls/nobody/").status_code == 404
