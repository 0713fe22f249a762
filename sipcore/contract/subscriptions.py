"""Event subscriptions as they are kept in Redis."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ConditionRecord", "SubscriptionRecord"]


@dataclass(frozen=True, slots=True)
class ConditionRecord:
    """One condition of a filter: `key` compared with `value`."""

    key: str
    operator: str
    "eq, glob, ne, lt, le, gt, ge or in."
    value: str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubscriptionRecord:
    """Who waits for what, until when; what runs then stays with the owner."""

    id: str
    events: tuple[str, ...]
    conditions: tuple[ConditionRecord, ...]
    "All must hold."
    owner: str
    "The worker that runs the route."
    expires_at: float
    "Epoch seconds."
    created_at: float
    call_uid: str = ""
    "The call it is bound to; empty for none."
    route: str = ""
    "The name of the notification route, for people."
    kind: str = "notify"
    "notify or wait."
