"""Pages about pickup groups. Every change goes through `actions.py`."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from pbx.listing import Listing
from pbx.staff import staff_only

from . import actions
from .forms import GroupForm
from .models import PickupGroup

ORDERS = {"name": ("name",), "code": ("code", "name"), "members": ("people", "name"), "pickers": ("pickers", "name")}


def with_people():
    """Groups, each with how many can be picked, how many may pick, and how many of them are suspended."""
    return PickupGroup.objects.annotate(
        people=Count("members", distinct=True),
        pickers=Count("interceptors", distinct=True),
        able=Count("interceptors", filter=Q(interceptors__enabled=True), distinct=True),
        suspended=Count("members", filter=Q(members__enabled=False), distinct=True),
    )


@staff_only
def group_list(request: HttpRequest) -> HttpResponse:
    """All pickup groups, with what is dialled for each and what is wrong with it."""
    listing = Listing(request.GET, with_people(), search=("name", "code"), orders=ORDERS, order="name")
    return render(request, "groups/list.html", {"listing": listing, "codes": settings.PICKUP_CODES})


@staff_only
def group_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One group: who can be picked, who may pick, and what to dial."""
    group = get_object_or_404(with_people(), pk=pk)
    members, pickers = set(group.members.all()), set(group.interceptors.all())
    people = sorted(members | pickers, key=lambda subscriber: subscriber.aor)
    context = {
        "group": group,
        "people": [(subscriber, subscriber in members, subscriber in pickers) for subscriber in people],
        "codes": settings.PICKUP_CODES,
        "directed": settings.PICKUP_DIRECTED,
    }
    return render(request, "groups/detail.html", context)


@staff_only
def group_new(request: HttpRequest) -> HttpResponse:
    """Create a group."""
    form = GroupForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and (group := form.save()):
        messages.success(request, _("The group %s has been created.") % group.name)
        return redirect("group", group.pk)
    return render(request, "groups/form.html", {"form": form, "codes": settings.PICKUP_CODES})


@staff_only
def group_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a group."""
    group = get_object_or_404(PickupGroup, pk=pk)
    form = GroupForm(request.POST or None, instance=get_object_or_404(PickupGroup, pk=pk))
    if request.method == "POST" and form.is_valid() and (changed := form.save()):
        messages.success(request, _("The group %s has been changed; it holds from the next call on.") % changed.name)
        return redirect("group", pk)
    return render(request, "groups/form.html", {"form": form, "group": group, "codes": settings.PICKUP_CODES})


@staff_only
def group_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a group, after saying what that means."""
    group = get_object_or_404(with_people(), pk=pk)
    if request.method == "POST":
        actions.delete_group(group)
        messages.success(request, _("The group %s has been deleted.") % group.name)
        return redirect("groups")
    return render(request, "groups/delete.html", {"group": group})
