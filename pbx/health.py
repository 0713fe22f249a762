"""Whether this process is up, and whether everything it leans on answers."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from sipcore.contract import keys

from .store import store

__all__ = ["DEPENDENCIES", "failures", "healthz", "readyz"]


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() == (1,)


def _redis() -> bool:
    return bool(store().ping())


def _sip() -> bool:
    """Whether some worker's heartbeat is recent: its deadline has not passed."""
    return store().zcount(keys.WORKERS, time.time(), "+inf") > 0


def _celery() -> bool:
    return bool(store().exists(keys.CELERY_HEARTBEAT))


DEPENDENCIES: dict[str, Callable[[], bool]] = {
    "database": _database,
    "redis": _redis,
    "sip": _sip,
    "celery": _celery,
}


def failures() -> list[str]:
    """Names of the dependencies that do not answer. Without Redis those that speak through it are named too."""
    return [name for name, answers in DEPENDENCIES.items() if not _safely(answers)]


def _safely(answers: Callable[[], bool]) -> bool:
    try:
        return answers()
    except Exception:  # whatever went wrong, the answer is no
        return False


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process is up: nothing else is asked."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when every dependency answers, 503 with the names of those that do not."""
    failing = failures()
    state = {name: "failing" if name in failing else "ok" for name in DEPENDENCIES}
    body = {"status": "degraded" if failing else "ok", "failing": failing, "checks": state}
    response = JsonResponse(body, status=503 if failing else 200)
    # A monitoring system asks often and reads the answer itself; Django would log an error for each 503.
    response._has_been_logged = True
    return response
