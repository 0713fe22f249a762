"""The words about phones that are asleep: `wake`, what the caller hears meanwhile, and who came too late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..contract.directory import SubscriberRecord
from ..contract.events import (
    E_PUSH_FAILED,
    E_PUSH_REQUESTED,
    E_PUSH_SENT,
    E_PUSH_SUPPRESSED,
    E_PUSH_TOKEN_INVALID,
    E_UL_CONTACT_REFRESH,
)
from ..contract.jobs import SEND_WAKEUP, Job
from ..contract.location import Binding
from .contact_events import contact_attributes, no_contact_attributes
from .late_phones import LatePhones, cause_of_end
from .request_words import RequestWords
from .waking import AwaitedDevices, push_ended

if TYPE_CHECKING:
    from ..proxy.events import FinalSent

__all__ = ["WakeWords"]


class WakeWords(RequestWords):
    """Of a request that may have to wait for phones."""

    __slots__ = ()

    def progress(self, status: int, reason: str | None = None) -> None:
        """Send the caller a provisional response of our own, unless a phone has rung already: it knows better.

        Nor to a caller who insists on reliable ones (RFC 3262), for there is no dialog that his PRACK could go to.
        """
        context = self.handle.context
        if context is not None and context.has_rung:
            return
        if self.method == "INVITE" and "100rel" not in self.request.values("require"):
            self.reply(status, reason)

    async def wake(self, callee: SubscriberRecord, phones: Sequence[Binding] = ()) -> None:
        """Have a push sent to every push device of the callee; the phone answers by registering.

        What is waited for is a call, or with any other method a message, which must not be shown as a call.

        `phones` are those rung already: their devices are pushed only if they do not ring within a moment, since a
        connection may look alive when its phone is not. The job leaves once the call is on the board, where whoever
        pushes looks whether it is still wanted. With `PBX_HOLD=auto` the hold ends as soon as every device
        has come or has failed for good. What the caller hears meanwhile is set by `PBX_WAITING`.
        """
        env = self._environment
        if self.handle.is_cancelled or self.handle.is_final:
            return
        epoch = env.epoch()
        is_call = self.method == "INVITE"
        kind = "call" if is_call else "message"
        seconds = self.settings.wake_seconds if is_call else env.core.limits.non_invite_hold_seconds
        deadline = epoch + seconds
        waiting = self.settings.waiting
        if waiting == "auto":
            waiting = "100" if phones else "180"
        self.awaited = AwaitedDevices(callee.push_devices, progress=180 if waiting == "180" else 0)
        if waiting in ("182", "183"):
            self.progress(int(waiting), "Push Sent" if waiting == "182" else None)
        outcomes = (E_PUSH_SENT, E_PUSH_FAILED, E_PUSH_SUPPRESSED, E_PUSH_TOKEN_INVALID)
        await self.notify_on_event(outcomes, {"aor": callee.aor}, push_ended, seconds)
        details = {
            "aor": callee.aor,
            "kind": kind,
            "call_uid": self.uid,
            "call_id": self.call_id,
            "caller": self.caller.aor if self.caller else self.request.from_.uri_text,
            "caller_name": self.from_name or (self.caller.display_name if self.caller else ""),
            "media": _media_of(self.request.body) if is_call else "",
            "deadline": deadline,
            "bound": [key for phone in phones if (key := phone.key)],
            "worker": env.worker,
        }
        details["cause_id"] = self._tell_wanted(callee.aor, kind, [phone for phone in phones if phone.push], epoch)
        job = Job(SEND_WAKEUP, details, expires_at=deadline)
        if env.tracker.waking(self.handle, callee.push_devices, epoch):
            env.board.when_shown(self.call_uid, lambda: env.jobs.submit(job))
        else:
            env.jobs.submit(job)
        env.touched()

    def _tell_wanted(self, aor: str, kind: str, phones: Sequence[Binding], epoch: float) -> str:
        """E_PUSH_REQUESTED, and OpenSIPS's word for it: one for each phone that is bound, or for the AoR when none is.

        Returns the id of the first, which is what leads to all that is said about these pushes.
        """
        tell, uid, tx = self._environment.routing.tell, self.uid, self.handle.id
        about = {"aor": aor, "kind": kind}
        requested = self._environment.routing.raise_event(E_PUSH_REQUESTED, about, call_uid=uid, cause_id=tx)
        why = {"reason": f"ini-{self.method}", "method": self.method, "req_callid": self.call_id}
        for phone in phones:
            tell(E_UL_CONTACT_REFRESH, {**contact_attributes(phone, epoch), **why}, call_uid=uid, cause_id=tx)
        if not phones:
            tell(E_UL_CONTACT_REFRESH, {**no_contact_attributes(aor), **why}, call_uid=uid, cause_id=tx)
        return requested.id

    def ended(self, final: FinalSent) -> None:
        """The final response has been sent: phones that were pushed for it and come too late are shown how it ended."""
        if self.awaited is not None and self.callee is not None:  # a call: a message that came too late is lost
            LatePhones(self._environment, self.handle, self.awaited, cause_of_end(final)).wait(self.callee.aor)


def _media_of(offer: bytes) -> str:
    """What a call is to be shown as, by its SDP (RFC 4566 §5.14); empty when it brings no offer."""
    return next((kind for kind in ("video", "audio") if b"\nm=%b " % kind.encode() in offer), "")
