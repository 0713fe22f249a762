"""What a token may be limited to."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "EVENTS_READ",
    "PUSH_DEVICES_READ",
    "PUSH_DEVICES_WRITE",
    "SCOPES",
    "SUBSCRIPTIONS_READ",
    "SUBSCRIPTIONS_WRITE",
]

EVENTS_READ = "events:read"
PUSH_DEVICES_READ = "push-devices:read"
PUSH_DEVICES_WRITE = "push-devices:write"
SUBSCRIPTIONS_READ = "subscriptions:read"
SUBSCRIPTIONS_WRITE = "subscriptions:write"

SCOPES: Mapping[str, str] = {
    EVENTS_READ: "read the event log",
    PUSH_DEVICES_READ: "list push devices, with masked tokens",
    PUSH_DEVICES_WRITE: "enter, remove and test push devices",
    SUBSCRIPTIONS_READ: "list live event subscriptions, and ask which an event would match",
    SUBSCRIPTIONS_WRITE: "end event subscriptions",
}
