"""The event log: one stream in Redis, from which pages, the API, scripts and later readers all take events.

Each entry is one event, and the id that the server gives it is its cursor: who has read up to a cursor goes on from there
and meets every later event once, in one order that is the same for all. The order is that of writing; an event that had
to wait for Redis keeps the `ts` of when it happened.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .events import Event
from .records import from_json, replace

__all__ = [
    "ENTRY_FIELD",
    "FROM_NOW_ON",
    "KEEP_ENTRIES",
    "KEEP_HOURS",
    "LEAST_AND_MOST_ENTRIES",
    "LEAST_AND_MOST_HOURS",
    "NOTHING_READ",
    "USUAL_RETENTION",
    "Retention",
    "cursor_at",
    "cursor_order",
    "is_cursor",
    "read_entry",
]

KEEP_ENTRIES, LEAST_AND_MOST_ENTRIES = 100_000, (1_000, 10_000_000)
"PBX_KEEP_EVENTS. An entry takes about 0.5 kB of Redis' memory."

KEEP_HOURS, LEAST_AND_MOST_HOURS = 24, (1, 24 * 366)
"PBX_KEEP_EVENTS_HOURS."

ENTRY_FIELD = "event"
"The one field of an entry: the event's JSON, without attributes that are records themselves."

NOTHING_READ = "0-0"
"The cursor before the first event."

FROM_NOW_ON = "$"
"Instead of a cursor: the end of the log, wherever that is."

_CURSOR = re.compile(r"([0-9]{1,15})-([0-9]{1,19})")


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of the log is kept: what is past either bound goes."""

    entries: int = KEEP_ENTRIES
    hours: float = KEEP_HOURS

    @property
    def milliseconds(self) -> int:
        """The age, as the ids of a stream count it."""
        return round(self.hours * 3_600_000)


USUAL_RETENTION = Retention()


def is_cursor(text: str) -> bool:
    """Whether this can be the id of an entry."""
    return _CURSOR.fullmatch(text) is not None


def cursor_order(cursor: str) -> tuple[int, int]:
    """What cursors are compared by. Raise ValueError for what is none."""
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise ValueError(f"{cursor[:40]!r} is no cursor of the event log")
    return int(found[1]), int(found[2])


def cursor_at(epoch: float) -> str:
    """The cursor just before what is written at that time."""
    return f"{max(0, int(epoch * 1000))}-0"


def read_entry(cursor: str, fields: Mapping[str, str]) -> Event:
    """The event of an entry. Raise ValueError for what is none."""
    text = fields.get(ENTRY_FIELD)
    if text is None:
        raise ValueError(f"entry {cursor} of the event log holds no event")
    return replace(from_json(Event, text), cursor=cursor)
