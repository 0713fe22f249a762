"""What people may ask about live subscriptions: which there are, what an event would match, and to end one.

Nothing is kept for it: each answer walks over the live subscriptions, in steps between which the loop does its work, and is
bounded in what it says of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from ..contract.events import Event
from ..contract.inquiries import CANCEL, LIST, MATCH, MOST_LISTED
from ..contract.records import from_dict, to_dict
from .conditions import compile_conditions
from .routing import EventRouting
from .subscription import LIVE, Subscription

__all__ = ["Inspection"]

DURABLE = "durable"
"The `kind` of what every worker has."

KILLED = "admin"
"Why, to those who are told of the end."

Answer = Callable[[Mapping[str, Any]], dict[str, Any] | Awaitable[dict[str, Any]]]

STEP = 500  # subscriptions that are looked at before others have their turn: about a millisecond


class Inspection:
    """Answers for the subscriptions of one worker. Questions and answers are those of `contract.inquiries`."""

    def __init__(self, routing: EventRouting, monotonic: Callable[[], float]) -> None:
        self._routing = routing
        self._monotonic = monotonic

    @property
    def answers(self) -> Mapping[str, Answer]:
        """What answers which question."""
        return {LIST: self.list_live, MATCH: self.match, CANCEL: self.cancel}

    async def list_live(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Which subscriptions are live, newest first."""
        text, event, call = (str(question.get(key) or "").casefold() for key in ("text", "event", "call"))
        before = tuple(question["before"]) if question.get("before") else None
        total, shared = 0, 0
        items: list[dict[str, Any]] = []
        async for subscription in self._newest_first():
            record = subscription.record
            if event and event not in (name.casefold() for name in record.events):
                continue
            if call and record.call_uid.casefold() != call:
                continue
            if text and text not in _words(subscription):
                continue
            total += 1
            shared += record.kind == DURABLE
            if before is not None and (record.created_at, record.id) >= before:
                continue
            if len(items) < _limit(question) or record.kind == DURABLE:  # few, and taken up in no order
                items.append(self._told(subscription))
        return {"total": total, "shared": shared, "items": items}

    async def match(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Which live subscriptions an event would fire, and which conditions of the others do not hold."""
        event = from_dict(Event, question["event"])
        limit, total, matches, shared, shared_matches = _limit(question), 0, 0, 0, 0
        fired: list[Subscription] = []
        others: list[Subscription] = []
        async for subscription in self._newest_first():
            if event.name not in subscription.filter.events:
                continue
            total += 1
            does = subscription.filter.matches(event)
            matches += does
            if subscription.record.kind == DURABLE:
                shared += 1
                shared_matches += does
            kept = fired if does else others
            if len(kept) < limit:
                kept.append(subscription)
        items = [self._told(each) | {"matches": True, "failed": []} for each in fired]
        rest = others[: limit - len(fired)]
        items += [self._told(each) | {"matches": False, "failed": _failed(each, event)} for each in rest]
        counts = {"total": total, "matches": matches, "shared": shared, "shared_matches": shared_matches}
        return {**counts, "items": items}

    def cancel(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """End one at once: what it has matched and not handled yet is not handled any more either."""
        subscription = self._routing.find(str(question.get("sub")))
        if subscription is None:
            return {"cancelled": False}
        told = self._told(subscription)
        return {"cancelled": self._routing.cancel(subscription.id, KILLED), "item": told}

    async def _newest_first(self) -> AsyncIterator[Subscription]:
        for number, subscription in enumerate(reversed(tuple(self._routing.live()))):
            if number % STEP == STEP - 1:
                await asyncio.sleep(0)
            if subscription.state == LIVE and subscription.deadline > self._monotonic():
                yield subscription

    def _told(self, subscription: Subscription) -> dict[str, Any]:
        left = max(subscription.deadline - self._monotonic(), 0.0)
        return {"record": to_dict(subscription.record), "fires": subscription.fires, "left": round(left, 3)}


def _failed(subscription: Subscription, event: Event) -> list[int]:
    conditions = subscription.record.conditions
    return [index for index, condition in enumerate(conditions) if not compile_conditions((condition,))(event)]


def _words(subscription: Subscription) -> str:
    record = subscription.record
    about = (*record.events, *map(str, record.conditions), record.owner, record.call_uid, record.route, record.id)
    return " ".join(about).casefold()


def _limit(question: Mapping[str, Any]) -> int:
    return max(1, min(int(question.get("limit") or MOST_LISTED), MOST_LISTED))
