"""The event log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbx.event_log import KINDS, BadQuestion, EventQuery, count, newest_first
from sipcore.contract.event_log import is_cursor

from ..reading import LIMIT, limit_of, time_text, wrong
from ..schemas import STRING, TIME, a_list_of, an_object, one_of
from ..scopes import EVENTS_READ
from ..table import Call, Operation, Parameter, Resource

__all__ = ["EVENTS"]

EVENT = an_object(
    {
        "cursor": {**STRING, "description": "its place in the log; a reader goes on from the last one it has seen"},
        "id": STRING,
        "name": STRING,
        "ts": {**TIME, "description": "when it happened"},
        "node": {**STRING, "description": "the worker that raised it"},
        "call_uid": {**STRING, "description": "the call, or empty"},
        "cause_id": {**STRING, "description": "the event or request that led to it, or empty"},
        "attributes": {"type": "object", "description": "as docs/events.md has them, without secrets"},
    }
)


def list_events(call: Call) -> dict[str, Any]:
    """A page of the log."""
    asked = call.request.GET
    cursor = asked.get("cursor", "")
    if cursor and not is_cursor(cursor):
        raise wrong("cursor", "the `next` of another answer, or the cursor of an event")
    try:
        query = EventQuery.of(asked)
    except BadQuestion as error:
        raise wrong(error.field, str(error)) from None
    found, following = newest_first(query, cursor, limit_of(call))
    return {"items": [_told(event) for event in found], "total": count(), "next": following}


def _told(event: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: event.get(name, "") for name in ("cursor", "id", "name", "node", "call_uid", "cause_id")}
    return {**told, "ts": time_text(event["ts"]), "attributes": event["attributes"]}


EVENTS = Resource(
    "events",
    "events",
    "What has happened: the log of all workers and of the web side, which goes back as far as its retention",
    (
        Operation(
            "GET",
            "The event log, newest first",
            EVENTS_READ,
            list_events,
            returns=a_list_of(EVENT)
            | {
                "description": "`total` is how many events the log has. A narrow filter may return few items, or none, with a `next`: "
                "so far the log has been searched, and there the search goes on."
            },
            parameters=(
                Parameter("name", "the name of an event, or the beginning of several and `*`"),
                Parameter("kind", "a group of events", one_of(*KINDS)),
                Parameter("call", "the id of a call"),
                Parameter("subscriber", "an address-of-record, or its user part"),
                Parameter("q", "text in the name or in an attribute"),
                Parameter("since", "not before this time: RFC 3339 or epoch seconds"),
                Parameter("until", "before this time"),
                Parameter("cursor", "only events before this one in the log"),
                LIMIT,
            ),
        ),
    ),
)
