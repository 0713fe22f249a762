"""Finding the subscriptions that an event may concern.

A subscription with a literal condition on an indexed attribute is found by hash, under (event, attribute, value); the
others of that event are tried one by one. The cost of an event is then that of the subscriptions that wait for
exactly it, not of all there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from ..contract.events import CATALOGUE
from .subscription import Subscription

__all__ = ["SubscriptionIndex"]

_order = attrgetter("order")


class SubscriptionIndex:
    """Live subscriptions by event name and indexed attribute. Empty buckets are removed."""

    __slots__ = ("_awaited", "_buckets")

    def __init__(self) -> None:
        # Most buckets have one member, the call that waits for that phone: it stands there itself, without a dict.
        self._buckets: dict[tuple[str, ...], Subscription | dict[str, Subscription]] = {}
        self._awaited: dict[str, int] = {}  # event -> how many wait for it, with whatever attributes

    def add(self, subscription: Subscription) -> None:
        """Add under each of its events."""
        buckets = self._buckets
        for key in subscription.filter.index_keys:
            bucket = buckets.setdefault(key, subscription)
            if type(bucket) is not Subscription:
                bucket[subscription.id] = subscription
            elif bucket is not subscription:
                buckets[key] = {bucket.id: bucket, subscription.id: subscription}
            name = key[0]
            self._awaited[name] = self._awaited.get(name, 0) + 1

    def remove(self, subscription: Subscription) -> None:
        """Remove from under each of its events."""
        for key in subscription.filter.index_keys:
            bucket = self._buckets[key]
            if type(bucket) is not Subscription:
                del bucket[subscription.id]
            if not bucket or bucket is subscription:
                del self._buckets[key]
            name = key[0]
            if self._awaited[name] > 1:
                self._awaited[name] -= 1
            else:
                del self._awaited[name]

    def has_any(self, name: str) -> bool:
        """Whether anybody waits for such an event, with whatever attributes."""
        return name in self._awaited

    def candidates(self, name: str, attributes: Mapping[str, Any]) -> list[Subscription]:
        """Return those that may match such an event, in the order in which they were made."""
        found: list[Subscription] = []
        if name not in self._awaited:
            return found
        buckets = self._buckets
        filled = 0
        if (name,) in buckets:
            self._collect((name,), found)
            filled = 1
        for key in CATALOGUE[name].index:
            if key in attributes and (name, key, attributes[key]) in buckets:
                self._collect((name, key, attributes[key]), found)
                filled += 1
        if filled > 1:
            found.sort(key=_order)
        return found

    def _collect(self, key: tuple[str, ...], found: list[Subscription]) -> None:
        bucket = self._buckets[key]
        if type(bucket) is Subscription:
            found.append(bucket)
        else:
            found.extend(bucket.values())

    def __len__(self) -> int:
        return len(self._buckets)
