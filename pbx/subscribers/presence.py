"""Whether a subscriber can be reached: `in-call`, `ringing`, `online`, `asleep`, `offline` or `suspended`.

Asleep is not offline: no phone is registered, but one has a push token that was not refused, so a call would wake it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.db.models import Count, Q, QuerySet

from pbx.store import StoreError, store
from sipcore.contract import keys
from sipcore.contract.calls import CallState
from sipcore.contract.records import from_json

from .bindings import live_bindings
from .models import Subscriber

__all__ = ["UNKNOWN", "counters", "presence_of", "with_devices"]

UNKNOWN = "unknown"
"Nothing can be said while Redis is away."


def with_devices(rows: QuerySet[Subscriber]) -> QuerySet[Subscriber]:
    """Annotate each subscriber with how many of his devices can be woken."""
    # The relation's name, not the push app: apps may import this one and not the other way round.
    usable = Q(push_devices__isnull=False) & ~Q(push_devices__state="refused")
    return rows.annotate(wakeable=Count("push_devices", filter=usable, distinct=True))


def presence_of(subscribers: Iterable[Subscriber]) -> dict[str, str]:
    """How each of these subscribers (from `with_devices`) can be reached, by AoR."""
    subscribers = list(subscribers)
    try:
        registered = live_bindings([subscriber.aor for subscriber in subscribers])
        busy = _busy()
    except StoreError:
        return {subscriber.aor: UNKNOWN for subscriber in subscribers}
    return {
        subscriber.aor: _presence(subscriber, bool(registered[subscriber.aor]), busy.get(subscriber.aor, ""))
        for subscriber in subscribers
    }


def counters() -> dict[str, int | None]:
    """How many subscribers are registered and how many asleep; None while nobody can tell."""
    presence = Counter(presence_of(with_devices(Subscriber.objects.filter(enabled=True))).values())
    if presence[UNKNOWN]:
        return {"registered": None, "asleep": None}
    return {"registered": presence["online"] + presence["ringing"] + presence["in-call"], "asleep": presence["asleep"]}


def _presence(subscriber: Subscriber, registered: bool, busy: str) -> str:
    if not subscriber.enabled:
        return "suspended"
    if busy:
        return busy
    if registered:
        return "online"
    return "asleep" if subscriber.wakeable else "offline"


def _busy() -> dict[str, str]:
    """AoRs that are in a call, or whose phone rings."""
    busy = {}
    for text in store().hvals(keys.CALLS):
        call = from_json(CallState, text)
        if call.state == "answered":
            busy[call.caller] = busy[call.answered_by or call.callee] = "in-call"
        elif call.state != "ended":
            busy[call.caller] = "in-call"
            for branch in call.branches:
                if branch.state == "ringing":
                    busy.setdefault(branch.target, "ringing")
    return busy
