"""The Celery application, and the heartbeat that proves beat and a worker alive together."""

import os

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pbx.settings")

__all__ = ["HEARTBEAT_SECONDS", "app", "heartbeat"]

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


@worker_ready.connect
def warm_up(**_: object) -> None:
    """Load now what the first call would otherwise wait for: a cold push takes a second, and a phone rings late."""
    from .push.sending import sender

    sender()
