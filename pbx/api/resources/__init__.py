"""What the API offers; a new resource is a module here and a line in RESOURCES."""

from __future__ import annotations

from ..table import Resource
from .events import EVENTS
from .push_devices import PUSH_DEVICE, PUSH_DEVICES, TEST_WAKE
from .subscriptions import MATCHES, SUBSCRIPTION, SUBSCRIPTIONS
from .tickets import TICKETS

__all__ = ["RESOURCES"]

RESOURCES: tuple[Resource, ...] = (
    EVENTS,
    TICKETS,
    PUSH_DEVICES,
    PUSH_DEVICE,
    TEST_WAKE,
    SUBSCRIPTIONS,
    MATCHES,
    SUBSCRIPTION,
)
