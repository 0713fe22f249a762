"""The directory stays the copy of Postgres that it is, whatever Redis does."""

from __future__ import annotations

import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from pbx import store as stores
from pbx.subscribers import actions, directory, tasks
from pbx.subscribers.models import PickupGroup, Subscriber
from sipcore.contract import keys

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def redis_away(settings):
    """Cut the web side off from Redis; call the result to bring it back."""
    address = settings.REDIS_URL

    def back() -> None:
        settings.REDIS_URL = address
        stores.store.cache_clear()

    def cut() -> None:
        settings.REDIS_URL = "unix:///nowhere/redis.sock"
        stores.store.cache_clear()

    cut()
    yield back
    back()


def records(store) -> set[str]:
    return set(store.scan_iter("pbx:dir:*"))


def test_a_change_without_redis_waits_and_is_published_later(redis_away, store):
    bob = actions.create_subscriber(username="101", password="right-battery-7")
    actions.create_group(name="sales", members=[bob])
    assert {row.is_pending for row in (*Subscriber.objects.all(), *PickupGroup.objects.all())} == {True}
    store.set(keys.DIRECTORY_READY, "1")

    redis_away()
    directory.reconcile()

    assert keys.directory_subscriber("101@pbx.test") in records(store)
    assert not Subscriber.objects.pending().exists()
    assert not PickupGroup.objects.pending().exists()


def test_reconciling_without_redis_is_no_failure_of_the_job(redis_away):
    actions.create_subscriber(username="101", password="right-battery-7")

    tasks.reconcile_directory()

    assert Subscriber.objects.pending().count() == 1


def test_a_subscriber_deleted_without_redis_is_removed_later(settings, store):
    bob = actions.create_subscriber(username="101", password="right-battery-7")
    directory.publish_all()
    Subscriber.objects.filter(pk=bob.pk)._raw_delete("default")  # as if Redis had been away for the publication

    assert directory.reconcile() == 1

    assert records(store) == {keys.DIRECTORY_READY}


def test_a_record_that_redis_has_lost_is_published_again(store):
    actions.create_subscriber(username="101", password="right-battery-7")
    directory.publish_all()
    store.delete(keys.directory_subscriber("101@pbx.test"))

    assert directory.reconcile() == 1

    assert keys.directory_subscriber("101@pbx.test") in records(store)


def test_an_empty_redis_is_filled_and_declared_complete_last(store):
    actions.create_subscriber(username="101", password="right-battery-7")
    group = actions.create_group(name="sales")
    store.flushall()

    directory.reconcile()

    expected = {keys.directory_subscriber("101@pbx.test"), keys.directory_group(str(group.pk)), keys.DIRECTORY_READY}
    assert records(store) == expected


def test_nothing_is_written_when_nothing_differs(store):
    actions.create_subscriber(username="101", password="right-battery-7")
    directory.publish_all()

    assert directory.reconcile() == 0


def test_publishing_all_removes_what_is_in_postgres_no_more(store):
    store.set(keys.directory_subscriber("ghost@pbx.test"), "{}")
    store.set(keys.directory_group("99"), "{}")

    directory.publish_all()

    assert records(store) == {keys.DIRECTORY_READY}


def test_workers_are_told_once_that_everything_was_published(store):
    for number in range(3):
        actions.create_subscriber(username=f"10{number}", password="right-battery-7")
    listening = store.pubsub(ignore_subscribe_messages=True)
    listening.subscribe(keys.DIRECTORY_CHANGED)
    listening.get_message(timeout=1)

    directory.publish_all()

    heard = [message["data"] for _ in range(3) if (message := listening.get_message(timeout=0.1))]
    assert heard == ["all"]


def test_more_records_than_a_batch_are_all_published(store, monkeypatch):
    monkeypatch.setattr(directory, "BATCH", 2)
    for number in range(5):
        actions.create_subscriber(username=f"10{number}", password="right-battery-7")
    store.flushall()

    assert directory.publish_all() == 5

    assert len(records(store)) == 6


def test_a_change_that_overtakes_its_own_publication_stays_pending(store, monkeypatch):
    bob = actions.create_subscriber(username="101", password="right-battery-7")
    rows = directory._rows

    def rows_then_a_change(aors):
        read = list(rows(aors))
        Subscriber._base_manager.filter(pk=bob.pk).update(revision=9)
        return read

    monkeypatch.setattr(directory, "_rows", rows_then_a_change)
    directory.publish(["101@pbx.test"])

    assert Subscriber.objects.get(pk=bob.pk).is_pending


def test_publications_take_turns(store):
    """The one that reads later also writes later, so that an old record never covers a new one."""
    actions.create_subscriber(username="101", password="right-battery-7")
    store.flushall()
    published = threading.Event()

    def publish_elsewhere():
        directory.publish(["101@pbx.test"])
        connection.close()
        published.set()

    with directory._one_at_a_time():
        other = threading.Thread(target=publish_elsewhere)
        other.start()
        assert not published.wait(0.2)
        assert records(store) == set()
    other.join(5)

    assert records(store) == {keys.directory_subscriber("101@pbx.test")}


def test_the_command_publishes_everything(store, capsys):
    actions.create_subscriber(username="101", password="right-battery-7")

    call_command("publish_directory")

    assert capsys.readouterr().out == "Directory: 1 records published.\n"
    assert store.get(keys.DIRECTORY_READY) == "1"


def test_the_command_fails_when_redis_does_not_take_it(redis_away):
    with pytest.raises(CommandError, match="Redis did not take the directory"):
        call_command("publish_directory")
