"""Event subscriptions as they are kept in Redis."""

from __future__ import annotations

from typing import Any

from .records import Record

__all__ = ["ConditionRecord", "SubscriptionRecord"]


class ConditionRecord(Record, frozen=True):
    """One condition of a filter: `key` compared with `value`."""

    key: str
    operator: str
    "eq, glob, re, ne, lt, le, gt, ge or in; or any, whose value is several lists of (key, operator, value), one of which holds."
    value: str | int | float | bool | tuple[Any, ...]

    def __str__(self) -> str:
        """As people read it: `aor=102@example.org`, `expires_in>0`, `aor~*@example.org`."""
        value = self.value
        if isinstance(value, (tuple, list)):
            if self.operator == "any":
                return " or ".join(" and ".join(str(ConditionRecord(*each)) for each in choice) for choice in value)
            value = "|".join(map(str, value))
        return f"{self.key}{_SIGNS.get(self.operator, self.operator)}{value}"


_SIGNS = {"eq": "=", "ne": "!=", "glob": "~", "re": "~~", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "in": " in "}


class SubscriptionRecord(Record, frozen=True):
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
    "notify, wait, durable (with every worker, and the same) or standing (declared by the script)."
    bind: str = "transaction"
    "What ends it beside its time: transaction, dialog, registration, or none for a durable one."
    max_fires: int = 0
    "0: any number."
    dedup: str = ""
    "The attribute of which each value fires once; `()` for a function of the script."
    on_expire: str = ""
    "The name of the route that runs when its time is over."
    context: Any = None
    "What a durable one gives to its route."

    @property
    def event(self) -> str:
        """The events in one word, for people."""
        return "|".join(self.events)

    @property
    def filter(self) -> str:
        """The conditions in one line, for people."""
        return ", ".join(map(str, self.conditions))
