"""Pages about subscribers. Every change goes through `actions.py`."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from pbx.listing import Listing
from pbx.staff import staff_only
from pbx.store import StoreError

from . import actions
from .bindings import live_bindings
from .forms import PasswordForm, SubscriberForm
from .models import Subscriber
from .presence import presence_of, with_devices

ORDERS = {
    "number": ("username", "domain"),
    "name": ("display_name", "username"),
    "email": ("email", "username"),
    "changed": ("updated_at", "username"),
}


@staff_only
def subscriber_list(request: HttpRequest) -> HttpResponse:
    """All subscribers, with how each can be reached right now."""
    rows, state = Subscriber.objects.all(), request.GET.get("state", "")
    if state in ("enabled", "suspended"):
        rows = rows.filter(enabled=state == "enabled")
    elif state in ("online", "asleep", "offline"):
        presence = presence_of(with_devices(rows.filter(enabled=True)))
        groups = {"online": {"online", "ringing", "in-call"}, "asleep": {"asleep"}, "offline": {"offline"}}
        rows = rows.filter(pk__in=[row.pk for row in rows if presence.get(row.aor) in groups[state]])
    listing = Listing(
        request.GET,
        with_devices(rows),
        search=("username", "domain", "display_name", "email"),
        orders=ORDERS,
        order="number",
    )
    presence = presence_of(listing)
    people = [(row, presence[row.aor]) for row in listing]
    several = Subscriber.objects.order_by().values("domain").distinct().count() > 1
    context = {"listing": listing, "people": people, "state": state, "several_domains": several}
    return render(request, "subscribers/list.html", context)


@staff_only
def subscriber_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One subscriber: how he can be reached, his phones, groups, devices and calls."""
    subscriber = get_object_or_404(with_devices(Subscriber.objects.all()), pk=pk)
    try:
        bindings = live_bindings([subscriber.aor])[subscriber.aor]
    except StoreError:
        bindings = None
    picks = set(subscriber.may_pick.all())
    member = set(subscriber.pickup_groups.all())
    groups = sorted(member | picks, key=lambda group: group.name)
    context = {
        "subscriber": subscriber,
        "presence": presence_of([subscriber])[subscriber.aor],
        "bindings": bindings,
        "groups": [(group, group in member, group in picks) for group in groups],
        "devices": subscriber.push_devices.all(),
    }
    return render(request, "subscribers/detail.html", context)


@staff_only
def subscriber_new(request: HttpRequest) -> HttpResponse:
    """Create a subscriber."""
    form = SubscriberForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and (subscriber := form.save()):
        messages.success(request, _("%s has been created.") % subscriber.aor)
        return redirect("subscriber", subscriber.pk)
    return render(request, "subscribers/form.html", {"form": form})


@staff_only
def subscriber_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a subscriber."""
    subscriber = get_object_or_404(Subscriber, pk=pk)
    form = SubscriberForm(request.POST or None, instance=get_object_or_404(Subscriber, pk=pk))
    if request.method == "POST" and form.is_valid() and (changed := form.save()):
        messages.success(request, _("%s has been changed.") % changed.aor)
        return redirect("subscriber", pk)
    return render(request, "subscribers/form.html", {"form": form, "subscriber": subscriber})


@staff_only
def subscriber_password(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a subscriber another SIP password."""
    subscriber = get_object_or_404(Subscriber, pk=pk)
    form = PasswordForm(request.POST or None, subscriber=subscriber)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("%s has a new password; the phones must be told it.") % subscriber.aor)
        return redirect("subscriber", pk)
    return render(request, "subscribers/password.html", {"form": form, "subscriber": subscriber})


@staff_only
@require_POST
def subscriber_enabled(request: HttpRequest, pk: int, *, enabled: bool) -> HttpResponse:
    """Suspend a subscriber, or let him in again."""
    subscriber = actions.set_enabled(get_object_or_404(Subscriber, pk=pk), enabled)
    sentence = _("%s can be used again.") if enabled else _("%s is suspended: no registration, no calls, no pushes.")
    messages.success(request, sentence % subscriber.aor)
    return redirect("subscriber", pk)


@staff_only
def subscriber_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a subscriber, after saying what goes with him."""
    subscriber = get_object_or_404(with_devices(Subscriber.objects.all()), pk=pk)
    if request.method == "POST":
        actions.delete_subscriber(subscriber)
        messages.success(request, _("%s has been deleted.") % subscriber.aor)
        return redirect("subscribers")
    try:
        contacts = len(live_bindings([subscriber.aor])[subscriber.aor])
    except StoreError:
        contacts = 0
    context = {
        "subscriber": subscriber,
        "contacts": contacts,
        "devices": subscriber.push_devices.count(),
        "groups": subscriber.pickup_groups.union(subscriber.may_pick.all()).count(),
        "in_call": presence_of([subscriber])[subscriber.aor] == "in-call",
    }
    return render(request, "subscribers/delete.html", context)
