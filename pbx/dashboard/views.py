"""The dashboard, the event feed, and what their scripts ask for."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from pbx.staff import staff_only
from pbx.store import StoreError
from pbx.subscribers.presence import counters

from .events_log import KINDS, events_before, events_of_call

CURSOR = re.compile(r"\d{1,20}-\d{1,20}")


@staff_only
def dashboard(request: HttpRequest) -> HttpResponse:
    """Live calls, the counters, and the feed beside them."""
    return render(request, "dashboard/index.html", {"kinds": KINDS})


@staff_only
def events(request: HttpRequest) -> HttpResponse:
    """The feed on a page of its own, which goes back as far as the log does."""
    return render(request, "dashboard/events.html", {"kinds": KINDS})


@staff_only
@never_cache
def events_json(request: HttpRequest) -> JsonResponse:
    """Older events: `before` is the cursor of the answer before, `kind` and `q` narrow."""
    cursor, kind = request.GET.get("before", ""), request.GET.get("kind", "")
    if kind not in ("", *KINDS) or not (cursor == "" or CURSOR.fullmatch(cursor)):
        return JsonResponse({"code": "bad_request"}, status=400)
    try:
        found, following = events_before(cursor or "+", kind=kind, text=request.GET.get("q", "").strip()[:100])
    except StoreError:
        return JsonResponse({"code": "store_unavailable"}, status=503)
    return JsonResponse({"events": found, "next": following})


@staff_only
@never_cache
def call_events_json(request: HttpRequest, uid: str) -> JsonResponse:
    """What was raised about one call; `at` is when it began, in epoch seconds."""
    try:
        found = events_of_call(uid, float(request.GET.get("at", "0")))
    except ValueError:
        return JsonResponse({"code": "bad_request"}, status=400)
    except StoreError:
        return JsonResponse({"code": "store_unavailable"}, status=503)
    return JsonResponse({"events": found, "next": None})


@staff_only
@never_cache
def counters_json(request: HttpRequest) -> JsonResponse:
    """How many subscribers are registered and how many asleep; the rest the board itself can count."""
    return JsonResponse(counters())
