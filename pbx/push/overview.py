"""Each push provider at a glance: whether it is set up, whether it works, and what it last said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Count
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from pbx.store import StoreError

from . import outages, statistics
from .answers import Meaning, Verdict, meaning_of
from .credentials import WrongCredentials
from .models import CredentialsTest, PushAttempt, PushDevice
from .providers import REGISTRY
from .statistics import Record

__all__ = ["TITLES", "ProviderState", "provider_states"]

TITLES: Mapping[str, str | Promise] = {
    "fcm": "Firebase Cloud Messaging",
    "apns": "Apple",
    "apns.dev": _("Apple, development builds"),
    "webpush": "Web Push",
    "acrobits": "Acrobits",
    "http": _("Signed HTTP"),
}
"In the order of the page; the names are those of pn-provider."

SETTINGS = {
    "fcm": "PBX_FCM_CREDENTIALS",
    "apns": "PBX_APNS_KEY",
    "apns.dev": "PBX_APNS_KEY",
    "webpush": "PBX_VAPID_KEY",
    "acrobits": "PBX_ACROBITS_URL",
    "http": "PBX_PUSH_HTTP_URL",
}
"What sets a provider up."

STATES = {
    Verdict.DEAD_TOKEN: "works",  # it answered, and about the device alone
    Verdict.PERMANENT: "works",
    Verdict.CREDENTIALS: "refused",
    Verdict.THROTTLED: "trouble",
    Verdict.TEMPORARY: "trouble",
}


@dataclass(frozen=True, slots=True)
class Said:
    """The last thing that a provider said to a push or to a test of the credentials."""

    at: datetime
    accepted: bool
    status: int
    reason: str
    meaning: Meaning | None
    "None when it accepted."
    was_test: bool
    ms: int | None


@dataclass(frozen=True, slots=True)
class ProviderState:
    """One line of the page."""

    name: str
    title: str | Promise
    setting: str
    is_configured: bool
    mistake: str
    "The sentence about settings that cannot be used."
    down_since: datetime | None
    said: Said | None
    record: Record
    devices: int

    @property
    def state(self) -> str:
        """One of off, refused, down, trouble, works and unknown."""
        if self.mistake:
            return "refused"
        if not self.is_configured:
            return "off"
        if self.down_since is not None:
            return "down"
        if self.said is None:
            return "unknown"
        return "works" if self.said.meaning is None else STATES[self.said.meaning.verdict]

    @property
    def explained(self) -> Meaning | None:
        """What the last answer means, when it says something about the provider and not about one device."""
        return self.said.meaning if self.said is not None and self.state in ("refused", "trouble", "down") else None


def provider_states() -> list[ProviderState]:
    """All providers, those that are set up first."""
    records = statistics.of_providers()
    devices = dict(PushDevice.objects.order_by().values_list("provider").annotate(Count("pk")))
    tests = {test.provider: test for test in CredentialsTest.objects.all()}
    try:
        down = outages.since()
    except StoreError:
        down = {}
    states = []
    for name, title in TITLES.items():
        is_configured, mistake = _configuration(name)
        since = datetime.fromtimestamp(down[name], UTC) if name in down else None
        said = _last_said(name, tests.get(name)) if is_configured else None
        record = records.get(name, Record())
        states.append(
            ProviderState(
                name, title, SETTINGS[name], is_configured, mistake, since, said, record, devices.get(name, 0)
            )
        )
    return sorted(states, key=lambda each: not (each.is_configured or each.mistake))


def _configuration(name: str) -> tuple[bool, str]:
    """Whether a provider is set up, and what is wrong with how."""
    try:
        return REGISTRY[name].is_configured(), ""
    except WrongCredentials as error:
        return False, str(error)


def _last_said(name: str, test: CredentialsTest | None) -> Said | None:
    attempt = PushAttempt.objects.filter(device__provider=name, accepted__isnull=False).order_by("-at").first()
    latest = max(filter(None, (attempt, test)), key=lambda each: each.at, default=None)
    if latest is None:
        return None
    meaning = None if latest.accepted else meaning_of(name, latest.status, latest.reason)
    return Said(latest.at, latest.accepted, latest.status, latest.reason, meaning, latest is test, latest.ms)
