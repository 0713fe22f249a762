"""What an app that was pushed is told about its call."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from pbx.calls import ledger
from pbx.push import actions
from pbx.push.models import PushAttempt
from sipcore.contract import keys
from sipcore.contract.calls import BranchState, CallRecord

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("store")]

HERE = BranchState("1", "101@pbx.test", "sip:101@h", "App", "event", "answered", 200, 1.0, 2.0, "k1")
ELSEWHERE = BranchState("2", "101@pbx.test", "sip:101@d", "Desk", "lookup", "answered", 200, 1.0, 2.0, "desk")


@pytest.fixture
def push(new_subscriber) -> PushAttempt:
    """A push for call-1, a moment ago."""
    about = {"key": "k1", "provider": "http", "param": "app", "token": "token-one-0123456789"}
    device, _ = actions.learn_device(new_subscriber("101"), **about)
    return PushAttempt.objects.create(device=device, push_id=uuid.uuid4(), call_uid="call-1", at=timezone.now())


def asked(client, push: PushAttempt) -> str:
    answer = client.get(f"/push/v1/calls/{push.push_id}")
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert set(answer.json()) == {"push_id", "state"}, "and nothing about who calls whom"
    return answer.json()["state"]


def finished(*branches: BranchState, reason: str, answered_at: float = 0.0) -> None:
    """The record of the call has been written."""
    parties = ("call-1@host", "100@pbx.test", "Alice", "101", "101@pbx.test")
    times = {"started_at": 1.0, "answered_at": answered_at, "ended_at": 9.0}
    ledger.keep([CallRecord("call-1", *parties, state="ended", reason=reason, branches=branches, **times)])


@pytest.mark.parametrize("state", ["setup", "waking", "ringing"])
def test_a_call_that_waits_or_rings_is_worth_registering_for(client, push, put_call, state):
    put_call(state=state)

    assert asked(client, push) == "ringing"


@pytest.mark.parametrize(("branch", "told"), [(HERE, "answered"), (ELSEWHERE, "answered_elsewhere")])
def test_a_call_that_somebody_has_answered(client, push, put_call, branch, told):
    put_call(state="answered", branches=(branch,))
    assert asked(client, push) == told


@pytest.mark.parametrize(("branch", "told"), [(HERE, "answered"), (ELSEWHERE, "answered_elsewhere")])
def test_a_call_that_was_answered_and_is_over(client, push, branch, told):
    finished(branch, reason="answered", answered_at=2.0)
    assert asked(client, push) == told


@pytest.mark.parametrize(("reason", "told"), [("cancelled", "cancelled"), ("no-answer", "ended"), ("busy", "ended")])
def test_a_call_that_nobody_answered(client, push, reason, told):
    finished(reason=reason)
    assert asked(client, push) == told


def test_a_call_whose_record_is_still_being_written_has_ended(client, push):
    assert asked(client, push) == "ended"


@pytest.mark.parametrize("why", ["unknown", "long ago", "a test"])
def test_whoever_has_no_push_is_told_nothing(client, push, put_call, why):
    put_call()
    push_id = push.push_id
    if why == "unknown":
        push_id = uuid.uuid4()
    elif why == "long ago":
        PushAttempt.objects.update(at=timezone.now() - timedelta(minutes=11))
    else:
        PushAttempt.objects.update(kind="test")

    answer = client.get(f"/push/v1/calls/{push_id}")

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_a_board_that_cannot_be_read_is_asked_again(client, push, store):
    store.set(keys.CALLS, "no hash")

    answer = client.get(f"/push/v1/calls/{push.push_id}")

    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
