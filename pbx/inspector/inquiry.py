"""Asking every SIP worker that is alive the same question."""

from __future__ import annotations

import json
import logging
import secrets
import time
from dataclasses import dataclass
from typing import Any

from pbx.store import store
from sipcore.contract import keys

__all__ = ["Answers", "ask"]

log = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds that workers have to answer; their loop answers in milliseconds, or something holds it up
MOST_WORKERS = 256


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back."""

    of: dict[str, dict[str, Any]]
    "By worker."
    silent: list[str]
    "Workers that are alive, by their heartbeats, and did not answer in time."


def ask(op: str, **question: Any) -> Answers:
    """Put a question to every worker and wait for all answers, at most PATIENCE. Raises StoreError."""
    workers = sorted(store().zrangebyscore(keys.WORKERS, time.time(), "+inf"))[:MOST_WORKERS]
    reply = keys.answers(secrets.token_hex(12))
    text = json.dumps({"op": op, "reply": reply, **question})
    deadline = time.monotonic() + PATIENCE
    pipe = store().pipeline(transaction=False)
    for worker in workers:
        pipe.publish(keys.worker_channel(worker), text)
    heard = dict(zip(workers, pipe.execute(), strict=True))
    missing = {worker for worker, listeners in heard.items() if listeners}
    answers: dict[str, dict[str, Any]] = {}
    while missing and (left := deadline - time.monotonic()) > 0:
        found = store().blpop([reply], timeout=max(left, 0.01))
        if found is None:
            break
        answer = _read(found[1])
        if answer.get("worker") in missing:
            missing.discard(answer["worker"])
            answers[answer["worker"]] = answer
    return Answers(answers, sorted(set(workers) - answers.keys()))


def _read(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        log.warning("an answer cannot be read: %.100s", text)
        return {}
    return answer if isinstance(answer, dict) else {}
