"""A test wake, watched: when the provider took the push, when the phone registered, when a call would have reached it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .answers import meaning_of
from .arrivals import arrival_after
from .models import PushAttempt, PushDevice

__all__ = ["GIVES_UP", "Progress", "progress_of", "rings_when_tested"]

GIVES_UP = 60.0  # seconds after which nobody believes that the phone still comes
STARTS = 5.0  # seconds in which Celery ought to have taken the job
SKEW = 1.0  # seconds that the clocks of two processes may differ
RINGING_PROVIDERS = frozenset({"acrobits", "apns", "apns.dev"})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a test wake has come. Milliseconds since the push was begun."""

    began: float
    "Epoch seconds of the push, or of the request for it while Celery has not taken the job."
    started: bool = False
    accepted: bool | None = None
    accepted_ms: int | None = None
    status: int = 0
    reason: str = ""
    registered_ms: int | None = None
    ready_ms: int | None = None
    now: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.accepted is False or self.ready_ms is not None or self.now - self.began > GIVES_UP

    def as_json(self, provider: str) -> dict[str, Any]:
        """For the page; sentences are in its language."""
        meaning = meaning_of(provider, self.status, self.reason) if self.accepted is False else None
        return {
            "elapsed_ms": max(0, round((self.now - self.began) * 1000)),
            "started": self.started,
            "late": not self.started and self.now - self.began > STARTS,
            "accepted": self.accepted,
            "accepted_ms": self.accepted_ms,
            "status": self.status,
            "reason": self.reason,
            "meaning": [str(meaning.text), str(meaning.cause), str(meaning.fix)] if meaning else None,
            "registered_ms": self.registered_ms,
            "ready_ms": self.ready_ms,
            "over": self.is_over,
        }


def progress_of(device: PushDevice, since: float) -> Progress:
    """What became of the test that was asked for at that time (epoch seconds)."""
    now = time.time()
    tests = device.attempts.filter(kind="test", at__gte=datetime.fromtimestamp(since - SKEW, UTC))
    attempt: PushAttempt | None = tests.order_by("at").first()
    if attempt is None:
        return Progress(since, now=now)
    began = attempt.at.timestamp()
    came = arrival_after(device, began)
    arrived = max(0, round((came.timestamp() - began) * 1000)) if came is not None else None
    # A device that reports its token by REGISTER is ready when that has been taken over; others when they have registered.
    ready = attempt.woke_ms if attempt.woke_ms is not None or device.key else arrived
    return Progress(
        began,
        True,
        attempt.accepted,
        attempt.ms,
        attempt.status,
        attempt.reason,
        arrived if arrived is not None else attempt.woke_ms,
        ready,
        now,
    )


def rings_when_tested(device: PushDevice) -> bool:
    """Whether the app will show a call for a test, since it has only the token that is for calls."""
    return device.provider in RINGING_PROVIDERS and "remote" not in device.param
