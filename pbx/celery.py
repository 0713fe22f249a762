"""The Celery application, and the heartbeat that proves beat and a worker alive together."""

import logging
import os

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pbx.settings")

__all__ = ["HEARTBEAT_SECONDS", "app", "heartbeat", "is_running", "waiting_jobs"]

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 35  # three beats of 10 s and some slack

app = Celery("pbx")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.task(name="pbx.heartbeat")
def heartbeat() -> None:
    """Say for a while that jobs are being run."""
    from sipcore.contract import keys

    from .store import store

    store().set(keys.CELERY_HEARTBEAT, "1", ex=HEARTBEAT_SECONDS)


@app.task(name="pbx.forget_events")
def forget_events() -> None:
    """Keep the event log's age within its bound in quiet times too."""
    from . import events
    from .store import StoreError

    try:
        events.forget_events()
    except StoreError as error:
        log.warning("old events are forgotten later: %s", error)


def is_running() -> bool | None:
    """Whether jobs are being run; None while Redis is away and nobody can tell."""
    from sipcore.contract import keys

    from .store import StoreError, store

    try:
        return bool(store().exists(keys.CELERY_HEARTBEAT))
    except StoreError:
        return None


def waiting_jobs(queue: str) -> int | None:
    """How many jobs nobody has taken yet; None while the broker is away."""
    try:
        with app.connection_for_read(connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
            try:
                return connection.SimpleQueue(queue).qsize()
            except connection.channel_errors:
                return 0  # Redis has no empty lists
    except Exception:  # whatever the broker's client raises, the answer is that nobody can tell
        log.info("the queue %s cannot be counted", queue, exc_info=True)
        return None


@worker_ready.connect
def warm_up(**_: object) -> None:
    """Load now what the first call would otherwise wait for: a cold push takes a second, and a phone rings late."""
    from .push.sending import sender

    sender()
