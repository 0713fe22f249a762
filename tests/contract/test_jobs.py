"""Every job that the SIP side hands over exists in Celery, and takes the arguments that the contract names."""

from __future__ import annotations

import inspect

import pytest
from celery import current_app
from django.conf import settings

from pbx.celery import app
from sipcore.contract import jobs

ARGUMENTS = {
    jobs.SEND_WAKEUP: {
        "aor": "101@pbx.test",
        "call_uid": "u1",
        "call_id": "c1",
        "caller": "100@pbx.test",
        "caller_name": "Alice",
        "deadline": 1.0,
        "skip": ["<urn:uuid:1>"],
        "worker": "w1",
    },
    jobs.LEARN_PUSH_DEVICE: {
        "aor": "101@pbx.test",
        "key": "k1",
        "provider": "fcm",
        "param": "project",
        "prid": "token",
        "instance_id": "<urn:uuid:1>",
        "user_agent": "Phone/1",
    },
    jobs.FORGET_PUSH_DEVICE: {"aor": "101@pbx.test", "key": "k1"},
}


@pytest.fixture(scope="module", autouse=True)
def loaded():
    app.loader.import_default_modules()


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_job_of_the_contract_is_a_task_that_takes_its_arguments(name):
    task = app.tasks[name]

    inspect.signature(task.run).bind(**ARGUMENTS[name])


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_argument_of_a_newer_worker_is_no_error(name):
    inspect.signature(app.tasks[name].run).bind(**ARGUMENTS[name], invented_later=True)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_it_waits_in_the_queue_that_the_contract_names(name):
    route = app.amqp.router.route({}, name)

    assert route["queue"].name == jobs.QUEUE_PUSH


def test_every_scheduled_task_exists():
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert scheduled <= set(app.tasks)


def test_shared_tasks_belong_to_our_application():
    assert current_app.main == "pbx"
