"""Answering what the web side asks this worker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import Any

from ..contract.inquiries import ANSWER_LIFE
from ..contract.keys import answers
from ..contract.records import encode_json
from .inbox import Inbox
from .pipe import Pipe

__all__ = ["Inquiries"]

log = logging.getLogger("sipcore.store")


Answer = Callable[[Mapping[str, Any]], Mapping[str, Any] | Awaitable[Mapping[str, Any]]]

MAX_BEING_ANSWERED = 32  # questions; one more is not answered, and whoever asked names this worker


class Inquiries:
    """Questions come over the inbox; an answer goes to the list that the question names.

    What takes a while to find out is a coroutine, and gives way to calls.
    """

    def __init__(self, pipe: Pipe, inbox: Inbox, worker: str) -> None:
        self._pipe = pipe
        self._inbox = inbox
        self._worker = worker
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, op: str, answer: Answer) -> None:
        """Answer questions with that `op`."""
        self._inbox.on(op, lambda question: self._ask(answer, question))

    def _ask(self, answer: Answer, question: Mapping[str, Any]) -> None:
        reply = question.get("reply")
        if not isinstance(reply, str) or not reply.startswith(answers("")):
            log.warning("a question without a place for its answer: %.40s", question.get("op"))
            return
        if len(self._tasks) >= MAX_BEING_ANSWERED:
            log.warning("too many questions at once; %.40s is not answered", question.get("op"))
            return
        found = answer(question)
        if isawaitable(found):
            task = asyncio.get_running_loop().create_task(self._answer_later(reply, found))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._answer(reply, found)

    async def _answer_later(self, reply: str, found: Awaitable[Mapping[str, Any]]) -> None:
        try:
            self._answer(reply, await found)
        except Exception:
            log.exception("a question could not be answered")

    def _answer(self, reply: str, found: Mapping[str, Any]) -> None:
        self._pipe.post("RPUSH", reply, encode_json({"worker": self._worker, **found}))
        self._pipe.post("EXPIRE", reply, ANSWER_LIFE)
