"""The dashboard, the event feed, and what their scripts ask for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from pbx.calls.timeline import timeline
from pbx.event_log import KINDS, BadQuestion, EventQuery, newest_first, oldest_first
from pbx.staff import staff_only
from pbx.store import StoreError, store
from pbx.subscribers.presence import counters
from sipcore.contract.event_log import is_cursor
from sipcore.contract.events import CATALOGUE


@staff_only
def dashboard(request: HttpRequest) -> HttpResponse:
    """Live calls, the counters, and the feed beside them."""
    return render(request, "dashboard/index.html", {"kinds": KINDS})


@staff_only
def events(request: HttpRequest) -> HttpResponse:
    """The feed on a page of its own, which goes back as far as the log does."""
    return render(request, "dashboard/events.html", {"names": sorted(name for name, e in CATALOGUE.items() if e.shown)})


@staff_only
@never_cache
def events_json(request: HttpRequest) -> JsonResponse:
    """Older events: `before` is the cursor of the answer before; the rest is that of EventQuery."""
    cursor = request.GET.get("before", "")
    try:
        if cursor and not is_cursor(cursor):
            raise BadQuestion("before", "a cursor")
        found, following = newest_first(EventQuery.of(request.GET), cursor)
    except BadQuestion as error:
        return JsonResponse({"code": "bad_request", "field": error.field, "detail": str(error)}, status=400)
    except StoreError:
        return JsonResponse({"code": "store_unavailable"}, status=503)
    return JsonResponse({"events": found, "next": following})


@staff_only
@never_cache
def events_export(request: HttpRequest) -> HttpResponse:
    """Everything that the filters leave, oldest first, an event in JSON on each line."""
    try:
        query = EventQuery.of(request.GET)
        store().ping()
    except BadQuestion as error:
        return JsonResponse({"code": "bad_request", "field": error.field, "detail": str(error)}, status=400)
    except StoreError:
        return JsonResponse({"code": "store_unavailable"}, status=503)
    name = f"events-{timezone.now():%Y%m%d-%H%M%S}.jsonl"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(_lines(query), content_type="application/x-ndjson", headers=headers)


async def _lines(query: EventQuery) -> AsyncIterator[str]:
    """The export in pieces, so that a long log is never in memory as a whole."""
    steps = oldest_first(query)
    while (step := await sync_to_async(next, thread_sensitive=False)(steps, None)) is not None:
        if step:
            yield "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in step)


@staff_only
@never_cache
def call_events_json(request: HttpRequest, uid: str) -> JsonResponse:
    """What was raised about one call."""
    return JsonResponse({"events": timeline(uid), "next": None})


@staff_only
@never_cache
def counters_json(request: HttpRequest) -> JsonResponse:
    """How many subscribers are registered and how many asleep; the rest the board itself can count."""
    return JsonResponse(counters())
