"""What happens in the SIP workers, brought to the browsers of one web process.

One reader serves any number of browsers. Calls come over a subscription: subscribe first, then look, then act: while the
snapshot is read the changes wait in the subscription's socket, and those that the snapshot contains are dropped by their
number. A hole in the numbers, or a lost connection, ends in a new snapshot for everybody. Events are read from the log, from
where the last reading ended, so that a lost connection costs nothing.
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

from pbx.event_log import EventQuery, shown_entry
from sipcore.contract import keys
from sipcore.contract.event_log import cursor_order, is_cursor

from .board import Board, Gap
from .frames import frame
from .listener import Listener
from .recent_events import FIRST_EVENTS, KEPT_EVENTS, RecentEvents, View

__all__ = ["CallFeed", "TooManyListeners"]

log = logging.getLogger("pbx.dashboard")

MAX_LISTENERS = 500  # browsers per web process
LINGER = 30.0  # seconds the feed outlives its last browser: a page change is a drop of a second
SILENCE = 15.0  # seconds without a word before the connection is tested
ANSWER = 5.0  # seconds Redis may take to answer
ENTRIES = 500  # events read from the log at once
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
        self._events = RecentEvents()
        self._listeners: set[Listener] = set()
        self._views: dict[Listener, View] = {}
        self._waiting: dict[Listener, str] = {}
        "Browsers that have asked for events and have not been answered, with the cursor they come from."
        self._readers: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._connection: redis.Redis | None = None
        self._live = False
        self._idle_since = 0.0

    def join(self) -> Listener:
        """Add a browser. It hears of nothing before `subscribe`."""
        if len(self._listeners) >= MAX_LISTENERS:
            raise TooManyListeners
        listener = Listener(
            lambda topic: self._snapshot(topic, listener), lambda topic, after: self._missed(topic, after, listener)
        )
        self._listeners.add(listener)
        self._views[listener] = View()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="call-feed")
        elif not self._live:
            listener.notify(self._status())
        return listener

    def leave(self, listener: Listener) -> None:
        """Remove a browser."""
        self._listeners.discard(listener)
        self._views.pop(listener, None)
        self._waiting.pop(listener, None)
        self._idle_since = time.monotonic()

    def subscribe(
        self,
        listener: Listener,
        topic: str,
        resume_from: int | str | None = None,
        query: EventQuery | None = None,
    ) -> None:
        """Let a browser hear of a topic: a snapshot, or what it has missed since `resume_from`, then every change.

        `resume_from` is the revision of the last call change it has seen, or the cursor of the last event. With a
        `query` it hears of those events alone, which are numbered for it.
        """
        listener.topics.add(topic)
        if topic == "events":
            self._views[listener] = View(query)
            self._waiting[listener] = str(resume_from or "")
            if self._live:
                self._answer(listener)
            return
        if isinstance(resume_from, int) and self._live:
            missed = self._board.calls_since(resume_from)
            if missed is not None:
                listener.put(topic, frame("resumed", topic=topic, seq=resume_from, now=time.time()))
                for text in missed:
                    listener.put(topic, text)
                return
        if (text := self._snapshot(topic, listener)) is not None:
            listener.put_snapshot(topic, text)

    async def close(self) -> None:
        """End the subscription; for tests and orderly ends."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # -- following Redis

    async def _run(self) -> None:
        attempt = 0
        while not self._is_idle():
            try:
                async with self._connect() as connection, connection.pubsub() as subscription:
                    await self._load(connection, subscription)
                    attempt = 0
                    async with asyncio.TaskGroup() as following:
                        following.create_task(self._follow_calls(connection, subscription))
                        following.create_task(self._follow_log(connection))
            except* (RedisError, OSError, TimeoutError) as errors:
                self._lost(errors.exceptions[0])
            except* Exception as errors:  # a mistake of ours must not leave every browser without news
                log.exception("the feed failed, and is begun anew", exc_info=errors)
                self._lost(errors.exceptions[0])
            if self._task is not asyncio.current_task():
                return  # closed: a group whose connection fails as it is cancelled tells of the failure alone
            if not self._live:
                await asyncio.sleep(BACK_OFF[min(attempt, len(BACK_OFF) - 1)])
                attempt += 1
        self._live, self._connection = False, None
        self._board, self._events = Board(), RecentEvents()

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
            await subscription.subscribe(keys.CALLS_FEED)
            await subscription.get_message(timeout=ANSWER)  # confirmed: from here on nothing is missed
            if self._events.cursor is None:
                entries = await connection.xrevrange(keys.EVENTS_LOG, count=FIRST_EVENTS)
                self._events.load(entries[::-1], FIRST_EVENTS)
        await self._look(connection)
        self._connection = connection
        self._live = True
        for listener in self._listeners:
            listener.notify(self._status())
            listener.put_snapshot("calls", self._board.calls_snapshot())
            if "events" not in listener.topics:
                continue
            if listener in self._waiting:
                self._answer(listener)
            else:
                # What has been missed follows.
                listener.put("events", self._events.resumed(self._views[listener], []), self._events.cursor)

    async def _look(self, connection: redis.Redis) -> None:
        """Read the board; it is of one moment."""
        async with asyncio.timeout(ANSWER), connection.pipeline(transaction=True) as pipeline:
            pipeline.get(keys.CALLS_REVISION)
            pipeline.hgetall(keys.CALLS)
            rev, calls = await pipeline.execute()
        self._board.load(int(rev or 0), (json.loads(call) for call in calls.values()))

    async def _follow_calls(self, connection: redis.Redis, subscription: redis.client.PubSub) -> None:
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
                if (text := self._board.apply(json.loads(message["data"]))) is not None:
                    for listener in self._listeners:
                        listener.put("calls", text)
            except Gap:
                log.info("a change of the call board was missed; reading it anew")
                await self._look(connection)
                for listener in self._listeners:
                    listener.put_snapshot("calls", self._board.calls_snapshot())
            except (ValueError, KeyError, TypeError):
                log.warning("a message on %s cannot be read", message["channel"])

    async def _follow_log(self, connection: redis.Redis) -> None:
        while not self._is_idle():
            async with asyncio.timeout(SILENCE + ANSWER):
                streams = {keys.EVENTS_LOG: self._events.cursor}
                answer = await connection.xread(streams, count=ENTRIES, block=round(SILENCE * 1000))
            for _, entries in answer:
                for event, usual in self._events.add(entries):
                    for listener, view in self._views.items():
                        if listener in self._waiting or "events" not in listener.topics:
                            continue
                        if (text := view.frame(event, usual)) is not None:
                            listener.put("events", text, event["cursor"])

    def _lost(self, error: BaseException) -> None:
        if self._live:
            log.warning("the feed lost Redis: %s", error)
            self._live, self._connection = False, None
        for listener in self._listeners:
            listener.notify(self._status())

    # -- for listeners

    def _answer(self, listener: Listener) -> None:
        """Give a browser the events after its cursor: from here or, when it has been away for longer, from the log."""
        cursor, view = self._waiting[listener], self._views[listener]
        known = is_cursor(cursor) and cursor_order(cursor) <= cursor_order(self._events.cursor)
        if not known:
            del self._waiting[listener]
            listener.put_snapshot("events", self._events.snapshot(view), self._events.cursor)
        elif (missed := self._events.since(cursor)) is not None:
            del self._waiting[listener]
            listener.put_snapshot("events", self._events.resumed(view, missed), self._events.cursor)
        else:
            reader = asyncio.get_running_loop().create_task(self._read_log(listener, cursor))
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)

    async def _read_log(self, listener: Listener, cursor: str) -> None:
        earlier, complete = [], False
        try:
            async with asyncio.timeout(ANSWER):
                about = await self._connection.xinfo_stream(keys.EVENTS_LOG)
                until = self._events.kept_after
                entries = await self._connection.xrange(keys.EVENTS_LOG, f"({cursor}", until, count=KEPT_EVENTS)
            complete = len(entries) < KEPT_EVENTS and not _reaches_back_past(cursor, about)
            earlier = [shown_entry(*entry) for entry in entries]
        except (RedisError, OSError, TimeoutError, AttributeError, ValueError, KeyError, TypeError) as error:
            log.info("the log could not be read for a browser that came back: %s", error)
        if self._waiting.get(listener) != cursor or not self._live:
            return  # it has left, or asked again; or Redis went away, and it is answered when that is back
        del self._waiting[listener]
        view = self._views[listener]
        later = self._events.since(until) if complete else None
        if later is None:
            listener.put_snapshot("events", self._events.snapshot(view, gap=True), self._events.cursor)
        else:
            listener.put_snapshot("events", self._events.resumed(view, earlier + later), self._events.cursor)

    def _snapshot(self, topic: str, listener: Listener) -> str | None:
        if not self._live:
            return None  # everybody gets one once Redis is back
        return self._board.calls_snapshot() if topic == "calls" else self._events.snapshot(self._views[listener])

    def _missed(self, topic: str, position: str, listener: Listener) -> tuple[str, str] | None:
        if topic != "events" or not self._live or (events := self._events.since(position)) is None:
            return None
        return self._events.resumed(self._views[listener], events), self._events.cursor

    def _status(self) -> str:
        return frame("status", live=self._live, now=time.time())

    def _is_idle(self) -> bool:
        return not self._listeners and time.monotonic() - self._idle_since > LINGER


def _reaches_back_past(cursor: str, stream: dict) -> bool:
    """Whether entries after the cursor may have gone: some have, and its own is not among those that are left."""
    first = stream["first-entry"]
    return stream["entries-added"] > stream["length"] and (
        first is None or cursor_order(first[0]) > cursor_order(cursor)
    )
