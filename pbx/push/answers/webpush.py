"""What the push services of browsers answer (RFC 8030, RFC 8292); they share statuses, not codes."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from . import ours
from .meaning import Meaning, Verdict

__all__ = ["MEANINGS"]

GONE = Meaning(
    Verdict.DEAD_TOKEN,
    _("The subscription of this browser is over."),
    _("The user has withdrawn the permission, cleared the browser's data, or the subscription has expired."),
    _("Open the page of the softphone in that browser again and allow notifications."),
)
VAPID = Meaning(
    Verdict.CREDENTIALS,
    _("The browser's push service does not accept our key."),
    _("The browser subscribed with another VAPID key than PBX_VAPID_KEY, or the clock of this host is wrong."),
    _("Keep PBX_VAPID_KEY as it was; after a change every browser has to subscribe again."),
)
TOO_LARGE = Meaning(
    Verdict.PERMANENT,
    _("The push is larger than the service allows."),
    _("The caller's name, address or Call-ID is very long."),
    _("Nothing here; calls from others are not touched by it."),
)
FOREIGN_HOST = Meaning(
    Verdict.PERMANENT,
    _("Nothing is sent to this address."),
    _(
        "The subscription names a host that is none of the known push services, so that phones cannot make this host call any other."
    ),
    _("If it is yours to trust, add the host to PBX_WEBPUSH_HOSTS."),
)
BAD_KEYS = Meaning(
    Verdict.PERMANENT,
    _("The keys of this browser's subscription cannot be used."),
    _("p256dh is no point of the curve P-256, or auth has not 16 bytes."),
    _("Let the browser subscribe again, and hand its subscription over unchanged."),
)

MEANINGS: Mapping[str, Meaning] = {
    "host-not-allowed": FOREIGN_HOST,
    "bad-subscription-keys": BAD_KEYS,
    "404": GONE,
    "410": GONE,
    "401": VAPID,
    "403": VAPID,
    "413": TOO_LARGE,
    "429": ours.THROTTLED,
}
