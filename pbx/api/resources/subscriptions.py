"""Live event subscriptions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pbx.inspector.attributes import BadAttributes, checked
from pbx.inspector.subscriptions import (
    Live,
    NotLive,
    OwnerSilent,
    Position,
    end_subscription,
    list_subscriptions,
    match_event,
)

from ..problems import Problem
from ..reading import LIMIT, limit_of, time_text, wrong
from ..schemas import INTEGER, STRING, TIME, a_list_of, an_object, one_of
from ..scopes import SUBSCRIPTIONS_READ, SUBSCRIPTIONS_WRITE
from ..table import Call, Operation, Parameter, Resource

__all__ = ["MATCHES", "SUBSCRIPTION", "SUBSCRIPTIONS"]

EVENT_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")

CONDITION = an_object({"key": STRING, "operator": STRING, "value": {}, "text": STRING})
SUBSCRIPTION_SCHEMA = an_object(
    {
        "id": STRING,
        "events": {"type": "array", "items": STRING},
        "conditions": {"type": "array", "items": CONDITION, "description": "all must hold"},
        "kind": {
            **one_of("notify", "wait", "durable", "standing"),
            "description": "it runs a route; something waits for it; it outlives workers and is with each; the script declares it",
        },
        "route": STRING,
        "bind": {**STRING, "description": "what ends it beside its time"},
        "call_uid": STRING,
        "worker": {**STRING, "description": "who has it"},
        "created_at": TIME,
        "expires_at": TIME,
        "seconds_left": {"type": "number"},
        "fires": {**INTEGER, "description": "how often it has fired"},
        "max_fires": {**INTEGER, "description": "after how many it ends; 0: any number"},
    }
)
SILENT = {"type": "array", "items": STRING, "description": "workers that did not answer: theirs are missing"}
MATCH_SCHEMA = an_object(
    {
        "subscription": SUBSCRIPTION_SCHEMA,
        "matches": {"type": "boolean"},
        "failed": {"type": "array", "items": CONDITION, "description": "the conditions that do not hold"},
    }
)


def list_live(call: Call) -> dict[str, Any]:
    """A page of live subscriptions."""
    asked = call.request.GET
    listed = list_subscriptions(
        text=asked.get("q", "")[:200],
        event=asked.get("event", "")[:100],
        call=asked.get("call", "")[:100],
        before=_position(asked.get("cursor", "")),
        limit=limit_of(call),
    )
    following = None if listed.following is None else "{!r}~{}".format(*listed.following)
    return {
        "items": [_told(live) for live in listed.items],
        "total": listed.total,
        "next": following,
        "silent": listed.silent,
    }


def kill(call: Call) -> None:
    """End one."""
    wanted = call.arguments["id"]
    try:
        end_subscription(wanted, actor=call.caller.account, way=call.caller.way)
    except NotLive:
        raise Problem(
            404, "not_live", "No worker has this subscription: it has ended, or there never was one."
        ) from None
    except OwnerSilent as silent:
        workers = ", ".join(silent.workers)
        raise Problem(
            503,
            "worker_silent",
            f"It may be with a worker that did not answer, and may not have ended: {workers}.",
            headers={"Retry-After": "2"},
            workers=silent.workers,
        ) from None


def try_event(call: Call) -> dict[str, Any]:
    """What an event would match."""
    name, attributes = call.body.get("event"), call.body.get("attributes", {})
    if not isinstance(name, str) or not EVENT_NAME.fullmatch(name):
        raise Problem(422, "bad_event", "`event` is the name of an event.", field_errors={"event": "not a name"})
    call_uid = call.body.get("call_uid", "")
    if not isinstance(attributes, dict) or not isinstance(call_uid, str):
        raise Problem(422, "bad_attributes", "`attributes` is an object and `call_uid` a string.")
    try:
        matched = match_event(name, checked(name, attributes), call_uid=call_uid)
    except BadAttributes as error:
        raise Problem(422, "bad_attributes", str(error), field_errors=error.fields) from None
    return {
        "items": [
            {
                "subscription": _told(live),
                "matches": live.matches,
                "failed": [_condition(condition) for condition, holds in live.conditions if not holds],
            }
            for live in matched.items
        ],
        "total": matched.total,
        "next": None,
        "matches": matched.matches,
        "silent": matched.silent,
    }


def _told(live: Live) -> dict[str, Any]:
    record = live.record
    return {
        "id": record.id,
        "events": list(record.events),
        "conditions": [_condition(condition) for condition in record.conditions],
        "kind": record.kind,
        "route": record.route,
        "bind": record.bind,
        "call_uid": record.call_uid,
        "worker": record.owner,
        "created_at": time_text(record.created_at),
        "expires_at": time_text(record.expires_at),
        "seconds_left": live.left,
        "fires": live.fires,
        "max_fires": record.max_fires,
    }


def _condition(condition: Any) -> Mapping[str, Any]:
    return {
        "key": condition.key,
        "operator": condition.operator,
        "value": condition.value,
        "text": str(condition),
    }


def _position(cursor: str) -> Position | None:
    if not cursor:
        return None
    created_at, _, subscription_id = cursor.partition("~")
    try:
        return float(created_at), subscription_id
    except ValueError:
        raise wrong("cursor", "the `next` of another answer") from None


SUBSCRIPTIONS = Resource(
    "subscriptions",
    "subscriptions",
    "Event subscriptions that are live now, in any worker",
    (
        Operation(
            "GET",
            "Live subscriptions, newest first",
            SUBSCRIPTIONS_READ,
            list_live,
            returns=a_list_of(SUBSCRIPTION_SCHEMA, silent=SILENT),
            parameters=(
                Parameter("event", "only those to this event"),
                Parameter("call", "only those of this call"),
                Parameter("q", "text in an event's name, a condition, the route, the call or the worker"),
                Parameter("cursor", "the `next` of another answer"),
                LIMIT,
            ),
        ),
    ),
)

MATCHES = Resource(
    "subscriptions/matches",
    "matches",
    "What an event would match, without raising it",
    (
        Operation(
            "POST",
            "Which live subscriptions this event would fire, and why not the others",
            SUBSCRIPTIONS_READ,
            try_event,
            returns=a_list_of(MATCH_SCHEMA, matches=INTEGER, silent=SILENT),
            body=an_object(
                {"event": STRING, "attributes": {"type": "object"}, "call_uid": STRING},
                optional=("attributes", "call_uid"),
            ),
            refusals={422: "that is no name of an event, or an attribute is not declared or of another type"},
        ),
    ),
)

SUBSCRIPTION = Resource(
    "subscriptions/<str:id>",
    "subscription",
    "One live subscription",
    (
        Operation(
            "DELETE",
            "End a subscription: it never fires again, and what it has matched and not handled yet is dropped",
            SUBSCRIPTIONS_WRITE,
            kill,
            refusals={404: "it is not live", 503: "a worker that may have it did not answer"},
        ),
    ),
)
