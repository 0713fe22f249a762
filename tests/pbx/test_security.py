"""What every answer says to browsers, and by which names this host answers at all."""

from __future__ import annotations

import pytest

from pbx.security import POLICY, content_security_policy


def test_every_answer_carries_the_policy(client):
    answer = client.get("/healthz")

    assert answer["Content-Security-Policy"] == POLICY
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"


def test_a_page_may_have_a_policy_of_its_own(rf):
    from django.http import HttpResponse

    own = content_security_policy(lambda request: HttpResponse(headers={"Content-Security-Policy": "default-src *"}))

    assert own(rf.get("/"))["Content-Security-Policy"] == "default-src *"


@pytest.mark.parametrize(("host", "status"), [("localhost", 200), ("127.0.0.1:8000", 200), ("evil.example", 400)])
def test_a_page_asked_for_by_another_name_is_refused(host, status, client, settings):
    from pbx import env

    settings.ALLOWED_HOSTS = env.own_hosts()

    assert client.get("/readyz" if status == 400 else "/healthz", headers={"host": host}).status_code == status


@pytest.mark.django_db
def test_five_wrong_passwords_lock_the_account_out_from_there(client, admin_user):
    form = {"username": "admin", "password": "wrong"}
    answers = [client.post("/admin/login/", form).status_code for _ in range(6)]

    right = client.post("/admin/login/", {"username": "admin", "password": "password"})

    assert answers[0] == 200
    assert answers[-1] == right.status_code == 429
