"""Which of the events that every call and request raises somebody on another worker waits for.

There are ten and more for each call, and nearly never anybody elsewhere who wants them: asking the index in Redis each
time would cost as much as the call. So each worker knows for each of these events until when it is waited for. It may
think so for too long, since nothing is taken back when a subscription ends early; then the index is asked in vain. And it
learns of a first subscription a moment after that has been written, which is why no event that a call depends on is among them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ..contract.events import CATALOGUE
from ..contract.keys import FREQUENT_AWAITED
from ..contract.subscriptions import SubscriptionRecord
from ..errors import StoreUnavailable
from .inbox import Inbox
from .pipe import Pipe

__all__ = ["FrequentEvents"]

log = logging.getLogger("sipcore.store")


class FrequentEvents:
    """What this worker knows about the wishes of all."""

    def __init__(self, pipe: Pipe, inbox: Inbox, epoch: Callable[[], float]) -> None:
        self._pipe = pipe
        self._epoch = epoch
        self._until: dict[str, float] = {}
        inbox.listen(FREQUENT_AWAITED, lambda message: self._read(), self._read)

    def are_awaited(self, name: str) -> bool:
        """Whether somebody may wait for that event now."""
        until = self._until
        return name in until and until[name] > self._epoch()

    def await_until(self, record: SubscriptionRecord) -> None:
        """Say that a subscription waits for such events, if it does."""
        names = [name for name in record.events if name in CATALOGUE and CATALOGUE[name].frequent]
        news = [name for name in names if self._until.get(name, 0.0) < record.expires_at]
        if not news:
            return
        for name in news:
            self._until[name] = record.expires_at
            self._pipe.post("ZADD", FREQUENT_AWAITED, "GT", record.expires_at, name)
        self._pipe.post("EXPIREAT", FREQUENT_AWAITED, int(max(self._until.values())) + 1)
        self._pipe.post("PUBLISH", FREQUENT_AWAITED, ",".join(news))

    def say_again(self) -> None:
        """The server may have lost what was said: what is waited for from now on is said anew, and asked for anew."""
        self._until.clear()
        self._read()

    def _read(self) -> None:
        try:
            self._pipe.send(self._was_read, "ZRANGE", FREQUENT_AWAITED, 0, -1, "WITHSCORES")
        except StoreUnavailable:
            log.debug("which frequent events are awaited is not known: the store is away")

    def _was_read(self, reply: Any) -> None:
        if not isinstance(reply, Exception):
            self._until = {name.decode(): float(until) for name, until in zip(reply[::2], reply[1::2], strict=True)}
