"""Which of the events that are not shown somebody on another worker waits for.

There are some for each request and each subscription, and nearly never anybody who wants them: asking the index in Redis
each time would cost more than the request. So each worker knows for each of these events until when it is waited for. It may
think so for too long, since nothing is taken back when a subscription ends early; then the index is asked in vain.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ..contract.events import CATALOGUE
from ..contract.keys import QUIET_AWAITED
from ..contract.subscriptions import SubscriptionRecord
from ..errors import StoreUnavailable
from .inbox import Inbox
from .pipe import Pipe

__all__ = ["QuietEvents"]

log = logging.getLogger("sipcore.store")


class QuietEvents:
    """What this worker knows about the wishes of all."""

    def __init__(self, pipe: Pipe, inbox: Inbox, epoch: Callable[[], float]) -> None:
        self._pipe = pipe
        self._epoch = epoch
        self._until: dict[str, float] = {}
        inbox.listen(QUIET_AWAITED, lambda message: self._read(), self._read)

    def are_awaited(self, name: str) -> bool:
        """Whether somebody may wait for that event now."""
        until = self._until
        return name in until and until[name] > self._epoch()

    def await_until(self, record: SubscriptionRecord) -> None:
        """Say that a subscription waits for such events, if it does."""
        names = [name for name in record.events if name in CATALOGUE and not CATALOGUE[name].shown]
        news = [name for name in names if self._until.get(name, 0.0) < record.expires_at]
        if not news:
            return
        for name in news:
            self._until[name] = record.expires_at
            self._pipe.post("ZADD", QUIET_AWAITED, "GT", record.expires_at, name)
        self._pipe.post("EXPIREAT", QUIET_AWAITED, int(max(self._until.values())) + 1)
        self._pipe.post("PUBLISH", QUIET_AWAITED, ",".join(news))

    def _read(self) -> None:
        try:
            self._pipe.send(self._was_read, "ZRANGE", QUIET_AWAITED, 0, -1, "WITHSCORES")
        except StoreUnavailable:
            log.debug("which quiet events are awaited is not known: the store is away")

    def _was_read(self, reply: Any) -> None:
        if not isinstance(reply, Exception):
            self._until = {name.decode(): float(until) for name, until in zip(reply[::2], reply[1::2], strict=True)}
