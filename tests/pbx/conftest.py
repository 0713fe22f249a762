"""People and services that tests of the web side start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from sipcore.contract import keys
from sipcore.contract.calls import CallState
from sipcore.contract.events import Event
from sipcore.contract.records import from_json, to_json
from tests.support.push_server import PushServer
from tests.support.routing_worker import RoutingWorker


@pytest.fixture(autouse=True)
def one_realm(settings) -> None:
    """Whatever the host is called, subscribers live in one domain."""
    settings.SIP_DOMAINS = ["pbx.test"]
    settings.SIP_REALM = "pbx.test"


@pytest.fixture
def new_subscriber(db) -> Callable:
    """Make a subscriber: `new_subscriber("101")`."""
    from pbx.subscribers import actions

    def make(username: str = "101", **fields):
        return actions.create_subscriber(username=username, password="right-battery-7", **fields)

    return make


@pytest.fixture
def push_server(settings) -> Iterator[PushServer]:
    """A push service that the HTTP provider is configured for."""
    from pbx.push import sending

    server = PushServer()
    settings.PUSH_HTTP_URL, settings.PUSH_HTTP_SECRET = server.url, server.secret
    sending.sender.cache_clear()
    yield server
    sending.sender().close()
    sending.sender.cache_clear()
    server.close()


@pytest.fixture
def events(store: Redis) -> Callable[[], list[Event]]:
    """All events in the log, oldest first."""
    return lambda: [from_json(Event, fields["event"]) for _, fields in store.xrange(keys.EVENTS_LOG)]


@pytest.fixture
def put_call(store: Redis) -> Callable[..., None]:
    """Put a call on the board, as its worker would."""

    def put(uid: str = "call-1", state: str = "waking", **fields) -> None:
        parties = ("100@pbx.test", "Alice", "101", "101@pbx.test")
        call = CallState(uid, f"{uid}@host", *parties, state=state, started_at=1.0, **fields)
        store.hset(keys.CALLS, uid, to_json(call))

    return put


@pytest.fixture
def start_worker(store: Redis, settings) -> Iterator[Callable[..., RoutingWorker]]:
    """Start workers that have subscriptions: `start_worker("w2")`."""
    workers: list[RoutingWorker] = []

    def start(name: str = "w1") -> RoutingWorker:
        workers.append(RoutingWorker(settings.REDIS_URL, name))
        return workers[-1]

    yield start
    for worker in workers:
        worker.close()


@pytest.fixture
def worker(start_worker) -> RoutingWorker:
    return start_worker()
