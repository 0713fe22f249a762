"""`/healthz` says that the process is up, `/readyz` what it cannot reach."""

from __future__ import annotations

import time

import pytest
from django.db import connection

from pbx import celery, health
from pbx import store as stores
from sipcore.contract import keys

pytestmark = pytest.mark.django_db


@pytest.fixture
def all_up(store):
    store.zadd(keys.WORKERS, {"worker-1": time.time() + 10})
    celery.heartbeat()
    return store


def test_up_is_up_whatever_else_is_down(client, settings, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_when_everything_answers(client, all_up):
    answer = client.get("/readyz")

    checks = {"database": "ok", "redis": "ok", "sip": "ok", "celery": "ok"}
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "failing": [], "checks": checks})
    assert "no-store" in answer["Cache-Control"]


def failing(client) -> list[str]:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    return answer.json()["failing"]


def test_a_worker_whose_heartbeat_stopped_is_named(client, all_up):
    all_up.zadd(keys.WORKERS, {"worker-1": time.time() - 1})

    assert failing(client) == ["sip"]


def test_jobs_that_are_not_run_are_named(client, all_up):
    all_up.delete(keys.CELERY_HEARTBEAT)

    assert failing(client) == ["celery"]


def test_the_heartbeat_outlives_a_missed_beat_and_not_much_more(all_up):
    assert 20 <= all_up.ttl(keys.CELERY_HEARTBEAT) <= celery.HEARTBEAT_SECONDS


def test_without_redis_those_who_speak_through_it_are_named_too(client, all_up, settings):
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    stores.store.cache_clear()
    try:
        assert failing(client) == ["redis", "sip", "celery"]
    finally:
        stores.store.cache_clear()


def test_without_postgres_it_is_named(client, all_up, monkeypatch):
    def away():
        raise connection.Database.OperationalError("connection refused")

    monkeypatch.setattr(connection, "cursor", away)

    assert failing(client) == ["database"]


def test_monitoring_does_not_post(client):
    assert client.post("/readyz").status_code == 405


def test_it_needs_no_account(client, all_up):
    assert "_auth_user_id" not in client.session
    assert client.get("/readyz").status_code == 200


def test_the_names_are_those_that_are_documented():
    assert list(health.DEPENDENCIES) == ["database", "redis", "sip", "celery"]
