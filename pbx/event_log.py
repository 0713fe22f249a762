"""The event log, read backwards in bounded steps and narrowed: for the page of events, the API and the export.

A stream cannot be searched, so each entry is looked at. Most of those that are not wanted are told by their text, before
it is decoded; how many are looked at for one answer is bounded, and a cursor says where the next one goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pbx.store import store
from sipcore.contract import keys
from sipcore.contract.event_log import ENTRY_FIELD, cursor_order
from sipcore.contract.events import CATALOGUE, Event
from sipcore.contract.records import defaults

__all__ = ["KINDS", "BadQuestion", "EventQuery", "count", "newest_first", "oldest_first", "shown_entry"]

KINDS: Mapping[str, tuple[str, ...]] = {
    "phones": ("E_UL_",),
    "calls": ("E_CALL_", "E_BRANCH_", "E_WAIT_", "E_INJECT_"),
    "pickup": ("E_CALL_PICKUP",),
    "push": ("E_PUSH_",),
    "trouble": (
        "E_AUTH_",
        "E_LIMIT_",
        "E_SCRIPT_",
        "E_SUB_FAILED",
        "E_PUSH_FAILED",
        "E_PUSH_TOKEN_",
        "E_PUSH_PROVIDER_",
        "E_NODE_DOWN",
    ),
}
"What the feed can be narrowed to: beginnings of event names. static/js/feed.js has the same table."

STEP = 500  # entries read at once
FARTHEST = 20_000  # entries looked at for one answer
LONGEST_TEXT = 200  # characters of a filter
CLOCKS_APART = (
    60.0  # seconds between the clock of a worker, which `ts` is of, and that of Redis, which the cursor is of
)
LATEST_WRITTEN = 600.0  # seconds that an event may have waited for Redis, and so stand later in the log than its `ts`

# An event says what happened; these say how to send a push or claim a call, and the whole binding is nobody's business
# on a screen.
_PRIVATE = frozenset({"token", "binding", "pn_prid", "pn_prid_hash", "attr", "path"})

_EVENT = {"attributes": {}, **defaults(Event)}
"What a worker leaves out."

_PARTIES = ("aor", "caller", "callee", "dialled", "user", "picker", "target", "answered_by")
"Attributes that name a subscriber."


class BadQuestion(ValueError):
    """A filter that cannot be: which one, and what is allowed."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def shown_entry(cursor: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """The event of a log entry with its cursor, and without what does not belong on a screen.

    Raises KeyError, TypeError or ValueError for what is none.
    """
    return _shown(cursor, json.loads(fields[ENTRY_FIELD]))


def _shown(cursor: str, event: dict[str, Any]) -> dict[str, Any]:
    event = {**_EVENT, **event}
    attributes = {name: value for name, value in event["attributes"].items() if name not in _PRIVATE}
    event.pop("depth")
    return {**event, "attributes": attributes, "cursor": cursor}


@dataclass(frozen=True, slots=True)
class EventQuery:
    """What of the log is wanted. Empty fields narrow nothing."""

    name: str = ""
    "A name of the catalogue, or the beginning of several when it ends with `*`."
    kind: str = ""
    "One of KINDS."
    call: str = ""
    "The id of a call."
    subscriber: str = ""
    "An address-of-record, or the user part of some."
    text: str = ""
    "What stands in the name or in an attribute, whatever its case."
    since: float | None = None
    until: float | None = None
    "Epoch seconds: when it happened, `until` not included."

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> EventQuery:
        """Read a query string, or what is like one: name, kind, call, subscriber, q, since, until. Raise BadQuestion for what cannot be."""
        texts = {field: asked.get(field, "").strip() for field in ("name", "kind", "call", "subscriber", "q")}
        for field, text in texts.items():
            if len(text) > LONGEST_TEXT or "\0" in text:
                raise BadQuestion(field, f"at most {LONGEST_TEXT} characters of text")
        name, kind = texts["name"], texts["kind"]
        if kind and kind not in KINDS:
            raise BadQuestion("kind", f"one of {', '.join(KINDS)}")
        if name and not name.endswith("*") and name not in CATALOGUE and not name.startswith("E_"):
            raise BadQuestion("name", "the name of an event, such as E_CALL_ENDED, or its beginning and a *")
        since, until = _time(asked, "since"), _time(asked, "until")
        return cls(name, kind, texts["call"], texts["subscriber"], texts["q"], since, until)

    @property
    def is_empty(self) -> bool:
        """Whether everything is wanted."""
        return self == EventQuery()

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether an event, as it is shown, is wanted."""
        name, attributes = event["name"], event["attributes"]
        if self.name and not (name.startswith(self.name[:-1]) if self.name.endswith("*") else name == self.name):
            return False
        if self.kind and not name.startswith(KINDS[self.kind]):
            return False
        if self.call and event.get("call_uid") != self.call:
            return False
        if (self.since is not None and event["ts"] < self.since) or (
            self.until is not None and event["ts"] >= self.until
        ):
            return False
        if self.subscriber and not any(_names(attributes.get(key), self.subscriber) for key in _PARTIES):
            return False
        needle = self.text.casefold()
        return not needle or needle in f"{name} {json.dumps(attributes, ensure_ascii=False)}".casefold()

    def may_match(self, text: str) -> bool:
        """Whether an entry's text may be that of a wanted event: quicker than reading it, and never wrong about a no."""
        if self.name and (f'"{self.name[:-1]}' if self.name.endswith("*") else f'"{self.name}"') not in text:
            return False
        if self.kind and not any(f'"{beginning}' in text for beginning in KINDS[self.kind]):
            return False
        return all(json.dumps(needle, ensure_ascii=False)[1:-1] in text for needle in (self.call, self.subscriber))

    def read(self, cursor: str, fields: Mapping[str, str]) -> dict[str, Any] | None:
        """The event of an entry as it is shown, or None when it is not wanted or cannot be read."""
        text = fields.get(ENTRY_FIELD, "")
        if not self.may_match(text):
            return None
        try:
            event = _shown(cursor, json.loads(text))
            return event if self.matches(event) else None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    @property
    def earliest(self) -> str:
        """The cursor before which nothing wanted stands."""
        return "-" if self.since is None else f"{max(0, int((self.since - CLOCKS_APART) * 1000))}-0"

    @property
    def latest(self) -> str:
        """The cursor after which nothing wanted stands."""
        return "+" if self.until is None else f"{max(0, int((self.until + LATEST_WRITTEN) * 1000))}-0"


def newest_first(query: EventQuery, cursor: str = "", limit: int = 50) -> tuple[list[dict[str, Any]], str | None]:
    """Wanted events before `cursor`, and the cursor to go on from; None at the end of the log.

    Raises StoreError when Redis is away. A narrow query may get few events and a cursor all the same.
    """
    found: list[dict[str, Any]] = []
    looked_at, highest = 0, f"({cursor}" if cursor else query.latest
    while looked_at < FARTHEST:
        entries = store().xrevrange(keys.EVENTS_LOG, max=highest, min=query.earliest, count=STEP)
        for cursor, fields in entries:
            event = query.read(cursor, fields)
            if event is not None:
                found.append(event)
                if len(found) == limit:
                    return found, cursor
        looked_at += len(entries)
        if len(entries) < STEP:
            return found, None
        highest = f"({cursor}"
    return found, cursor


def oldest_first(query: EventQuery, after: str = "") -> Iterator[list[dict[str, Any]]]:
    """All wanted events that the log has now, in steps; raises StoreError when Redis is away."""
    lowest = f"({after}" if after else query.earliest
    last = store().xrevrange(keys.EVENTS_LOG, count=1)
    while last:
        entries = store().xrange(keys.EVENTS_LOG, min=lowest, max=query.latest, count=STEP)
        yield [event for entry in entries if (event := query.read(*entry)) is not None]
        if len(entries) < STEP or cursor_order(entries[-1][0]) >= cursor_order(last[0][0]):
            return  # what has come since is for who asks again
        lowest = f"({entries[-1][0]}"


def count() -> int:
    """How many events the log has."""
    return store().xlen(keys.EVENTS_LOG)


def _names(value: Any, subscriber: str) -> bool:
    if not isinstance(value, str):
        return False
    value = value.removeprefix("sip:")
    return value == subscriber or value.partition("@")[0] == subscriber


def _time(asked: Mapping[str, str], field: str) -> float | None:
    text = asked.get(field, "").strip()
    if not text:
        return None
    try:
        if text.replace(".", "", 1).isdecimal():
            return float(text[:20])
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
        return moment.timestamp()
    except (ValueError, OverflowError):
        raise BadQuestion(field, "a time such as 2026-01-31T15:04:05Z, with its zone, or seconds since 1970") from None
