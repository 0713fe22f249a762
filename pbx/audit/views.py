"""The page of the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from pbx.listing import Listing
from pbx.staff import staff_only

from .actions import SUBSCRIPTION_KILLED, SUBSCRIPTION_TO_BE_KILLED, TOKEN_CREATED
from .models import AuditEntry

ORDERS = {"at": ("at", "pk"), "who": ("actor", "-at"), "what": ("action", "-at")}
WORDS: Mapping[str, Any] = {
    SUBSCRIPTION_KILLED: _("ended a subscription"),
    SUBSCRIPTION_TO_BE_KILLED: _("tried to end a subscription, and its worker did not answer"),
    TOKEN_CREATED: _("made an API token"),
}


@staff_only
def audit_log(request: HttpRequest) -> HttpResponse:
    """Who did what, newest first."""
    listing = Listing(
        request.GET, AuditEntry.objects.all(), search=("actor", "subject", "action"), orders=ORDERS, order="-at"
    )
    entries = [(entry, WORDS.get(entry.action, entry.action)) for entry in listing]
    return render(request, "audit/list.html", {"listing": listing, "entries": entries})
