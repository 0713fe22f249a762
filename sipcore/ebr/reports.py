"""What event-based routing says about itself: E_SUB_* and E_LIMIT_HIT."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ..contract.events import E_LIMIT_HIT, E_SUB_FAILED, E_SUB_FIRED, OF_SUBSCRIPTIONS
from ..errors import InvalidWord
from .lanes import within

if TYPE_CHECKING:
    from .subscription import Subscription

__all__ = ["LIMIT_TOLD_EVERY", "Reports"]

LIMIT_TOLD_EVERY = 1.0  # seconds between two E_LIMIT_HIT about one limit: they must not add to the load


class Announce(Protocol):
    """How an event is raised."""

    def __call__(
        self, name: str, attributes: Mapping[str, Any], call_uid: str, cause_id: str, depth: int, /
    ) -> None: ...


class Reports:
    """Says what happens to subscriptions, to those who want to know."""

    def __init__(
        self, announce: Announce, wants: Callable[[str], bool], monotonic: Callable[[], float], worker: str
    ) -> None:
        self._worker = worker
        self._announce = announce
        self._wants = wants
        self._monotonic = monotonic
        self._limits_told: dict[str, float] = {}

    def tell(self, name: str, subscription: Subscription, cause_id: str = "", depth: int = 0, **more: Any) -> None:
        """Raise an event about a subscription. Nearly nobody ever waits for one, and every call has some."""
        if name != E_SUB_FAILED and not self._wants(name):
            return
        record = subscription.record
        if not OF_SUBSCRIPTIONS.isdisjoint(record.events):
            return
        if record.kind == "durable" and name not in (E_SUB_FIRED, E_SUB_FAILED) and record.owner != self._worker:
            return  # it is here and on every other worker: what is the same for all is said by one
        about = {
            "sub": record.id,
            "event": record.event,
            "filter": record.filter,
            "owner": record.owner,
            "fires": subscription.fires,
            **more,
        }
        around, handled = within.get()
        self._announce(name, about, record.call_uid, cause_id or handled, depth or around + 1)

    def limit_hit(self, limit: str, value: int, call_uid: str = "", cause_id: str = "") -> InvalidWord:
        """Say that a limit was reached, and return the error for whoever asked for more."""
        now = self._monotonic()
        if now - self._limits_told.get(limit, -LIMIT_TOLD_EVERY) >= LIMIT_TOLD_EVERY:
            self._limits_told[limit] = now
            self._announce(E_LIMIT_HIT, {"limit": limit, "value": value}, call_uid, cause_id, 1)
        return InvalidWord(f"more than {value} {limit}")
