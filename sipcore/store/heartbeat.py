"""Who is alive, and clearing up after those who are not.

A worker says every few seconds that it lives, as a member of `pbx:workers` whose score is the time until which this is
to be believed, and as a hash for people. Whoever finds a score in the past sweeps what the dead worker left, and the one
whose removal of the member counts says so. To learn of a newcomer at once, not at the next beat, its start is said
to those who live; they begin to listen to what it changes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress

from ..contract.calls import CallState
from ..contract.keys import SHARED_SECRET, WORKERS, worker, worker_channel
from ..errors import StoreUnavailable
from .inbox import Inbox
from .pipe import Pipe
from .sweep import sweep_calls, sweep_subscriptions

__all__ = ["BEAT", "LIFE", "Heartbeat"]

log = logging.getLogger("sipcore.store")

BEAT = 5.0  # seconds
LIFE = 15.0  # seconds that one beat is believed: two may be lost


class Heartbeat:
    """The life of one worker among others.

    `facts` gives what people see of it: address, version, counters. `peers_changed` is called when others come or go,
    `worker_lost` for a dead worker, by the one worker that swept it.
    """

    def __init__(
        self,
        pipe: Pipe,
        inbox: Inbox,
        name: str,
        epoch: Callable[[], float],
        *,
        facts: Callable[[], Mapping[str, str | int | float]] = dict,
        peers_changed: Callable[[], None] = lambda: None,
        worker_lost: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._pipe = pipe
        self._name = name
        self._epoch = epoch
        self._facts = facts
        self._peers_changed = peers_changed
        self._worker_lost = worker_lost
        self._peers: frozenset[str] = frozenset()
        self._task: asyncio.Task[None] | None = None
        self._beat_now = asyncio.Event()
        self._born = epoch()
        self._has_beaten = False
        self._patient_until = 0.0
        self._secret = ""
        self.on_forgotten: list[Callable[[], None]] = []
        "Called when others had taken this worker for dead and swept it: what it has in Redis must be written again."
        inbox.on("hello", lambda message: self._set_peers(self._peers | {message["worker"]}))
        inbox.on("bye", lambda message: self._set_peers(self._peers - {message["worker"]}))
        pipe.on_connect.append(self._connected)

    @property
    def peers(self) -> frozenset[str]:
        """The other workers that are alive, as far as is known."""
        return self._peers

    @property
    def has_peers(self) -> bool:
        """Whether there are any."""
        return bool(self._peers)

    async def start(self) -> None:
        """Begin to live; when Redis is away, as soon as it can be reached."""
        try:
            await self._begin()
        except StoreUnavailable:
            log.warning("no heartbeat yet: the store is away")
        self._task = asyncio.create_task(self._keep_beating(), name="heartbeat")

    async def stop(self) -> None:
        """Leave, so that nobody has to notice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        for peer in self._peers:
            self._pipe.post("PUBLISH", worker_channel(peer), self._message("bye"))
        self._pipe.post("ZREM", WORKERS, self._name)
        self._pipe.post("UNLINK", worker(self._name))

    async def beat(self) -> None:
        """Say that this worker lives, and look at the others. Raises StoreUnavailable when Redis is away."""
        epoch = self._epoch()
        facts = [item for pair in self._facts().items() for item in pair]
        key = worker(self._name)
        self._pipe.post("HSET", key, "seen", round(epoch), *facts)
        self._pipe.post("EXPIRE", key, round(LIFE))
        added = self._pipe.execute("ZADD", WORKERS, epoch + LIFE, self._name)
        members = await self._pipe.execute("ZRANGE", WORKERS, 0, -1, "WITHSCORES")
        if await added and self._has_beaten:
            log.warning("worker %s had been taken for dead", self._name)
            for hook in self.on_forgotten:
                hook()
        self._has_beaten = True
        scores = {member.decode(): float(score) for member, score in zip(members[::2], members[1::2], strict=True)}
        alive = {name for name, until in scores.items() if until > epoch and name != self._name}
        if epoch < self._patient_until:
            self._set_peers(alive | self._peers)
            return
        self._set_peers(frozenset(alive))
        for name in scores.keys() - alive - {self._name}:
            await self._sweep(name)

    async def shared_secret(self) -> bytes:
        """The secret of all workers, made by the first that asks. Raises StoreUnavailable when Redis is away."""
        if not self._secret:
            made = self._pipe.execute("SET", SHARED_SECRET, secrets.token_hex(32), "NX")
            kept = self._pipe.execute("GET", SHARED_SECRET)
            await made
            self._secret = (await kept).decode()
        return bytes.fromhex(self._secret)

    async def _begin(self) -> None:
        await self._sweep_remains()
        await self.beat()
        for peer in self._peers:
            self._pipe.post("PUBLISH", worker_channel(peer), self._message("hello"))

    async def _keep_beating(self) -> None:
        while True:
            self._beat_now.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT):  # not wait_for, which may swallow being cancelled (CPython #86296)
                    await self._beat_now.wait()
            try:
                await (self.beat() if self._has_beaten else self._begin())
            except StoreUnavailable:
                log.debug("no heartbeat: the store is away")

    def _connected(self) -> None:
        # Redis may have been away for longer than a life: everybody looks dead until they have had time to beat.
        self._patient_until = self._epoch() + LIFE
        if self._secret:
            self._pipe.post("SET", SHARED_SECRET, self._secret, "NX")
        self._beat_now.set()

    def _set_peers(self, peers: frozenset[str] | set[str]) -> None:
        if peers != self._peers:
            log.info("peers: %s", ", ".join(sorted(peers)) or "none")
            self._peers = frozenset(peers)
            self._peers_changed()

    def _message(self, op: str) -> bytes:
        return json.dumps({"op": op, "worker": self._name}).encode()

    async def _sweep(self, name: str) -> None:
        """Clear up after a dead worker.

        Several may do so at once; it is the same for all, each call is recorded once, and the last step has one winner.
        That step comes last so that a sweep begun by one that dies is done by another, and so that a worker which was
        only asleep, and finds itself missing, has nothing of what it writes then taken away.
        """
        calls = await sweep_calls(self._pipe, self._epoch(), lambda call: call.worker == name)
        await sweep_subscriptions(self._pipe, name)
        if not await self._pipe.execute("ZREM", WORKERS, name):
            return
        log.warning("worker %s is dead; %d calls of it were lost", name, calls)
        self._worker_lost(name)

    async def _sweep_remains(self) -> None:
        """At the start: what an earlier life of this name left, and calls of workers that nobody knows any more."""
        known = {member.decode() for member in await self._pipe.execute("ZRANGE", WORKERS, 0, -1)}

        def is_dead(call: CallState) -> bool:
            return call.started_at < self._born if call.worker == self._name else call.worker not in known

        calls = await sweep_calls(self._pipe, self._epoch(), is_dead)
        await sweep_subscriptions(self._pipe, self._name, before=self._born)
        if calls:
            log.warning("%d calls were lost when a worker died", calls)
