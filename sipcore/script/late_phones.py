"""What remains of a call that has ended, for phones that were pushed for it and have not come.

They may still be waking up, and each must be shown a call: the system of many phones distrusts an app that is pushed and
shows none. For a while every such phone that registers gets the INVITE and at once its CANCEL, with the reason that the
other phones were given. Whether a push was taken may be told after the end, when the caller was quick to give up.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..contract.events import E_PUSH_LATE, E_PUSH_SENT, E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE, Event
from ..errors import InvalidWord
from ..proxy.cause import ANSWERED_ELSEWHERE, DECLINED_ELSEWHERE, ENDED, NO_ANSWER, TAKEN, Cause
from ..proxy.events import FinalSent
from .phones import target_of

if TYPE_CHECKING:
    from ..proxy.request import ServerRequest
    from .environment import Environment
    from .waking import AwaitedDevices

__all__ = ["LATE_SECONDS", "LatePhones", "cause_of_end"]

LATE_SECONDS = 60.0
"How long after its end a call is shown to a phone that comes. A push that takes longer has been dropped by its provider."

log = logging.getLogger("sipcore.script")


class LatePhones:
    """The phones that may still come for one call that has ended. Its subscriptions are bound to it."""

    __slots__ = ("_awaited", "_cause", "_environment", "_handle")

    def __init__(self, environment: Environment, handle: ServerRequest, awaited: AwaitedDevices, cause: Cause) -> None:
        self._environment = environment
        self._handle = handle
        self._awaited = awaited
        self._cause = cause

    def wait(self, aor: str) -> None:
        """Watch the callee's phones for LATE_SECONDS, or until each one that was pushed has come."""
        if self._awaited.is_complete:
            return
        notify, call_uid = self._environment.routing.notify_on_event, self._handle.call_uid
        arrivals = (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE)
        try:
            notify(E_PUSH_SENT, {"aor": aor}, push_accepted_late, LATE_SECONDS, bound_to=self, call_uid=call_uid)
            notify(arrivals, {"aor": aor}, phone_came_late, LATE_SECONDS, bound_to=self, call_uid=call_uid)
        except InvalidWord as error:  # a limit: calls that live come first
            log.warning("[%s] late phones are not waited for: %s", self._handle.request.call_id, error)
            self._environment.routing.release(self, "tx-gone")

    def push_sent(self, event: Event) -> None:
        """A push for this call has been taken after all."""
        if event.call_uid == self._handle.call_uid:
            self._awaited.pushed(event.device)

    def phone_came(self, event: Event) -> None:
        """A phone has registered: show it the call if it was pushed for it and has not seen it."""
        environment, awaited = self._environment, self._awaited
        if not awaited.expects(event.key):
            return
        awaited.came((event.key,))
        target = target_of(event.binding, "event", environment.is_elsewhere)
        if environment.core.show_ended(self._handle, target, self._cause, now=environment.monotonic()):
            about = {"aor": event.aor, "device": event.key, "cause": self._cause.code}
            environment.routing.raise_event(E_PUSH_LATE, about, call_uid=self._handle.call_uid, cause_id=event.id)
        environment.touched()
        if awaited.is_complete:
            environment.routing.release(self, "tx-gone")


async def push_accepted_late(event: Event, late: LatePhones) -> None:
    late.push_sent(event)


async def phone_came_late(event: Event, late: LatePhones) -> None:
    late.phone_came(event)


def cause_of_end(final: FinalSent) -> Cause:
    """What phones that come too late are told about a call that has ended so.

    As its branches were: only a call that somebody took, or declined for all, is no missed one.
    """
    if final.origin == "cancel":
        return ENDED
    if final.status < 300:
        return TAKEN if final.branch is not None and final.branch.source == "pickup" else ANSWERED_ELSEWHERE
    return DECLINED_ELSEWHERE if final.status >= 600 else NO_ANSWER
