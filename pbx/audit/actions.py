"""Writing to the audit log."""

from __future__ import annotations

import json
from typing import Any

from .models import AuditEntry

__all__ = [
    "PUSH_DEVICE_ADDED",
    "PUSH_DEVICE_REMOVED",
    "SUBSCRIPTION_KILLED",
    "SUBSCRIPTION_TO_BE_KILLED",
    "TOKEN_CREATED",
    "note",
]

PUSH_DEVICE_ADDED = "push-device.added"
PUSH_DEVICE_REMOVED = "push-device.removed"
SUBSCRIPTION_KILLED = "subscription.killed"
SUBSCRIPTION_TO_BE_KILLED = "subscription.kill-unconfirmed"
"Its worker was told and has not answered."
TOKEN_CREATED = "api-token.created"  # noqa: S105 - an action's name


def note(actor: str, way: str, action: str, subject: str, **detail: Any) -> AuditEntry:
    """Note that `actor` did `action` to `subject`. Details are plain JSON values and hold no secrets."""
    return AuditEntry.objects.create(
        actor=_kept(actor, 150),
        way=_kept(way, 64),
        action=action,
        subject=_kept(subject, 255),
        detail=json.loads(_kept(json.dumps(detail, ensure_ascii=False, default=str)).replace("\\u0000", "")),
    )


def _kept(text: str, longest: int | None = None) -> str:
    """Text that PostgreSQL takes: what a phone sent may be none."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:longest]
