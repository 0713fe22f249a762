"""What happens in the SIP workers, brought to the browsers of one web process.

One Redis subscription serves any number of browsers. Subscribe first, then look, then act: while the snapshot is read the
changes wait in the subscription's socket, and those that the snapshot contains are dropped by their number. A hole in the
numbers, or a lost connection, ends in a new snapshot for everybody.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from sipcore.contract import keys

from .board import RECENT_EVENTS, Board, Gap, frame
from .listener import Listener

__all__ = ["CallFeed", "TooManyListeners"]

log = logging.getLogger("pbx.dashboard")

MAX_LISTENERS = 500  # browsers per web process
LINGER = 30.0  # seconds the feed outlives its last browser: a page change is a drop of a second
SILENCE = 15.0  # seconds without a word before the connection is tested
ANSWER = 5.0  # seconds Redis may take to answer
BACK_OFF = (0.2, 0.5, 1.0, 2.0, 5.0)  # seconds between attempts to reach Redis


class TooManyListeners(Exception):
    """This process serves as many browsers as it may."""


class CallFeed:
    """The live calls and events, once per web process.

    Used from one event loop. Starts with the first browser and ends some time after the last one.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._board = Board()
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._live = False
        self._idle_since = 0.0

    def join(self) -> Listener:
        """Add a browser. It hears of nothing before `subscribe`."""
        if len(self._listeners) >= MAX_LISTENERS:
            raise TooManyListeners
        listener = Listener(self._snapshot)
        self._listeners.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="call-feed")
        elif not self._live:
            listener.notify(self._status())
        return listener

    def leave(self, listener: Listener) -> None:
        """Remove a browser."""
        self._listeners.discard(listener)
        self._idle_since = time.monotonic()

    def subscribe(self, listener: Listener, topic: str, resume_from: int | str | None = None) -> None:
        """Let a browser hear of a topic: a snapshot, or what it has missed since `resume_from`, then every change.

        `resume_from` is the revision of the last call change it has seen, or the id of the last event.
        """
        listener.topics.add(topic)
        if topic == "calls" and isinstance(resume_from, int) and self._live:
            missed = self._board.calls_since(resume_from)
            if missed is not None:
                listener.put(topic, frame("resumed", topic=topic, seq=resume_from, now=time.time()))
                for text in missed:
                    listener.put(topic, text)
                return
        if (text := self._snapshot(topic, str(resume_from or ""))) is not None:
            listener.put_snapshot(topic, text)

    async def close(self) -> None:
        """End the subscription; for tests and orderly ends."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    # -- following Redis

    async def _run(self) -> None:
        attempt = 0
        while not self._is_idle():
            try:
                async with self._connect() as connection, connection.pubsub() as subscription:
                    await self._load(connection, subscription)
                    attempt = 0
                    await self._follow(connection, subscription)
            except (RedisError, OSError, TimeoutError) as error:
                self._lost(error)
                await asyncio.sleep(BACK_OFF[min(attempt, len(BACK_OFF) - 1)])
                attempt += 1
        self._live = False
        self._board = Board()

    def _connect(self) -> redis.Redis:
        # No retries of the client's own: it would subscribe again in silence, and what was said meanwhile would be missing.
        return redis.Redis.from_url(
            self._url,
            decode_responses=True,
            socket_timeout=None,
            socket_connect_timeout=ANSWER,
            retry=Retry(NoBackoff(), 0),
        )

    async def _load(self, connection: redis.Redis, subscription: redis.client.PubSub) -> None:
        """Subscribe, then look."""
        async with asyncio.timeout(ANSWER):
            self._board.listen_from(int(await connection.get(keys.CALLS_REVISION) or 0))
            await subscription.subscribe(keys.CALLS_FEED, keys.EVENTS_FEED)
            for _ in range(2):  # both channels are confirmed: from here on nothing is missed
                await subscription.get_message(timeout=ANSWER)
        await self._look(connection)

    async def _look(self, connection: redis.Redis) -> None:
        """Take a snapshot and give it to everybody."""
        async with asyncio.timeout(ANSWER), connection.pipeline(transaction=True) as pipeline:
            pipeline.get(keys.CALLS_REVISION)
            pipeline.hgetall(keys.CALLS)
            pipeline.xrevrange(keys.EVENTS_LOG, count=RECENT_EVENTS)
            rev, calls, entries = await pipeline.execute()
        self._board.load(int(rev or 0), (json.loads(call) for call in calls.values()))
        news = self._board.load_events(json.loads(fields["event"]) for _, fields in reversed(entries))
        was_live, self._live = self._live, True
        for listener in self._listeners:
            if not was_live:
                listener.notify(self._status())
            listener.put_snapshot("calls", self._board.calls_snapshot())
            if was_live:
                for text in news:
                    listener.put("events", text)
            else:
                listener.put_snapshot("events", self._board.events_snapshot())

    async def _follow(self, connection: redis.Redis, subscription: redis.client.PubSub) -> None:
        tested_at = None
        while not self._is_idle():
            message = await subscription.get_message(timeout=SILENCE)
            if message is None:
                if tested_at is not None:
                    raise TimeoutError("Redis does not answer on the feed's subscription")
                await subscription.ping()
                tested_at = time.monotonic()
                continue
            tested_at = None
            if message["type"] != "message":
                continue
            try:
                self._heard(message["channel"], json.loads(message["data"]))
            except Gap:
                log.info("a change of the call board was missed; reading it anew")
                await self._look(connection)
            except (ValueError, KeyError, TypeError):
                log.warning("a message on %s cannot be read", message["channel"])

    def _heard(self, channel: str, data: dict) -> None:
        topic, text = (
            ("calls", self._board.apply(data))
            if channel == keys.CALLS_FEED
            else ("events", self._board.add_event(data))
        )
        if text is not None:
            for listener in self._listeners:
                listener.put(topic, text)

    def _lost(self, error: BaseException) -> None:
        if self._live:
            log.warning("the feed lost Redis: %s", error)
            self._live = False
        for listener in self._listeners:
            listener.notify(self._status())

    # -- for listeners

    def _snapshot(self, topic: str, after: str = "") -> str | None:
        if not self._live:
            return None  # everybody gets one once Redis is back
        return self._board.calls_snapshot() if topic == "calls" else self._board.events_snapshot(after)

    def _status(self) -> str:
        return frame("status", live=self._live, now=time.time())

    def _is_idle(self) -> bool:
        return not self._listeners and time.monotonic() - self._idle_since > LINGER
