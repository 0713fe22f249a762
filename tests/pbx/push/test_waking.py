"""A wake-up from the job to the receiver's socket, and what is told and kept of it."""

from __future__ import annotations

import json
import logging
import threading
import time
from datetime import datetime, timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from pbx.celery import app
from pbx.push import actions, ledger, sealing, tasks
from pbx.push.answers import meaning_of
from pbx.push.models import PushAttempt, PushDevice
from pbx.subscribers import actions as subscribers
from sipcore.contract import keys
from sipcore.contract.calls import BranchState
from sipcore.contract.directory import SubscriberRecord
from sipcore.contract.events import CATALOGUE, Event
from sipcore.contract.records import from_dict, from_json
from tests.support.push_server import Answer

from .conftest import in_a_job

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "token-one-0123456789"


@pytest.fixture
def bob(new_subscriber):
    return new_subscriber("101")


@pytest.fixture
def mobile(bob):
    return learn(bob)


def learn(subscriber, token: str = TOKEN, key: str = "k1", **fields) -> PushDevice:
    about = {"provider": "http", "param": "app", "instance_id": f"<{key}>"}
    return actions.learn_device(subscriber, key=key, token=token, **{**about, **fields})[0]


def call_bob(uid: str = "call-1", seconds: float = 20.0, **fields) -> None:
    """The job, as a worker hands it over."""
    words = {"aor": "101@pbx.test", "call_id": f"{uid}@host", "caller": "100@pbx.test", "caller_name": "Alice"}
    tasks.send_wakeup(call_uid=uid, deadline=time.time() + seconds, **words, **fields)


def told(events) -> list[tuple]:
    """The push events, each as its name and what matters of it."""
    matters = ("device", "status", "provider_reason", "reason", "why")
    return [
        (event.name, *(event.attributes[name] for name in matters if name in event.attributes))
        for event in events()
        if event.name.startswith("E_PUSH")
    ]


def test_a_sleeping_phone_is_pushed_and_the_call_is_told(push_server, mobile, put_call, events):
    put_call()

    call_bob(media="video", worker="w7")

    (push,) = push_server.received
    assert push_server.is_signed(push)
    assert (push.body["token"], push.body["call_id"], push.body["device"]) == (TOKEN, "call-1@host", "k1")
    assert (push.body["media"], push.body["node"]) == ("video", "w7")
    assert told(events) == [("E_PUSH_SENT", "k1", 200)]
    assert events()[0].call_uid == "call-1"
    mobile.refresh_from_db()
    assert (mobile.state, mobile.last_error) == ("works", "")
    assert mobile.last_push_at is not None


def test_a_phone_is_woken_for_a_message_though_no_call_is_on_the_board(push_server, mobile, events):
    call_bob("w1-7", kind="message")

    (push,) = push_server.received
    assert push.body["type"] == "message"
    assert told(events) == [("E_PUSH_SENT", "k1", 200)]
    assert (events()[0].kind, events()[0].call_uid) == ("message", "w1-7")


def test_a_request_within_a_call_wakes_that_phone_alone(push_server, bob, mobile, events):
    learn(bob, f"{TOKEN}2", key="k2")

    call_bob("w1-dialog", kind="dialog", only=["k2"])

    (push,) = push_server.received
    assert (push.body["type"], push.body["device"]) == ("dialog", "k2")
    assert told(events) == [("E_PUSH_SENT", "k2", 200)]


def test_events_are_those_of_the_catalogue(push_server, mobile, put_call, events):
    put_call()
    push_server.answers(Answer(410, b'{"reason":"Unregistered"}'))

    call_bob()

    for event in events():
        assert {name: type(value) for name, value in event.attributes.items()} == CATALOGUE[event.name].attributes


def test_the_token_is_in_no_event_and_in_no_log(push_server, mobile, put_call, events, caplog):
    put_call()
    push_server.answers(Answer(410, TOKEN.encode()))

    with caplog.at_level(logging.DEBUG):
        call_bob()

    assert len(events()) == 2
    assert TOKEN not in repr(events())
    assert TOKEN not in caplog.text


def test_all_phones_of_a_subscriber_are_pushed_at_once(push_server, bob, put_call):
    for number in range(3):
        learn(bob, f"{TOKEN}{number}", key=f"k{number}")
    push_server.always(Answer(delay=0.4))
    put_call()

    started = time.monotonic()
    call_bob()

    assert len(push_server.received) == 3
    assert time.monotonic() - started < 1.0


def test_a_quick_provider_is_not_waited_for_a_slow_one(push_server, bob, put_call, events):
    """The slow one is the first device, so that it is the first to be sent."""
    learn(bob, TOKEN, key="k1")
    learn(bob, f"{TOKEN}2", key="k2")
    push_server.answers(Answer(delay=0.5))
    put_call()

    call_bob()

    assert len(push_server.received) == 2
    slow = push_server.received[0].body["device"]
    assert [event.device for event in events()][1] == slow


def test_the_worker_that_asked_is_told_on_its_own_channel(push_server, mobile, put_call, events, store):
    put_call()
    listening = store.pubsub(ignore_subscribe_messages=True)
    listening.subscribe(keys.worker_channel("w1"))
    listening.get_message(timeout=1)

    call_bob(worker="w1")

    said = json.loads(listening.get_message(timeout=1)["data"])
    assert said["op"] == "raised"
    assert from_dict(Event, said["event"]) == events()[0]
    assert events()[0].name == "E_PUSH_SENT"


@pytest.fixture
def second_looks(store):
    """Takes the jobs that are held back off the broker: each one's arguments, and until when it is held back."""

    def take() -> list[tuple[dict, float]]:
        looks = []
        with app.connection_for_read() as connection, connection.SimpleQueue("push") as queue:
            while True:
                try:
                    message = queue.get(block=False)
                except queue.Empty:
                    return looks
                message.ack()
                assert message.headers["task"] == tasks.send_wakeup_if_silent.name
                eta = datetime.fromisoformat(message.headers["eta"])
                looks.append((message.payload[1], eta.timestamp()))

    return take


def branch(state: str, code: int = 0, key: str = "k1") -> BranchState:
    return BranchState("b1", "101@pbx.test", "sip:101@192.0.2.9", "phone", "lookup", state, code, key=key)


def test_a_phone_that_is_being_rung_is_not_pushed_at_once_and_others_are(
    push_server, bob, put_call, events, second_looks
):
    learn(bob)
    desk = learn(bob, f"{TOKEN}2", key="k2")
    put_call(branches=(branch("trying", key="k2"),))

    before = time.time()
    call_bob(bound=["k2"], worker="w1")
    after = time.time()

    assert [push.body["device"] for push in push_server.received] == ["k1"]
    assert told(events) == [("E_PUSH_SENT", "k1", 200)]
    [(arguments, until)] = second_looks()
    assert arguments["devices"] == [desk.pk]
    assert (arguments["worker"], arguments["caller_name"]) == ("w1", "Alice")
    assert before + 0.4 <= until <= after + 0.4


@pytest.mark.acceptance("H30")
def test_a_phone_that_registered_between_the_look_and_the_push_is_not_pushed_at_once(
    push_server, mobile, put_call, events, second_looks
):
    put_call(branches=(branch("trying"),))

    call_bob()

    assert (push_server.received, events()) == ([], [])
    assert len(second_looks()) == 1


@pytest.mark.parametrize(
    ("_case", "branches", "verdict"),
    [
        ("it rings", [branch("ringing", 180)], ("E_PUSH_SUPPRESSED", "k1", "ringing")),
        ("it refused: its owner knows of the call", [branch("failed", 486)], ("E_PUSH_SUPPRESSED", "k1", "awake")),
        ("declined everywhere", [branch("failed", 603)], ("E_PUSH_SUPPRESSED", "k1", "awake")),
        ("it was not there, then rang", [branch("failed", 503), branch("ringing", 180)], ("E_PUSH_SUPPRESSED", "k1", "ringing")),
        ("nothing is heard of it", [branch("trying")], ("E_PUSH_SENT", "k1", 200)),
        ("its connection was closed", [branch("failed", 503)], ("E_PUSH_SENT", "k1", 200)),
        ("it timed out", [branch("failed", 408)], ("E_PUSH_SENT", "k1", 200)),
        ("somebody else has its address", [branch("failed", 404)], ("E_PUSH_SENT", "k1", 200)),
        ("another phone rings", [branch("ringing", 180, key="k2"), branch("trying")], ("E_PUSH_SENT", "k1", 200)),
        ("its branch was never made", [], ("E_PUSH_SENT", "k1", 200)),
    ],
)  # fmt: skip
def test_at_the_second_look_a_silent_phone_is_pushed(
    _case, branches, verdict, push_server, mobile, put_call, events, second_looks
):
    put_call(branches=(branch("trying"),))
    call_bob(bound=["k1"])
    [(arguments, _)] = second_looks()
    put_call(state="ringing", branches=tuple(branches))

    tasks.send_wakeup_if_silent(**arguments)

    assert told(events) == [verdict]
    assert len(push_server.received) == (verdict[0] == "E_PUSH_SENT")


@pytest.mark.acceptance("H46")
def test_a_call_that_ended_before_the_second_look_pushes_nobody(
    push_server, mobile, put_call, events, second_looks, store
):
    put_call()
    call_bob(bound=["k1"])
    [(arguments, _)] = second_looks()
    store.hdel(keys.CALLS, "call-1")

    tasks.send_wakeup_if_silent(**arguments)

    assert push_server.received == []
    assert told(events) == [("E_PUSH_SUPPRESSED", "k1", "call-over")]


def test_a_second_look_after_the_deadline_does_nothing(push_server, mobile, put_call, events, second_looks):
    put_call()
    call_bob(bound=["k1"], seconds=5)
    [(arguments, _)] = second_looks()

    tasks.send_wakeup_if_silent(**{**arguments, "deadline": time.time() - 0.1})

    assert (push_server.received, events()) == ([], [])


@pytest.mark.parametrize(
    ("_case", "instance_id", "is_rung"),
    [
        ("as the phone says it", "<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>", True),
        ("without brackets", "urn:uuid:00000000-0000-1000-8000-aabbccddeeff", True),
        ("the bare number", "00000000-0000-1000-8000-aabbccddeeff", True),
        ("a part of it", "aabbccddeeff", False),
        ("another phone", "<urn:uuid:00000000-0000-1000-8000-aabbccddee00>", False),
        ("none", "", False),
    ],
)
def test_a_device_entered_by_hand_is_known_by_its_instance_id(
    _case, instance_id, is_rung, push_server, bob, put_call, second_looks
):
    actions.add_device(bob, provider="http", token=TOKEN, instance_id=instance_id)
    put_call()

    call_bob(bound=["<urn:uuid:00000000-0000-1000-8000-aabbccddeeff>;reg-id=1"])

    assert (len(second_looks()), len(push_server.received)) == (is_rung, not is_rung)


def test_a_phone_that_rings_before_the_second_try_gets_none(push_server, mobile, put_call, events):
    put_call()
    push_server.always(Answer(503, b"", delay=0.1))
    job = threading.Thread(target=lambda: (call_bob(), connection.close()))
    job.start()
    push_server.wait(1)
    put_call(state="ringing", branches=(branch("ringing", 180),))
    job.join(5)

    assert len(push_server.received) == 1


@pytest.mark.acceptance("H46")
@pytest.mark.parametrize(("_case", "state"), [("cancelled", None), ("answered", "answered"), ("ended", "ended")])
def test_no_push_goes_out_for_a_call_that_does_not_wait(_case, state, push_server, mobile, put_call, events):
    if state is not None:
        put_call(state=state)

    call_bob()

    assert push_server.received == []
    assert told(events) == [("E_PUSH_SUPPRESSED", "k1", "call-over")]


def test_a_caller_who_hangs_up_between_two_tries_stops_the_second(push_server, mobile, put_call, store, events):
    put_call()
    push_server.always(Answer(503, b"", delay=0.1))
    job = threading.Thread(target=lambda: (call_bob(), connection.close()))
    job.start()
    push_server.wait(1)
    store.hdel(keys.CALLS, "call-1")
    job.join(5)

    assert len(push_server.received) == 1
    assert told(events) == [("E_PUSH_FAILED", "k1", 503, "")]


def test_a_job_that_comes_too_late_does_nothing(push_server, mobile, put_call, events):
    put_call()

    call_bob(seconds=-0.1)

    assert (push_server.received, told(events)) == ([], [])


def test_a_job_that_is_delivered_twice_pushes_once(push_server, mobile, put_call, events):
    put_call()

    call_bob()
    call_bob()

    assert len(push_server.received) == 1
    assert told(events)[1] == ("E_PUSH_SUPPRESSED", "k1", "already-sent")


def test_a_job_that_runs_twice_at_the_same_time_pushes_once(push_server, mobile, put_call):
    put_call()
    jobs = [threading.Thread(target=lambda: (call_bob(), connection.close())) for _ in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(10)

    assert len(push_server.received) == 1


@pytest.mark.acceptance("H35")
def test_a_dead_token_is_given_up_and_workers_count_it_no_more(push_server, mobile, put_call, events, store):
    put_call()
    push_server.answers(Answer(410, b'{"reason":"Unregistered"}'))

    call_bob()

    assert told(events) == [
        ("E_PUSH_FAILED", "k1", 410, "Unregistered"),
        ("E_PUSH_TOKEN_INVALID", "k1", "Unregistered"),
    ]
    mobile.refresh_from_db()
    assert (mobile.state, mobile.last_error) == ("refused", "Unregistered")
    assert (mobile.sealed_token, mobile.sealed_keys) == ("", ""), (
        "nobody can be woken with it any more, nor robbed of it"
    )
    record = from_json(SubscriberRecord, store.get(keys.directory_subscriber("101@pbx.test")))
    assert record.push_devices == 0


@pytest.mark.acceptance("H35")
def test_a_phone_whose_token_was_deleted_brings_it_back(push_server, mobile, bob, put_call):
    put_call()
    push_server.answers(Answer(404))
    call_bob()
    mobile.refresh_from_db()
    assert not mobile.has_token

    device = learn(bob, TOKEN)

    assert (device.pk, device.token, device.state) == (mobile.pk, TOKEN, "unknown")


def test_a_test_of_a_device_without_a_token_sends_nothing_and_says_why(push_server, mobile, put_call):
    put_call()
    push_server.answers(Answer(410))
    call_bob()
    mobile.refresh_from_db()

    tasks.test_device(mobile.pk)

    assert len(push_server.received) == 1
    attempt = mobile.attempts.get(kind="test")
    assert meaning_of("http", attempt.status, attempt.reason).text == "This device has no token any more."


def test_a_refused_device_is_not_pushed_again(push_server, mobile, put_call, events):
    put_call()
    push_server.answers(Answer(410))
    call_bob()
    put_call("call-2")

    call_bob("call-2")

    assert len(push_server.received) == 1
    assert told(events)[-1] == ("E_PUSH_SUPPRESSED", "", "no-device")


def test_a_token_that_was_rotated_meanwhile_is_not_blamed(push_server, mobile, bob, put_call):
    put_call()
    push_server.answers(Answer(410, delay=0.3))
    job = threading.Thread(target=lambda: (call_bob(), connection.close()))
    job.start()
    push_server.wait(1)
    learn(bob, "token-two-0123456789")
    job.join(5)

    mobile.refresh_from_db()
    assert mobile.state == "unknown"


@pytest.mark.acceptance("H78")
def test_a_provider_in_trouble_is_tried_again_within_three_seconds(push_server, mobile, put_call, events):
    put_call()
    push_server.answers(Answer(503))

    call_bob()

    first, second = push_server.received
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert second.at - first.at < 3
    assert told(events) == [("E_PUSH_SENT", "k1", 200)]
    assert PushAttempt.objects.get().tries == 2


def test_a_provider_that_is_not_configured_fails_for_good(push_server, bob, put_call, events):
    learn(bob, provider="webpush")
    put_call()

    call_bob()

    assert told(events) == [("E_PUSH_FAILED", "k1", 0, "not-configured: webpush")]


def test_a_token_of_a_lost_key_fails_and_says_so(push_server, mobile, put_call, events, settings):
    put_call()
    settings.SECRET_KEY = "n" * 50

    call_bob()

    assert told(events) == [("E_PUSH_FAILED", "k1", 0, "unreadable-token: stored under another SECRET_KEY")]


def test_a_phone_that_is_silent_for_long_is_not_woken_for_a_call(push_server, bob, put_call, events):
    device = learn(bob, registered_until=timezone.now() - timedelta(days=8))
    put_call()

    call_bob()

    assert push_server.received == []
    assert told(events) == [("E_PUSH_SUPPRESSED", "k1", "expired")]
    tasks.test_device(device.pk)
    assert len(push_server.received) == 1, "somebody wants to know"


def test_a_suspended_subscriber_is_not_woken(push_server, mobile, bob, put_call, events):
    subscribers.set_enabled(bob, False)
    put_call()

    call_bob()

    assert push_server.received == []
    assert told(events) == [("E_PUSH_SUPPRESSED", "", "no-device")]


def test_a_second_call_joins_a_push_that_is_seconds_old(push_server, mobile, put_call, events):
    put_call("call-1")
    put_call("call-2")

    call_bob("call-1")
    call_bob("call-2")

    assert len(push_server.received) == 1
    assert told(events) == [("E_PUSH_SENT", "k1", 200), ("E_PUSH_SUPPRESSED", "k1", "coalesced")]


@pytest.mark.acceptance("H76")
def test_a_device_is_pushed_six_times_a_minute_at_most(push_server, mobile, put_call, events, monkeypatch):
    monkeypatch.setattr(ledger, "JOIN_SECONDS", 0)
    for number in range(8):
        put_call(f"call-{number}")
        call_bob(f"call-{number}")

    assert len(push_server.received) == 6
    assert [event[-1] for event in told(events)[6:]] == ["rate-limit", "rate-limit"]


def test_calls_at_the_same_moment_share_the_limit(push_server, mobile, put_call, monkeypatch):
    monkeypatch.setattr(ledger, "JOIN_SECONDS", 0)
    monkeypatch.setattr(ledger, "PER_MINUTE", 2)
    jobs = []
    for number in range(5):
        put_call(f"call-{number}")
        jobs.append(threading.Thread(target=lambda uid=f"call-{number}": (call_bob(uid), connection.close())))
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(10)

    assert len(push_server.received) == 2


def test_a_push_that_was_not_sent_does_not_count(push_server, mobile, put_call):
    call_bob()

    assert not PushAttempt.objects.exists()


def test_a_test_push_needs_no_call_and_knows_no_limit(push_server, mobile, events):
    tasks.test_device(mobile.pk)
    tasks.test_device(mobile.pk)

    assert [push.body["type"] for push in push_server.received] == ["test", "test"]
    assert told(events) == [("E_PUSH_SENT", "k1", 200)] * 2


def test_the_register_that_follows_a_push_tells_how_long_it_took(push_server, mobile, put_call, events):
    put_call()
    call_bob()

    about = {"key": "k1", "provider": "http", "param": "app", "instance_id": "<k1>"}
    tasks.learn_device(aor="101@pbx.test", prid=in_a_job(TOKEN), **about)

    woke = events()[-1]
    assert (woke.name, woke.device) == ("E_PUSH_WOKE", "k1")
    assert 0 <= woke.ms < 5000


def test_a_phone_of_somebody_who_was_deleted_is_not_learnt(db):
    tasks.learn_device(aor="999@pbx.test", key="k1", provider="http", prid=TOKEN)

    assert not PushDevice.objects.exists()


def test_a_token_is_learnt_as_soon_as_postgres_is_back(bob, monkeypatch):
    failures = [OperationalError("away"), OperationalError("away")]
    learn_device = actions.learn_device

    def after_two_failures(*arguments, **keywords):
        if failures:
            raise failures.pop()
        return learn_device(*arguments, **keywords)

    monkeypatch.setattr(actions, "learn_device", after_two_failures)

    about = {"aor": "101@pbx.test", "key": "k1", "provider": "http", "prid": in_a_job(TOKEN)}
    tasks.learn_device.apply(kwargs=about).get()

    assert PushDevice.objects.get().token == TOKEN


def test_a_token_that_was_sealed_for_another_key_is_not_learnt_and_the_key_is_told_again(bob, store, caplog):
    tasks.learn_device(aor="101@pbx.test", key="k1", provider="http", prid=TOKEN)

    assert not PushDevice.objects.exists()
    assert store.get(keys.PUSH_SEALING_KEY) == sealing.public_key()
    assert TOKEN not in caplog.text


def test_a_phone_that_unregisters_is_not_pushed(push_server, mobile, put_call):
    put_call()
    tasks.forget_device(aor="101@pbx.test", key="k1")

    call_bob()

    assert push_server.received == []


def test_old_pushes_are_forgotten_and_young_ones_are_not(mobile):
    now = timezone.now()
    for number, days in enumerate((ledger.KEPT_DAYS + 1, ledger.KEPT_DAYS - 1)):
        PushAttempt.objects.create(device=mobile, push_id=f"{number:032}", at=now - timedelta(days=days))

    tasks.forget_attempts()

    assert [str(attempt.push_id)[-1] for attempt in PushAttempt.objects.all()] == ["1"]
