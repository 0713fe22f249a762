"""What a token may be limited to."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["EVENTS_READ", "SCOPES", "SUBSCRIPTIONS_READ", "SUBSCRIPTIONS_WRITE"]

EVENTS_READ = "events:read"
SUBSCRIPTIONS_READ = "subscriptions:read"
SUBSCRIPTIONS_WRITE = "subscriptions:write"

SCOPES: Mapping[str, str] = {
    EVENTS_READ: "read the event log",
    SUBSCRIPTIONS_READ: "list live event subscriptions, and ask which an event would match",
    SUBSCRIPTIONS_WRITE: "end event subscriptions",
}
