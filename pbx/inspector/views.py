"""Pages of the subscription inspector."""

from __future__ import annotations

import json
import re
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from pbx.event_log import EventQuery, newest_first
from pbx.staff import staff_only
from pbx.store import StoreError
from sipcore.contract.event_log import cursor_order, is_cursor
from sipcore.contract.events import CATALOGUE

from .attributes import BadAttributes, checked, from_texts
from .subscriptions import (
    NotLive,
    OwnerSilent,
    Position,
    end_subscription,
    list_subscriptions,
    match_event,
)

EVENT_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
PAGE = 100  # subscriptions
EXAMPLES = 10  # events of the log that are offered to be tried
LONGEST = 200  # characters of a filter
PREFIX = "a."
"Before the name of an attribute in the query string, so that it is no other parameter's."


@staff_only
@never_cache
def subscriptions(request: HttpRequest) -> HttpResponse:
    """Every live subscription; the page asks again every two seconds."""
    asked = request.GET
    text, event, call = (asked.get(name, "").strip()[:LONGEST] for name in ("q", "event", "call"))
    before = _position(asked.get("before", ""))
    context: dict[str, Any] = {"text": text, "event": event, "call": call, "before": before}
    try:
        listed = list_subscriptions(text=text, event=event, call=call, before=before, limit=PAGE)
    except StoreError:
        context["away"] = True
    else:
        following = listed.following and "{!r}~{}".format(*listed.following)
        context |= {"listed": listed, "following": following}
    context["events"] = sorted(CATALOGUE)
    return render(request, "subscriptions/list.html", context)


@staff_only
@never_cache
def try_event(request: HttpRequest) -> HttpResponse:
    """Which live subscriptions an event would fire. Nothing is raised; the address holds the whole question."""
    asked = request.GET
    name = asked.get("event", "")
    name = name if EVENT_NAME.fullmatch(name) else ""
    texts = {key.removeprefix(PREFIX): value for key, value in asked.items() if key.startswith(PREFIX)}
    written = asked.get("json", "").strip()
    call_uid = asked.get("call", "").strip()[:LONGEST]
    context: dict[str, Any] = {"event": name, "written": written, "wrong": {}}
    try:
        logged = _logged(asked.get("cursor", "")) if not (texts or written) else None
        if logged:
            name = context["event"] = logged["name"]
            call_uid = logged["call_uid"]
            texts = {key: _text(value) for key, value in logged["attributes"].items()}
        if name:
            context["examples"], _next = newest_first(EventQuery(name=name), limit=EXAMPLES)
        if name and (texts or written or "try" in asked):
            attributes = _read(name, written) if written else from_texts(name, texts)
            context["matched"] = match_event(name, attributes, call_uid=call_uid)
    except BadAttributes as error:
        context["wrong"] = error.fields
    except StoreError:
        context["away"] = True
    context |= {"call": call_uid, "names": sorted(CATALOGUE.keys() | ({name} if name else set()))}
    context["fields"] = _fields(name, texts, context["wrong"]) if name else []
    return render(request, "subscriptions/try.html", context)


@staff_only
def end(request: HttpRequest, uid: str) -> HttpResponse:
    """End a subscription, after saying what that means."""
    if request.method == "POST":
        try:
            end_subscription(uid, actor=request.user.get_username(), way="pages")
        except NotLive:
            messages.info(request, _("It had ended already."))
        except OwnerSilent as silent:
            workers = ", ".join(silent.workers)
            messages.error(request, _("No answer from %s: it may still be live. Look again in a moment.") % workers)
        except StoreError:
            messages.error(request, _("Redis does not answer: nothing has been ended."))
        else:
            messages.success(request, _("The subscription has ended. It never fires again."))
        return redirect("subscriptions")
    try:
        listed = list_subscriptions(text=uid, limit=PAGE)
    except StoreError:
        messages.error(request, _("Redis does not answer: nothing has been ended."))
        return redirect("subscriptions")
    live = next((each for each in listed.items if each.record.id == uid), None)
    if live is None and not listed.silent:
        messages.info(request, _("It had ended already."))
        return redirect("subscriptions")
    return render(request, "subscriptions/end.html", {"live": live, "silent": listed.silent})


def _position(text: str) -> Position | None:
    created_at, _, subscription_id = text.partition("~")
    try:
        return (float(created_at), subscription_id) if text else None
    except ValueError:
        return None


def _logged(cursor: str) -> dict[str, Any] | None:
    """The event of the log at that cursor."""
    if not is_cursor(cursor):
        return None
    millis, number = cursor_order(cursor)
    found, _ = newest_first(EventQuery(), f"{millis}-{number + 1}", limit=1)
    return found[0] if found and found[0]["cursor"] == cursor else None


def _read(name: str, written: str) -> dict[str, Any]:
    try:
        attributes = json.loads(written)
    except (ValueError, RecursionError):
        raise BadAttributes({"json": _("This is no JSON.")}) from None
    if not isinstance(attributes, dict):
        raise BadAttributes({"json": _("This is no JSON object.")})
    if attributes.get("name") == name and isinstance(attributes.get("attributes"), dict):
        attributes = attributes["attributes"]  # a whole event, as it is exported
    try:
        return checked(name, attributes)
    except BadAttributes as error:
        raise BadAttributes({"json": str(error)}) from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _fields(name: str, texts: dict[str, str], wrong: dict[str, str]) -> list[dict[str, Any]]:
    """The attributes of an event as fields of a form, those that subscriptions are found by first."""
    declared = CATALOGUE.get(name)
    if declared is None:
        return []  # one of the script's own: its attributes are written as JSON
    ordered = sorted(declared.attributes, key=lambda key: (key not in declared.index, not texts.get(key)))
    return [
        {
            "name": PREFIX + key,
            "label": key,
            "value": texts.get(key, ""),
            "indexed": key in declared.index,
            "wrong": wrong.get(key, ""),
        }
        for key in ordered
        if declared.attributes[key] is not dict
    ]
