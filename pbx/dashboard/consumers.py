"""The WebSocket of `/ws/v1/events`: snapshot, numbered changes, resume.

From the browser: `subscribe {topics, resume_from?, filter?}`, `unsubscribe {topics}`, `resync {topic}`, `pong`.
To the browser: `snapshot`, `event`, `resumed`, `dropped`, `status`, `ping`, `error`.
`resume_from` is an object of topic to the last seen revision (calls) or cursor (events), or a number for calls alone. `filter`
narrows the events: name, kind, call, subscriber, q, as those of `GET /api/v1/events`.

A browser is known by its session. A program gets a ticket from `POST /api/v1/websocket-tickets` and opens the socket with
`?ticket=`, once, within seconds; it may hear of events. A bearer token in an address would be in every log on the way.

Closed with 4001: not signed in; 4003: not allowed; 4008: the browser does not answer pings; 4012: the server restarts.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any
from urllib.parse import parse_qs

from asgiref.sync import sync_to_async
from channels.auth import get_user
from channels.generic.websocket import AsyncWebsocketConsumer

from pbx.api.tickets import Pass, redeem_ticket
from pbx.event_log import EventQuery

from .feed import CallFeed, TooManyListeners
from .frames import frame
from .listener import TOPICS, Listener

__all__ = ["EventsConsumer"]

NOT_SIGNED_IN, FORBIDDEN, SLOW_CLIENT, RESTART = 4001, 4003, 4008, 4012
TRY_AGAIN_LATER = 1013

PING = 20.0  # seconds between pings
PONG = 20.0  # seconds a browser may take to answer one
TICKET_TOPICS = ("events",)  # what a program may hear of
MAX_MESSAGE = 4096  # characters a browser may say at once


class EventsConsumer(AsyncWebsocketConsumer):
    """One browser that watches calls and events."""

    feed: CallFeed | None = None
    "Given by `as_asgi(feed=…)`: one for all browsers of the process."

    def __init__(self, *args: Any, feed: CallFeed, ping: float = PING, pong: float = PONG, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.feed, self._ping, self._pong = feed, ping, pong
        self._listener: Listener | None = None
        self._pass: Pass | None = None
        self._query: EventQuery | None = None
        self._answered = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:  # only a server that stops cancels its applications
            await send({"type": "websocket.close", "code": RESTART})
            raise
        finally:
            self._release()

    async def connect(self) -> None:
        # A close before accept reaches the browser as HTTP 403, without the code that says why.
        await self.accept()
        if ticket := _ticket(self.scope):
            self._pass = await sync_to_async(redeem_ticket)(ticket)
        if code := await self._refusal():
            await self.close(code)
            return
        try:
            self._listener = self.feed.join()
        except TooManyListeners:
            await self.close(TRY_AGAIN_LATER)
            return
        self._tasks = [asyncio.create_task(self._send_frames()), asyncio.create_task(self._watch())]

    async def disconnect(self, code: int) -> None:
        self._release()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._listener is None:
            return
        try:
            if text_data is None or len(text_data) > MAX_MESSAGE:
                raise ValueError("send JSON text of at most 4096 characters")
            message = json.loads(text_data)
            if not isinstance(message, dict):
                raise ValueError("send a JSON object")
            self._obey(message)
        except ValueError as error:
            await self.send(frame("error", code="bad_request", detail=str(error)))

    def _obey(self, message: dict[str, Any]) -> None:
        match message.get("op"):
            case "pong":
                self._answered.set()
            case "subscribe":
                resume = message.get("resume_from")
                resume = resume if isinstance(resume, dict) else {"calls": resume}
                topics, query = self._topics(message.get("topics")), _query(message.get("filter"))
                for topic in topics:
                    self.feed.subscribe(self._listener, topic, resume.get(topic), query)
                if "events" in topics:
                    self._query = query
            case "unsubscribe":
                self._listener.topics.difference_update(self._topics(message.get("topics")))
            case "resync":
                for topic in self._topics([message.get("topic")]):
                    self.feed.subscribe(self._listener, topic, None, self._query)
            case other:
                raise ValueError(f"unknown op {str(other)[:40]!r}")

    async def _send_frames(self) -> None:
        while True:
            await self.send(await self._listener.next())

    async def _watch(self) -> None:
        """Ask the browser whether it still reads, and the session whether it still may."""
        while True:
            await self._listener.window_used(within=self._ping)
            self._answered.clear()
            await self.send(frame("ping", now=time.time()))
            try:
                async with asyncio.timeout(self._pong):
                    await self._answered.wait()
            except TimeoutError:
                return await self.close(SLOW_CLIENT)
            self._listener.confirmed()
            if code := await self._refusal():
                return await self.close(code)

    async def _refusal(self) -> int:
        """The close code for somebody who may not watch now; 0 for one who may."""
        if _ticket(self.scope):
            good = self._pass is not None and await sync_to_async(self._pass.is_good)()
            return 0 if good else NOT_SIGNED_IN
        return refusal(await _user_now(self.scope) if self._listener else self.scope["user"])

    def _topics(self, given: Any) -> list[str]:
        allowed = TOPICS if self._pass is None else TICKET_TOPICS
        if not isinstance(given, list) or not given or not set(map(str, given)) <= set(allowed):
            raise ValueError(f"topics are {', '.join(allowed)}")
        return given

    def _release(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        if self._listener is not None:
            self.feed.leave(self._listener)
            self._listener = None


def refusal(user: Any) -> int:
    """The close code for somebody who may not watch; 0 for one who may."""
    if not user.is_authenticated:
        return NOT_SIGNED_IN
    return 0 if user.is_active and user.is_staff else FORBIDDEN


async def _user_now(scope: dict[str, Any]) -> Any:
    """Who the session belongs to by now: it may have ended, or its user been suspended, since the socket was opened."""
    session = scope["session"]
    return await get_user({"session": type(session)(session.session_key)})


def _ticket(scope: dict[str, Any]) -> str:
    return parse_qs(scope.get("query_string", b"").decode("latin-1")).get("ticket", [""])[0]


def _query(given: Any) -> EventQuery | None:
    if given is None:
        return None
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise ValueError("a filter is an object of texts")
    if unknown := set(given) - {"name", "kind", "call", "subscriber", "q"}:
        raise ValueError(f"no such filter: {', '.join(sorted(unknown))[:80]}")
    query = EventQuery.of(given)
    return None if query.is_empty else query
