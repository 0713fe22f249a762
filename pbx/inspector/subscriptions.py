"""Live subscriptions: list them, see what an event would match, end one."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pbx.audit import actions as audit
from sipcore.contract.events import Event
from sipcore.contract.inquiries import CANCEL, LIST, MATCH, MOST_LISTED
from sipcore.contract.records import from_dict, to_dict
from sipcore.contract.subscriptions import SubscriptionRecord

from .inquiry import Answers, ask

__all__ = [
    "Listed",
    "Live",
    "Matched",
    "NotLive",
    "OwnerSilent",
    "end_subscription",
    "list_subscriptions",
    "match_event",
]

Position = tuple[float, str]


class NotLive(Exception):
    """No worker has this subscription: it has fired for the last time, or its time is over."""


class OwnerSilent(Exception):
    """The subscription may be with a worker that did not answer; nothing is known to have ended."""

    def __init__(self, workers: list[str]) -> None:
        super().__init__(", ".join(workers))
        self.workers = workers


@dataclass(frozen=True, slots=True)
class Live:
    """One live subscription, as its owner told it."""

    record: SubscriptionRecord
    fires: int
    left: float
    "Seconds until its time is over, by the owner's clock, when it was asked."
    matches: bool | None = None
    "Whether the event that was asked about would fire it."
    failed: tuple[int, ...] = ()
    "Which of its conditions do not hold, by position."

    @property
    def seconds(self) -> float:
        """How long it was made for."""
        return max(self.record.expires_at - self.record.created_at, 0.001)

    @property
    def lives_with_the_script(self) -> bool:
        """Whether the script declares it: then it has no time of its own."""
        return self.record.kind == "standing"

    @property
    def age(self) -> float:
        """Seconds since it was made."""
        return max(self.seconds - self.left, 0.0)

    @property
    def position(self) -> Position:
        """Where it stands among all."""
        return self.record.created_at, self.record.id

    @property
    def conditions(self) -> list[tuple[Any, bool]]:
        """Each condition, and whether it holds for the event that was asked about."""
        return [(condition, index not in self.failed) for index, condition in enumerate(self.record.conditions)]


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of subscriptions, newest first."""

    items: list[Live]
    total: int
    following: Position | None
    silent: list[str]


@dataclass(frozen=True, slots=True)
class Matched:
    """What an event would match, and some of what it would not."""

    items: list[Live]
    total: int
    "Live subscriptions to events of that name."
    matches: int
    silent: list[str]


def list_subscriptions(
    *, text: str = "", event: str = "", call: str = "", before: Position | None = None, limit: int = 100
) -> Listed:
    """Live subscriptions of all workers. Raises StoreError."""
    limit = min(limit, MOST_LISTED - 1)
    answers = ask(LIST, text=text, event=event, call=call, before=before, limit=limit + 1)
    found = _together(answers)
    found.sort(key=lambda live: live.position, reverse=True)
    following = found[limit - 1].position if len(found) > limit else None
    total = _count(answers, "total", "shared")
    return Listed(found[:limit], total, following, answers.silent)


def match_event(name: str, attributes: Mapping[str, Any], *, call_uid: str = "", limit: int = 100) -> Matched:
    """What would happen if this event were raised now. It is not. Raises StoreError."""
    event = Event(f"try-{secrets.token_hex(4)}", name, time.time(), "web", attributes, call_uid=call_uid)
    answers = ask(MATCH, event=to_dict(event), limit=min(limit, MOST_LISTED))
    found = _together(answers)
    found.sort(key=lambda live: (not live.matches, len(live.failed), live.position))
    total, matches = _count(answers, "total", "shared"), _count(answers, "matches", "shared_matches")
    return Matched(found[:limit], total, matches, answers.silent)


def end_subscription(subscription_id: str, *, actor: str, way: str) -> Live:
    """End one for good and note it in the audit log; return what it was.

    Raises NotLive, or OwnerSilent when that cannot be told; StoreError.
    """
    answers = ask(CANCEL, sub=subscription_id)
    for worker, answer in answers.of.items():
        if answer.get("cancelled"):
            ended = _live(answer.get("item", {}))
            if ended is None or (ended.record.kind == "durable" and answers.silent):
                break  # one of the others may still have it
            record = ended.record
            audit.note(
                actor,
                way,
                audit.SUBSCRIPTION_KILLED,
                subscription_id,
                events=record.events,
                filter=[str(condition) for condition in record.conditions],
                worker=worker,
                call=record.call_uid,
                fires=ended.fires,
            )
            return ended
    if answers.silent:
        audit.note(actor, way, audit.SUBSCRIPTION_TO_BE_KILLED, subscription_id, workers=answers.silent)
        raise OwnerSilent(answers.silent)
    raise NotLive(subscription_id)


def _together(answers: Answers) -> list[Live]:
    """What all workers told. A durable subscription is with each of them, and is one, fired by whoever raised the event."""
    found: dict[str, Live] = {}
    for answer in answers.of.values():
        for item in answer.get("items", ()):
            live = _live(item)
            if live is None:
                continue
            known = found.get(live.record.id)
            found[live.record.id] = live if known is None else replace(live, fires=live.fires + known.fires)
    return list(found.values())


def _count(answers: Answers, all_of_them: str, shared: str) -> int:
    counts = [(answer.get(all_of_them, 0), answer.get(shared, 0)) for answer in answers.of.values()]
    return sum(own - common for own, common in counts) + max((common for _, common in counts), default=0)


def _live(item: Mapping[str, Any]) -> Live | None:
    try:
        record = from_dict(SubscriptionRecord, item["record"])
        return Live(record, int(item["fires"]), float(item["left"]), item.get("matches"), tuple(item.get("failed", ())))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
