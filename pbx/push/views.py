"""Pages about push: its providers, which phones can be woken, and whether they do. Tokens are shown masked, and never
sent back to a page."""

from __future__ import annotations

import time
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from pbx.celery import is_running, waiting_jobs
from pbx.listing import Listing
from pbx.staff import staff_only
from sipcore.contract.jobs import QUEUE_PUSH

from . import actions, statistics, stopwatch, tasks
from .answers import meaning_of, plain_words
from .checking import check_credentials
from .forms import DeviceForm
from .models import PushAttempt, PushDevice
from .overview import TITLES, provider_states
from .providers import REGISTRY

ORDERS = {
    "subscriber": ("subscriber__username", "pk"),
    "provider": ("provider", "pk"),
    "state": ("state", "pk"),
    "pushed": ("last_push_at", "pk"),
    "woke": ("last_woke_at", "pk"),
    "took": ("last_wake_ms", "pk"),
}
MOST_OF_CALL = 100  # pushes shown with a call
TEST_PAUSE = 5.0  # seconds between two tests of one device: iOS and Android punish an app for many pushes
SEARCH = ("subscriber__username", "subscriber__display_name", "user_agent", "param", "provider", "token_hint")


@never_cache
@staff_only
def overview(request: HttpRequest) -> HttpResponse:
    """Every provider, the queue, and the devices."""
    providers = provider_states()
    context = {
        "configured": [each for each in providers if each.state != "off"],
        "others": [each for each in providers if each.state == "off"],
        "days": statistics.DAYS,
        "jobs_run": is_running(),
        "waiting": waiting_jobs(QUEUE_PUSH),
        **_devices(request),
    }
    return render(request, "push/overview.html", context)


@staff_only
@require_POST
def check(request: HttpRequest, provider: str) -> HttpResponse:
    """Test a provider's credentials, without waking anybody."""
    if provider not in REGISTRY:
        raise Http404
    said = check_credentials(provider)
    if said.accepted:
        words = _("%(provider)s accepts our credentials (%(ms)s ms).")
        messages.success(request, words % {"provider": TITLES[provider], "ms": said.ms})
    else:
        text = meaning_of(provider, said.status, said.reason).text
        messages.error(request, f"{TITLES[provider]}: {text} ({said.reason or said.status})")
    return redirect("push")


@staff_only
def device_list(request: HttpRequest) -> HttpResponse:
    """All devices that a call may wake."""
    return render(request, "devices/list.html", _devices(request))


def _devices(request: HttpRequest) -> dict[str, Any]:
    """The list of devices as the query string asks for it."""
    rows = statistics.with_records(PushDevice.objects.select_related("subscriber"))
    state, provider = request.GET.get("state", ""), request.GET.get("provider", "")
    providers = sorted({*PushDevice.objects.order_by().values_list("provider", flat=True).distinct()})
    if state in PushDevice.State.values:
        rows = rows.filter(state=state)
    if provider in providers:
        rows = rows.filter(provider=provider)
    listing = Listing(request.GET, rows, search=SEARCH, orders=ORDERS, order="subscriber")
    for device in listing:
        device.record = statistics.recorded(device)
        device.trouble = plain_words(device.provider, device.last_error)
    return {
        "listing": listing,
        "state": state,
        "states": PushDevice.State.choices,
        "provider": provider,
        "providers": providers,
    }


@staff_only
def device_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One device and its last pushes."""
    device = get_object_or_404(PushDevice.objects.select_related("subscriber"), pk=pk)
    attempts = list(device.attempts.all()[:25])
    for attempt in attempts:
        refused = attempt.accepted is False
        attempt.meaning = meaning_of(device.provider, attempt.status, attempt.reason) if refused else None
    context = {
        "device": device,
        "attempts": attempts,
        "record": statistics.of_device(device),
        "days": statistics.DAYS,
        "last_refused": next((attempt for attempt in attempts[:1] if attempt.meaning), None),
    }
    return render(request, "devices/detail.html", context)


@staff_only
def pushes_of_call(request: HttpRequest, uid: str) -> HttpResponse:
    """What was pushed for one call: a part of the call's page."""
    attempts = list(PushAttempt.objects.filter(call_uid=uid).select_related("device").order_by("at")[:MOST_OF_CALL])
    for attempt in attempts:
        refused = attempt.accepted is False
        attempt.meaning = meaning_of(attempt.device.provider, attempt.status, attempt.reason) if refused else None
    return render(request, "push/of_call.html", {"attempts": attempts})


@never_cache
@staff_only
def device_wake(request: HttpRequest, pk: int) -> HttpResponse:
    """Push one device and watch it wake up: says what will happen, then does it, then shows the stopwatch."""
    device = get_object_or_404(PushDevice.objects.select_related("subscriber"), pk=pk)
    if not device.has_token and "since" not in request.GET:  # of a test that has found it dead the page tells on
        messages.error(request, plain_words(device.provider, "no-token"))
        return redirect("device", device.pk)
    if request.method == "POST":
        last = device.attempts.filter(kind="test").first()
        if last is not None and time.time() - last.at.timestamp() < TEST_PAUSE:
            messages.error(request, _("This device was tested a moment ago. Wait some seconds."))
            return redirect("device_wake", device.pk)
        since = time.time()
        tasks.test_device.apply_async(args=[device.pk], expires=stopwatch.GIVES_UP)
        return redirect(f"{reverse('device_wake', args=[device.pk])}?since={since:.3f}")
    since = _since(request)
    context = {
        "device": device,
        "rings": stopwatch.rings_when_tested(device),
        "jobs_run": is_running(),
        "since": since and f"{since:.3f}",
        "progress": stopwatch.progress_of(device, since).as_json(device.provider) if since else None,
    }
    return render(request, "devices/wake.html", context)


@never_cache
@staff_only
def device_wake_state(request: HttpRequest, pk: int) -> HttpResponse:
    """How far a test wake has come, for the stopwatch."""
    device = get_object_or_404(PushDevice.objects.select_related("subscriber"), pk=pk)
    since = _since(request)
    if since is None:
        raise Http404
    return JsonResponse(stopwatch.progress_of(device, since).as_json(device.provider))


def _since(request: HttpRequest) -> float | None:
    """When the test was asked for; None for anything that cannot be that, such as an old bookmark."""
    try:
        since = float(request.GET.get("since", ""))
    except ValueError:
        return None
    return since if 0 <= time.time() - since < 3600 else None


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
