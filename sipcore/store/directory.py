"""The directory on Redis: local copies, filled when asked for and dropped when Django says that they changed.

That there is no such subscriber is remembered as well, within the same bound. After a reconnect every copy is read
again when it is next asked for; while Redis is away the copies are what there is.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..contract.directory import PickupGroupRecord, SubscriberRecord
from ..contract.keys import DIRECTORY_CHANGED, DIRECTORY_READY, directory_group, directory_subscriber
from ..contract.records import from_json
from ..errors import DirectoryNotReady, StoreUnavailable
from .inbox import Inbox
from .pipe import Pipe

__all__ = ["RedisDirectory"]

CACHE_SIZE = 200_000  # records and the absence of records

_READERS: dict[str, tuple[type, Callable[[str], str]]] = {
    "sub": (SubscriberRecord, directory_subscriber),
    "group": (PickupGroupRecord, directory_group),
}


class RedisDirectory:
    """Directory on Redis, for one worker."""

    def __init__(self, pipe: Pipe, inbox: Inbox, *, cache_size: int = CACHE_SIZE) -> None:
        self._pipe = pipe
        self._cache_size = cache_size
        self._copies: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._loading: dict[str, asyncio.Future[Any]] = {}
        self._ready = False
        self._generation = 1
        inbox.listen(DIRECTORY_CHANGED, self._heard, self.distrust)
        inbox.on_lost.append(self.distrust)
        pipe.on_connect.append(self.distrust)

    def distrust(self) -> None:
        """Read every record again when it is next asked for."""
        self._generation += 1
        self._ready = False
        self._loading.clear()

    async def subscriber(self, aor: str) -> SubscriberRecord | None:
        copy = self._copies.get(f"sub:{aor}")
        if copy is not None and copy[1] == self._generation:
            subscriber: SubscriberRecord | None = copy[0]
        else:
            subscriber = await self._read("sub", aor)
        return subscriber

    async def group(self, group_id: str) -> PickupGroupRecord | None:
        copy = self._copies.get(f"group:{group_id}")
        if copy is not None and copy[1] == self._generation:
            group: PickupGroupRecord | None = copy[0]
        else:
            group = await self._read("group", group_id)
        return group

    async def _read(self, kind: str, name: str) -> Any:
        tag = f"{kind}:{name}"
        try:
            loading = self._loading.get(tag)
            if loading is None:
                loading = asyncio.ensure_future(self._load(kind, name, tag))
                self._loading[tag] = loading
                loading.add_done_callback(lambda done: self._loaded(tag, done))
            return await asyncio.shield(loading)
        except DirectoryNotReady:
            raise
        except StoreUnavailable:
            copy = self._copies.get(tag)
            if copy is None:
                raise
            return copy[0]

    async def _load(self, kind: str, name: str, tag: str) -> Any:
        record_type, key = _READERS[kind]
        generation = self._generation
        asked = [self._pipe.execute("GET", key(name))]
        if not self._ready:
            asked.append(self._pipe.execute("GET", DIRECTORY_READY))
        text, *ready = await asyncio.gather(*asked)
        if ready == [b"1"] and generation == self._generation:
            self._ready = True
        if text is None and ready not in ([], [b"1"]):
            raise DirectoryNotReady("no complete directory has been published")
        record = None if text is None else from_json(record_type, text)
        if self._loading.get(tag) is asyncio.current_task():  # else it changed while being read
            self._copies[tag] = (record, generation)
            self._copies.move_to_end(tag)
            if len(self._copies) > self._cache_size:
                self._copies.popitem(last=False)
        return record

    def _loaded(self, tag: str, done: asyncio.Future[Any]) -> None:
        if self._loading.get(tag) is done:
            del self._loading[tag]
        if not done.cancelled():
            done.exception()  # told to those who wait; there may be none left

    def _heard(self, message: bytes) -> None:
        """Django changed something: `sub:<aor>`, `group:<id>` or `all`."""
        tag = message.decode("utf-8", "surrogateescape")
        if tag == "all":
            self.distrust()
            return
        self._copies.pop(tag, None)
        self._loading.pop(tag, None)
