"""Everything that one worker has on Redis, built and joined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..contract.event_log import USUAL_RETENTION, Retention
from ..contract.events import Event
from ..contract.subscriptions import ConditionRecord
from .call_board import RedisCallBoard
from .directory import RedisDirectory
from .durable import RedisDurables
from .event_bus import RedisEventBus
from .heartbeat import Heartbeat
from .inbox import Inbox
from .inquiries import Inquiries
from .location import RedisLocation
from .log_follower import LogFollower
from .pipe import Pipe

__all__ = ["RedisStore"]


class RedisStore:
    """The ports of one worker on one Redis server.

    `deliver` takes a subscription id and an event (EventRouting.deliver). `look_again` is called when what waits may have
    missed something: Redis can be reached again both ways, or this worker has learnt that it is not alone, and the other
    may have raised events before it could find the subscriptions that are written only now.
    """

    def __init__(
        self,
        url: str,
        worker: str,
        epoch: Callable[[], float],
        *,
        compile_conditions: Callable[[Iterable[ConditionRecord]], Callable[[Event], bool]],
        deliver: Callable[[str, Event], object],
        facts: Callable[[], Mapping[str, str | int | float]] = dict,
        worker_lost: Callable[[str], None] = lambda name: None,
        look_again: Callable[[], None] = lambda: None,
        retention: Retention = USUAL_RETENTION,
    ) -> None:
        self.pipe = Pipe(url, name=worker)
        self.inbox = Inbox(url, worker)
        self.heartbeat = Heartbeat(
            self.pipe,
            self.inbox,
            worker,
            epoch,
            facts=facts,
            peers_changed=self._peers_changed,
            worker_lost=worker_lost,
        )
        self.location = RedisLocation(self.pipe, self.inbox, worker, epoch, has_peers=self._has_peers)
        self.directory = RedisDirectory(self.pipe, self.inbox)
        self.followers = LogFollower(self.pipe, url, worker)
        self.event_bus = RedisEventBus(
            self.pipe,
            self.inbox,
            worker,
            epoch,
            compile_conditions=compile_conditions,
            deliver=deliver,
            has_peers=self._has_peers,
            followers=self.followers,
            retention=retention,
        )
        self.durables = RedisDurables(self.pipe, self.inbox, epoch)
        self.inquiries = Inquiries(self.pipe, self.inbox, worker)
        self.call_board = RedisCallBoard(self.pipe, has_peers=self._has_peers)
        self.heartbeat.on_forgotten += [self.event_bus.write_again, self.call_board.put_again]
        self._look_again = look_again
        self._had_peers = False
        self._was_lost = False
        self.pipe.on_lost.append(self._lost)
        self.inbox.on_lost.append(self._lost)
        self.pipe.on_connect.append(self._connected)
        self.inbox.on_listening.append(self._connected)

    @property
    def is_available(self) -> bool:
        """Whether Redis can be reached both ways, as far as is known."""
        return self.pipe.connected and self.inbox.connected

    async def start(self, wait: float = 5.0) -> bool:
        """Connect and begin to live; False when Redis is away, and then it begins as soon as it can be reached."""
        reached = await self.pipe.start(wait)
        reached = await self.inbox.start(wait if reached else 0.0) and reached
        await self.heartbeat.start()
        return reached

    async def close(self) -> None:
        """Leave and close, once what is queued has been written."""
        await self.heartbeat.stop()
        await self.followers.close()
        self.event_bus.log.flush()
        await self.call_board.flush()
        await self.inbox.close()
        await self.pipe.close()

    def _has_peers(self) -> bool:
        return self.heartbeat.has_peers

    def _peers_changed(self) -> None:
        self.location.peers_changed()
        self.event_bus.peers_changed()
        had_peers, self._had_peers = self._had_peers, self._has_peers()
        if self._had_peers and not had_peers:
            self._look_again()

    def _lost(self) -> None:
        self._was_lost = True

    def _connected(self) -> None:
        if self._was_lost and self.is_available:
            self._was_lost = False
            self._look_again()
