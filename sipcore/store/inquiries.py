"""Answering what the web side asks this worker."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from ..contract.inquiries import ANSWER_LIFE
from ..contract.keys import answers
from ..contract.records import encode_json
from .inbox import Inbox
from .pipe import Pipe

__all__ = ["Inquiries"]

log = logging.getLogger("sipcore.store")


class Inquiries:
    """Questions come over the inbox; an answer goes to the list that the question names."""

    def __init__(self, pipe: Pipe, inbox: Inbox, worker: str) -> None:
        self._pipe = pipe
        self._inbox = inbox
        self._worker = worker

    def on(self, op: str, answer: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        """Answer questions with that `op`."""
        self._inbox.on(op, lambda question: self._answer(answer, question))

    def _answer(self, answer: Callable[[Mapping[str, Any]], Mapping[str, Any]], question: Mapping[str, Any]) -> None:
        reply = question.get("reply")
        if not isinstance(reply, str) or not reply.startswith(answers("")):
            log.warning("a question without a place for its answer: %.40s", question.get("op"))
            return
        self._pipe.post("RPUSH", reply, encode_json({"worker": self._worker, **answer(question)}))
        self._pipe.post("EXPIRE", reply, ANSWER_LIFE)
