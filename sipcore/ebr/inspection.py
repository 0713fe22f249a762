"""What people may ask about live subscriptions: which there are, what an event would match, and to end one.

Nothing is kept for it: each answer walks over the live subscriptions, and is bounded in what it says of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..contract.events import Event
from ..contract.inquiries import CANCEL, LIST, MATCH, MOST_LISTED
from ..contract.records import from_dict, to_dict
from .conditions import compile_conditions
from .routing import EventRouting
from .subscription import LIVE, Subscription

__all__ = ["Inspection"]

KILLED = "admin"
"Why, to those who are told of the end."

Answer = Callable[[Mapping[str, Any]], dict[str, Any]]


class Inspection:
    """Answers for the subscriptions of one worker. Questions and answers are those of `contract.inquiries`."""

    def __init__(self, routing: EventRouting, monotonic: Callable[[], float]) -> None:
        self._routing = routing
        self._monotonic = monotonic

    @property
    def answers(self) -> Mapping[str, Answer]:
        """What answers which question."""
        return {LIST: self.list_live, MATCH: self.match, CANCEL: self.cancel}

    def list_live(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Which subscriptions are live, newest first."""
        text, event, call = (str(question.get(key) or "").casefold() for key in ("text", "event", "call"))
        before = tuple(question["before"]) if question.get("before") else None
        total, items = 0, []
        for subscription in self._newest_first():
            record = subscription.record
            if event and event not in (name.casefold() for name in record.events):
                continue
            if call and record.call_uid.casefold() != call:
                continue
            if text and text not in _words(subscription):
                continue
            total += 1
            if len(items) < _limit(question) and (before is None or (record.created_at, record.id) < before):
                items.append(self._told(subscription))
        return {"total": total, "items": items}

    def match(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Which live subscriptions an event would fire, and which conditions of the others do not hold."""
        event = from_dict(Event, question["event"])
        concerned = [each for each in self._newest_first() if event.name in each.filter.events]
        fired = [each for each in concerned if each.filter.matches(event)]
        others = (each for each in concerned if not each.filter.matches(event))
        limit = _limit(question)
        items = [self._told(each) | {"matches": True, "failed": []} for each in fired[:limit]]
        while len(items) < limit and (other := next(others, None)) is not None:
            items.append(self._told(other) | {"matches": False, "failed": _failed(other, event)})
        return {"total": len(concerned), "matches": len(fired), "items": items}

    def cancel(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """End one at once: what it has matched and not handled yet is not handled any more either."""
        wanted = str(question.get("sub"))
        for subscription in self._routing.live():
            if subscription.id == wanted:
                told = self._told(subscription)
                return {"cancelled": self._routing.cancel(wanted, KILLED), "item": told}
        return {"cancelled": False}

    def _newest_first(self) -> Iterator[Subscription]:
        now = self._monotonic()
        live = (each for each in self._routing.live() if each.state == LIVE and each.deadline > now)
        return reversed(tuple(live))

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
