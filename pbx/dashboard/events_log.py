"""The log of events that workers keep in Redis, read backwards in bounded steps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pbx.store import store
from sipcore.contract import keys

from .recent_events import shown_entry

__all__ = ["KINDS", "events_before", "events_of_call"]

KINDS: Mapping[str, tuple[str, ...]] = {
    "phones": ("E_UL_",),
    "calls": ("E_CALL_", "E_BRANCH_", "E_WAIT_", "E_INJECT_"),
    "pickup": ("E_CALL_PICKUP",),
    "push": ("E_PUSH_",),
    "trouble": ("E_AUTH_", "E_LIMIT_", "E_SCRIPT_", "E_SUB_FAILED", "E_PUSH_FAILED", "E_PUSH_TOKEN_", "E_NODE_DOWN"),
}
"What the feed can be narrowed to: beginnings of event names. static/js/feed.js has the same table."

STEP = 500  # entries read at once
FARTHEST = 10_000  # entries looked at for one answer


def events_before(
    cursor: str = "+", *, kind: str = "", text: str = "", limit: int = 50
) -> tuple[list[dict[str, Any]], str | None]:
    """Events older than `cursor`, newest first, and the cursor to go on from; None at the end of the log.

    Raises StoreError when Redis is away. A narrow filter may return few events and a cursor all the same.
    """
    found: list[dict[str, Any]] = []
    looked_at, needle = 0, text.casefold()
    while looked_at < FARTHEST:
        entries = store().xrevrange(keys.EVENTS_LOG, max=cursor if cursor == "+" else f"({cursor}", count=STEP)
        for cursor, fields in entries:
            event = shown_entry(cursor, fields)
            if _matches(event, kind, needle):
                found.append(event)
                if len(found) == limit:
                    return found, cursor
        looked_at += len(entries)
        if len(entries) < STEP:
            return found, None
    return found, cursor


def events_of_call(uid: str, around: float, *, limit: int = 200) -> list[dict[str, Any]]:
    """What was raised about one call that began at `around` (epoch seconds), oldest first."""
    start = f"{max(0, int((around - 5) * 1000))}-0"
    entries = store().xrange(keys.EVENTS_LOG, min=start, count=FARTHEST)
    events = (shown_entry(*entry) for entry in entries)
    return [event for event in events if event.get("call_uid") == uid][:limit]


def _matches(event: Mapping[str, Any], kind: str, needle: str) -> bool:
    if kind and not event["name"].startswith(KINDS[kind]):
        return False
    return not needle or needle in f"{event['name']} {json.dumps(event['attributes'], ensure_ascii=False)}".casefold()
