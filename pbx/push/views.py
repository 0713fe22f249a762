"""Pages about push devices: which phones can be woken. Tokens are shown masked, and never sent back to a page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from pbx.listing import Listing
from pbx.staff import staff_only

from . import actions
from .forms import DeviceForm
from .models import PushDevice

ORDERS = {
    "subscriber": ("subscriber__username", "pk"),
    "provider": ("provider", "pk"),
    "state": ("state", "pk"),
    "pushed": ("last_push_at", "pk"),
    "woke": ("last_woke_at", "pk"),
    "took": ("last_wake_ms", "pk"),
}
SEARCH = ("subscriber__username", "subscriber__display_name", "user_agent", "param", "provider", "token_hint")


@staff_only
def device_list(request: HttpRequest) -> HttpResponse:
    """All devices that a call may wake."""
    rows = PushDevice.objects.select_related("subscriber")
    state, provider = request.GET.get("state", ""), request.GET.get("provider", "")
    providers = sorted({*PushDevice.objects.order_by().values_list("provider", flat=True).distinct()})
    if state in PushDevice.State.values:
        rows = rows.filter(state=state)
    if provider in providers:
        rows = rows.filter(provider=provider)
    listing = Listing(request.GET, rows, search=SEARCH, orders=ORDERS, order="subscriber")
    context = {
        "listing": listing,
        "state": state,
        "states": PushDevice.State.choices,
        "provider": provider,
        "providers": providers,
    }
    return render(request, "devices/list.html", context)


@staff_only
def device_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One device and its last pushes."""
    device = get_object_or_404(PushDevice.objects.select_related("subscriber"), pk=pk)
    return render(request, "devices/detail.html", {"device": device, "attempts": device.attempts.all()[:25]})


@staff_only
def device_new(request: HttpRequest) -> HttpResponse:
    """Enter a device by hand."""
    form = DeviceForm(request.POST or None, initial={"subscriber": request.GET.get("subscriber")})
    if request.method == "POST" and form.is_valid() and (device := form.save()):
        messages.success(request, _("The device of %s has been added.") % device.subscriber.aor)
        return redirect("device", device.pk)
    return render(request, "devices/form.html", {"form": form})


@staff_only
def device_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget a device, after saying what that means."""
    device = get_object_or_404(PushDevice.objects.select_related("subscriber"), pk=pk)
    if request.method == "POST":
        actions.remove_device(device)
        messages.success(request, _("The device of %s has been removed.") % device.subscriber.aor)
        return redirect("devices")
    return render(request, "devices/delete.html", {"device": device})
