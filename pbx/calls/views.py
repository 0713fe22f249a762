"""Pages about calls. The list is of finished ones; live ones are on the dashboard."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date

from pbx.listing import Listing
from pbx.staff import staff_only
from pbx.store import StoreError, store
from sipcore.contract import keys
from sipcore.contract.calls import CallState
from sipcore.contract.records import from_json

from .models import CallRecord

ORDERS = {"started": ("started_at", "pk")}
SEARCH = ("caller", "caller_name", "dialled", "callee", "answered_by", "picked_by", "call_id")
OUTCOMES = ("answered", "busy", "declined", "cancelled", "no-answer", "unreachable", "failed", "lost")
OF_A_SUBSCRIBER = 20


@staff_only
def call_list(request: HttpRequest) -> HttpResponse:
    """Finished calls, newest first."""
    rows = CallRecord.objects.all()
    outcome, after, before = request.GET.get("outcome", ""), _day(request, "from"), _day(request, "to")
    if outcome == "missed":
        rows = rows.exclude(reason="answered")
    elif outcome == "picked":
        rows = rows.exclude(picked_by="")
    elif outcome in OUTCOMES:
        rows = rows.filter(reason=outcome)
    if after:
        rows = rows.filter(started_at__gte=_midnight(after))
    if before:
        rows = rows.filter(started_at__lt=_midnight(before + timedelta(days=1)))
    listing = Listing(request.GET, rows, search=SEARCH, orders=ORDERS, order="-started")
    context = {"listing": listing, "outcome": outcome, "outcomes": OUTCOMES, "after": after, "before": before}
    return render(request, "calls/list.html", context)


@staff_only
def call_detail(request: HttpRequest, uid: str) -> HttpResponse:
    """One call and every phone that was tried; one that is still going on, as the board has it."""
    call = CallRecord.objects.prefetch_related("branches").filter(uid=uid).first()
    if call is not None:
        return render(request, "calls/detail.html", {"call": call})
    live = _on_the_board(uid)
    if live is None:
        raise Http404
    return render(request, "calls/live.html", {"call": live})


@staff_only
def calls_of(request: HttpRequest) -> HttpResponse:
    """The last calls of one address-of-record: a part of the subscriber's page."""
    aor = request.GET.get("aor", "")
    rows = CallRecord.objects.filter(Q(caller=aor) | Q(callee=aor) | Q(answered_by=aor))[:OF_A_SUBSCRIBER]
    return render(request, "calls/of_subscriber.html", {"calls": rows, "aor": aor})


def _on_the_board(uid: str) -> CallState | None:
    try:
        text = store().hget(keys.CALLS, uid)
        return from_json(CallState, text) if text else None
    except (StoreError, ValueError):
        return None


def _day(request: HttpRequest, name: str) -> date | None:
    try:
        return parse_date(request.GET.get(name, ""))
    except ValueError:  # well formed, but no such day
        return None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
