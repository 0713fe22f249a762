"""Which of the push devices that a call has woken may still come, and what is done when none may."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..contract.events import (
    E_PUSH_SENT,
    E_PUSH_SUPPRESSED,
    E_PUSH_TOKEN_INVALID,
    E_UL_CONTACT_INSERT,
    E_UL_CONTACT_UPDATE,
    Event,
)

if TYPE_CHECKING:
    from .transaction import TransactionRef

__all__ = ["AwaitedDevices", "push_ended"]

HERE = frozenset({"ringing", "awake"})
"Why no push was sent to a phone that is in the call already."
UNDER_WAY = frozenset({"coalesced", "already-sent"})
"Why no push was sent to a phone that another push is waking."
SUPPRESSED_GRACE = 3.0  # seconds that a phone nobody could push has to come by itself


class AwaitedDevices:
    """The push devices of a callee during one call: pushed, come, or failed for good."""

    __slots__ = ("_came", "_count", "_failed", "_pushed", "progress")

    def __init__(self, count: int, progress: int = 0) -> None:
        self._count = count
        self.progress = progress
        "The provisional status that the caller gets when a push is accepted; 0 for none."
        self._pushed: set[str] = set()
        self._came: set[str] = set()
        self._failed: set[str] = set()

    def pushed(self, key: str) -> None:
        """The provider has taken the push for that device."""
        self._pushed.add(key)

    def came(self, keys: Iterable[str]) -> None:
        """These phones have a branch now. Only those that were pushed count: a desk phone is not the one awaited."""
        self._came.update(keys)

    def failed(self, key: str) -> None:
        """That device cannot be woken for this call."""
        self._failed.add(key)

    def expects(self, key: str) -> bool:
        """Whether that device was pushed and has not come."""
        return key in self._pushed and key not in self._came

    @property
    def is_complete(self) -> bool:
        """Whether every device has come or failed."""
        return len(self._failed | (self._pushed & self._came)) >= self._count


async def push_ended(event: Event, transaction: TransactionRef) -> None:
    """The notification route of the E_PUSH_* events that say what came of a push, armed by `wake`."""
    awaited = transaction.awaited
    if awaited is None:
        return
    if event.name == E_PUSH_TOKEN_INVALID:
        awaited.failed(event.device)  # whatever call it came out with, or whether the phone said so itself
    elif event.call_uid != transaction.uid:
        return
    elif event.name == E_PUSH_SENT:
        awaited.pushed(event.device)
        if awaited.progress:
            transaction.progress(awaited.progress)
            awaited.progress = 0
    elif event.name == E_PUSH_SUPPRESSED:
        if event.why in HERE:
            awaited.pushed(event.device)
            awaited.came((event.device,))
        elif event.why in UNDER_WAY:
            awaited.pushed(event.device)
        else:
            arrivals = (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE)
            await transaction.wait_for_event(arrivals, {"aor": event.aor}, SUPPRESSED_GRACE)
            awaited.failed(event.device)
    elif event.final:
        awaited.failed(event.device)
    transaction.end_hold_when_all_came()
