"""The handle that a notification route gets on the transaction that subscribed.

Nothing of the original processing is inherited: a notification route has the event, and this.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..contract.location import Binding
from .event_words import EventWords
from .phones import Phone

if TYPE_CHECKING:
    from ..contract.directory import PickupGroupRecord, SubscriberRecord
    from .environment import Environment
    from .request import RequestContext
    from .settings import ScriptSettings
    from .waking import AwaitedDevices

__all__ = ["TransactionRef"]


class TransactionRef(EventWords):
    """A call in progress, for the notification routes that its script has armed."""

    __slots__ = ("__weakref__", "_environment", "_request")

    def __init__(self, environment: Environment, request: RequestContext) -> None:
        self._environment = environment
        self._request = request

    @property
    def _call_uid(self) -> str:
        return self._request.call_uid

    @property
    def _cause(self) -> str:
        return self._request.handle.id

    def _bound_to(self, bind: str) -> object:
        return self._request._bound_to(bind)

    async def _registered_phone(self) -> Binding:
        return await self._request._registered_phone()

    @property
    def call_uid(self) -> str:
        """The id of this call."""
        return self._request.call_uid

    @property
    def uid(self) -> str:
        """What pushes for it are known by; the id of the call, where it is one."""
        return self._request.uid

    @property
    def caller(self) -> SubscriberRecord | None:
        """Who calls."""
        return self._request.caller

    @property
    def callee(self) -> SubscriberRecord | None:
        """Who is called."""
        return self._request.callee

    @property
    def settings(self) -> ScriptSettings:
        """What the operator has set."""
        return self._request.settings

    async def lookup(self, aor: str, *, any_method: bool = False, limit: int | None = None) -> tuple[Binding, ...]:
        """Return the bindings of an AoR whose phone takes the method of this transaction, as `request.lookup` does."""
        return await self._request.lookup(aor, any_method=any_method, limit=limit)

    async def group(self, group_id: str) -> PickupGroupRecord | None:
        """Return a pickup group, None when there is none."""
        return await self._request.group(group_id)

    def inject_branches(
        self, phones: Iterable[Phone], *, cancel: str = "", last: bool = False, source: str = "event", token: str = ""
    ) -> bool:
        """Add branches to the call, as `request.inject_branches` does; False when none could be."""
        return self._request.inject_branches(phones, cancel=cancel, last=last, source=source, token=token)

    def progress(self, status: int, reason: str | None = None) -> None:
        """Send the caller a provisional response of our own, unless a phone has rung already."""
        self._request.progress(status, reason)

    def wait_no_more_branches(self) -> None:
        """End the hold: the call ends with its last branch (`t_wait_no_more_branches`)."""
        self._request.wait_no_more_branches()

    @property
    def awaited(self) -> AwaitedDevices | None:
        """The push devices that this call waits for, None when it has woken none."""
        return self._request.awaited

    def end_hold_when_all_came(self) -> None:
        """End the hold when no push device is left that may still come."""
        self._request.end_hold_when_all_came()

    def take_over(self, event: Any, cancel: str) -> bool:
        """Ring the picker of an E_CALL_PICKUP event with this call; the claim is released when that cannot be."""
        return self._environment.pickups.take_over(self, event, cancel)
