"""How well pushes work: how many were accepted, how many phones came, and how long that took; by provider and by device."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Aggregate, Count, FloatField, Q, QuerySet
from django.utils import timezone

from .models import PushAttempt, PushDevice

__all__ = ["DAYS", "Record", "of_device", "of_providers", "recorded", "with_records"]

DAYS = 7
ENOUGH = 5  # pushes before anything is concluded from them
SLOW_MS = 5000  # a phone that usually takes longer than this misses calls: callers give up
UNRELIABLE = 0.8  # share of pushes after which the phone came


class Median(Aggregate):
    """The middle value, by Postgres."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


@dataclass(frozen=True, slots=True)
class Record:
    """What became of the pushes of the last DAYS."""

    pushed: int = 0
    "Those that were answered, or given up."
    taken: int = 0
    woken: int = 0
    "Accepted ones after which the phone registered."
    median_ms: float | None = None

    @property
    def taken_percent(self) -> int | None:
        """Of all pushes; None when there were none."""
        return round(100 * self.taken / self.pushed) if self.pushed else None

    @property
    def woken_percent(self) -> int | None:
        """Of those that were accepted; None when there were none."""
        return round(100 * min(self.woken, self.taken) / self.taken) if self.taken else None

    @property
    def is_outlier(self) -> bool:
        """Whether somebody should look: the phone is slow, or often does not come."""
        if self.pushed < ENOUGH:
            return False
        return (self.median_ms or 0) > SLOW_MS or self.woken < UNRELIABLE * self.pushed


def of_providers() -> dict[str, Record]:
    """The record of each provider that was used."""
    rows = PushAttempt.objects.order_by().values("device__provider").annotate(**_counts(""))
    return {row.pop("device__provider"): Record(**row) for row in rows}


def of_device(device: PushDevice) -> Record:
    """The record of one device."""
    return Record(**device.attempts.order_by().aggregate(**_counts("")))


def with_records(devices: QuerySet[PushDevice]) -> QuerySet[PushDevice]:
    """Annotate devices with what `recorded` makes a record of."""
    return devices.annotate(**_counts("attempts__"))


def recorded(device: PushDevice) -> Record:
    """The record of a device that comes from `with_records`."""
    return Record(device.pushed, device.taken, device.woken, device.median_ms)


def _counts(path: str) -> dict[str, Aggregate]:
    counted = Q(
        **{f"{path}at__gt": timezone.now() - timedelta(days=DAYS), f"{path}accepted__isnull": False},
    )
    return {
        "pushed": Count(f"{path}pk", filter=counted),
        "taken": Count(f"{path}pk", filter=counted & Q(**{f"{path}accepted": True})),
        "woken": Count(f"{path}woke_ms", filter=counted),
        "median_ms": Median(f"{path}woke_ms", filter=counted),
    }
