"""What the routing script and EBR need from outside, as Protocols.

`store/` implements them on Redis and, for tests, in memory; one test suite holds both to the same behaviour. Every
method that answers from memory where it can returns without suspending in that case.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from .contract.calls import CallRecord, CallState
from .contract.directory import PickupGroupRecord, SubscriberRecord
from .contract.events import Event
from .contract.jobs import Job
from .contract.location import Binding, BindingChanges
from .contract.subscriptions import SubscriptionRecord

__all__ = ["MAX_DURABLE", "CallBoard", "Directory", "DurableSubscriptions", "EventBus", "Jobs", "LocationService"]


class LocationService(Protocol):
    """The bindings of all AoRs (RFC 3261 §10)."""

    async def lookup(self, aor: str, *, fresh: bool = False) -> tuple[Binding, ...]:
        """Return the bindings that have not expired, best q first, newest first among equals.

        From memory when this worker knows them; `fresh` asks the store, which matters after subscribing when other
        workers exist: a look that is older than the subscription would lose a REGISTER between the two.
        Without the store, what is in memory is returned; raises StoreUnavailable when nothing is.
        """

    async def update(self, aor: str, change: Callable[[tuple[Binding, ...]], BindingChanges]) -> BindingChanges:
        """Read, change and write an AoR atomically, and return once it is stored.

        `change` is pure and may run again on conflict with another worker; what it raises is passed on. Raises
        StoreUnavailable, having changed nothing, when the store is away.
        """

    def expired(self, epoch: float) -> Iterable[str]:
        """AoRs, of those this worker holds, that have a binding past its expiry; for the sweeper."""

    def held_over(self, connection: str) -> Iterable[str]:
        """AoRs with a binding over that connection of this worker; for when it closes."""


class Directory(Protocol):
    """Subscribers and groups, as published by the web side."""

    async def subscriber(self, aor: str) -> SubscriberRecord | None:
        """Return the subscriber, None when there is none. Raise DirectoryNotReady, or StoreUnavailable when neither
        memory nor store can tell."""

    async def group(self, group_id: str) -> PickupGroupRecord | None:
        """Return a pickup group, None when there is none."""


class EventBus(Protocol):
    """Subscriptions that other workers can see, events between workers, and the log of them."""

    @property
    def has_peers(self) -> bool:
        """Whether other workers are alive, by their heartbeats."""

    def wants(self, name: str) -> bool:
        """Whether subscriptions of other workers wait for an event that is not shown, as far as is known; it is not
        made, nor given to `publish`, when nobody does."""

    def when_awaited(self, name: str, attributes: Mapping[str, Any], then: Callable[[], None]) -> None:
        """Call `then` if a subscription of another worker may wait for such an event. Never raises."""

    def subscribe(self, record: SubscriptionRecord) -> None:
        """Write a subscription to the store with the next batch. Never raises: without the store it stays local."""

    async def subscribed(self) -> None:
        """Return once everything given to `subscribe` is in the store; at once without peers or without the store."""

    def unsubscribe(self, record: SubscriptionRecord) -> None:
        """Remove a subscription from the store with the next batch."""

    def offer(self, event: Event) -> None:
        """Hand an event to subscriptions of other workers only: it has been told to the feed already."""

    def publish(self, event: Event) -> None:
        """Hand an event to subscriptions of other workers, and to the event log, with the next batch.

        Local delivery has been done before, by EventRouting. While the store is away other workers do not hear of the
        event, and the log gets it when the store is back, in order; bounded, what is too much is dropped and counted.
        """

    def follow(self, cursor: str, hear: Callable[[Event], bool], lost: Callable[[], None]) -> Callable[[], None]:
        """Give every event of the log after `cursor`, of all workers, to `hear`, in the log's order: those that there are, then
        those that come, until the function that is returned is called.

        `hear` returns False when it has no room; the same event is given again a little later. `$` is the end of the
        log. `lost` is called when the log no longer reaches back to the cursor. While the store is away nothing is heard.
        """


MAX_DURABLE = 10_000  # durable subscriptions of all workers together: each worker holds each of them


class DurableSubscriptions(Protocol):
    """Subscriptions that belong to no worker: every worker takes them up. All raise StoreUnavailable."""

    changed: Callable[[str], None]
    "Set by whoever holds copies: called with the id of one that came or went, and with none when that may have been missed."

    async def add(self, record: SubscriptionRecord) -> bool:
        """Keep one until its deadline; False when there are MAX_DURABLE already."""

    async def remove(self, subscription_id: str) -> bool:
        """End one for all workers; True for exactly one of those who do."""

    async def all(self) -> list[SubscriptionRecord]:
        """Those whose deadline has not come."""

    async def some(self, ids: Collection[str]) -> list[SubscriptionRecord]:
        """Those of these that there are."""

    async def claim(self, record: SubscriptionRecord, value: str) -> bool:
        """Whether it may fire once more: for that value, unless empty, for the first time, and within `max_fires`, whose last
        one ends it. Exactly one worker may."""


class CallBoard(Protocol):
    """The live calls of all workers, and claims on them."""

    def put(self, call: CallState) -> None:
        """Show the call as it now is, with the next batch."""

    def when_shown(self, uid: str, then: Callable[[], object]) -> None:
        """Call `then` once everybody can see the call as it is put next, which does not wait for the next batch.

        While the store is away `then` waits; when the call is over first, it is forgotten.
        """

    def remove(self, uid: str) -> None:
        """Take a call off the board, with the next batch."""

    def record(self, call: CallRecord) -> None:
        """Keep the record of a finished call, with the next batch; it survives a store that is away for a while."""

    async def ringing(self, groups: Sequence[str], aor: str = "") -> list[CallState]:
        """Calls of any worker that can be picked in one of these groups (or, directed, that ring `aor`), oldest first."""

    async def claim(self, call_uid: str, token: str, seconds: float) -> bool:
        """Claim a call for pickup: True for exactly one caller until released or `seconds` have passed."""

    async def release(self, call_uid: str, token: str) -> None:
        """Release a claim, if it is still held by this token."""


class Jobs(Protocol):
    """Work for Celery."""

    def submit(self, job: Job) -> bool:
        """Hand a job over without waiting; False when it cannot be (the queue is full or the broker away)."""
