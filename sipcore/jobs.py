"""Jobs for Celery, handed over by name.

To publish a task takes Celery some two milliseconds of blocking time, and seconds when the broker is away. So one
thread does nothing else, and `submit` only puts the job into its queue. A job is tried again while the broker is away,
until it expires; there is nothing else to do with it, since whoever waits for its effect waits until then.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from .contract.jobs import Job

__all__ = ["TRANSPORT_OPTIONS", "CeleryJobs"]

log = logging.getLogger("sipcore.jobs")

MAX_QUEUED = 5_000  # jobs; ten seconds' worth of what the thread can publish
FIRST_PAUSE = 0.2  # seconds before a failed job is tried again; doubles up to LAST_PAUSE
LAST_PAUSE = 2.0
ATTEMPTS = 20  # at a job that never expires

TRANSPORT_OPTIONS = {
    "visibility_timeout": 60,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "global_keyprefix": "pbx:celery:",
}
"Must equal those of the Celery worker: another prefix is another broker."

# Of no concern to the other side. Without retries of its own Celery fails at once, and the pause is ours to choose.
_OWN_OPTIONS = {"socket_connect_timeout": 2.0, "socket_timeout": 5.0, "max_retries": 0}


class CeleryJobs:
    """Jobs on Celery. Start it once; `close` waits for what is queued."""

    def __init__(
        self,
        broker_url: str,
        *,
        seal: Callable[[str], str] | None = None,
        max_queued: int = MAX_QUEUED,
        epoch: Callable[[], float] = time.time,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        """`seal` makes a secret argument unreadable on the way. While it raises LookupError, such jobs are given up: the
        next REGISTER brings them again, and those behind them are calls."""
        self._broker_url = broker_url
        self._seal = seal
        self._epoch = epoch
        self._first_pause = first_pause
        self._queue: queue.Queue[Job | None] = queue.Queue(max_queued)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="celery-jobs", daemon=True)
        self._broker_is_away = False
        self._away_errors: tuple[type[BaseException], ...] = ()
        self.sent = 0
        self.failed = 0
        "Jobs that were given up: the broker stayed away, or refused them."
        self.expired = 0
        "Jobs that were too old before they could be sent."
        self.refused = 0
        "Jobs that found the queue full."

    def start(self) -> None:
        """Start the thread; connecting is its business."""
        self._thread.start()

    def submit(self, job: Job) -> bool:
        """Queue a job. False when the queue is full, or a tenth full while the broker is known to be away."""
        if not (self._broker_is_away and self._queue.qsize() >= self._queue.maxsize // 10):
            try:
                self._queue.put_nowait(job)
                return True
            except queue.Full:
                pass
        self.refused += 1
        if self.refused == 1 or self.refused % 1000 == 0:
            log.error("too many jobs wait for the broker; %d refused so far", self.refused)
        return False

    @property
    def queued(self) -> int:
        """How many jobs have not been sent yet."""
        return self._queue.qsize()

    def close(self, seconds: float = 3.0) -> bool:
        """Send what is queued, for that many seconds at most; return whether all was. Blocks: call it in a thread."""
        self._closing.set()
        try:
            self._queue.put(None, timeout=seconds)
        except queue.Full:
            return False
        if self._thread.is_alive():
            self._thread.join(seconds)
        return not self._thread.is_alive() and self._queue.empty()

    # -- in the thread

    def _work(self) -> None:
        app = self._connect()
        while (job := self._queue.get()) is not None:
            try:
                self._send(app, job)
            except Exception as error:  # the thread must outlive whatever one job does
                self.failed += 1
                why = (
                    str(error) if isinstance(error, LookupError) else type(error).__name__
                )  # else it may quote arguments
                log.error("job %s failed: %s", job.name, why)

    def _connect(self) -> Any:
        # Here, since it takes a third of a second that the thread has and the worker's start has not.
        from celery import Celery
        from kombu.exceptions import OperationalError

        app = Celery("sipcore", broker=self._broker_url, set_as_current=False)
        app.conf.update(
            broker_transport_options=TRANSPORT_OPTIONS | _OWN_OPTIONS,
            broker_pool_limit=1,
            task_ignore_result=True,
            task_serializer="json",
        )
        connection = app.connection_for_write()
        self._away_errors = (OperationalError, *connection.connection_errors, *connection.channel_errors)
        return app

    def _send(self, app: Any, job: Job) -> None:
        pause, kwargs = self._first_pause, self._readable(job)
        for _ in range(ATTEMPTS):
            if job.expires_at and job.expires_at <= self._epoch():
                self.expired += 1
                log.warning("job %s expired before it could be sent", job.name)
                return
            try:
                app.send_task(
                    job.name,
                    kwargs=kwargs,
                    queue=job.queue,
                    expires=datetime.fromtimestamp(job.expires_at, UTC) if job.expires_at else None,
                    ignore_result=True,
                    retry=False,
                )
            except self._away_errors as error:
                self._away(error)
                if self._closing.wait(pause):
                    break
                pause = min(pause * 2, LAST_PAUSE)
            else:
                self.sent += 1
                if self._broker_is_away:
                    self._broker_is_away = False
                    log.warning("the broker is back")
                return
        self.failed += 1
        log.error("job %s was given up", job.name)

    def _readable(self, job: Job) -> dict[str, Any]:
        """The arguments as they may be seen in the broker."""
        kwargs = dict(job.kwargs)
        for name in job.secrets:
            if self._seal is None:
                raise LookupError("there is nothing to seal its secrets with")
            kwargs[name] = self._seal(kwargs[name])
        return kwargs

    def _away(self, error: BaseException) -> None:
        if not self._broker_is_away:
            self._broker_is_away = True
            log.error("the broker is away: %s", type(error).__name__)  # its text may hold the URL, and that a password
