"""Waking a phone for a request within a dialog (RFC 8599 §5.6.2): re-INVITE, BYE, and whatever else a call still sends.

The phone has let its connection go and sleeps, the call goes on. Who it is says the reference in the Request-URI together
with To; the push goes to that phone alone, and says that it is for no new call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..contract.events import (
    E_PUSH_REQUESTED,
    E_UL_CONTACT_INSERT,
    E_UL_CONTACT_REFRESH,
    E_UL_CONTACT_UPDATE,
    Event,
)
from ..contract.jobs import SEND_WAKEUP, Job
from ..errors import InvalidWord, MalformedMessage, StoreUnavailable
from .contact_events import contact_attributes
from .phones import target_of

if TYPE_CHECKING:
    from ..contract.location import Binding
    from ..proxy.dialog_relay import DialogRelay
    from ..registrar import Purrs
    from .environment import Environment

__all__ = ["DialogWaking"]


class DialogWaking:
    """The wake-ups of one worker for requests within dialogs."""

    def __init__(self, environment: Environment, purrs: Purrs) -> None:
        self._environment = environment
        self._purrs = purrs

    async def wake(self, relay: DialogRelay, purr: str) -> None:
        """Have the phone of a reference pushed, and send the request on when it has registered."""
        env = self._environment
        phone = await self._phone_of(relay, purr)
        if phone is None:
            self._go_on(relay, None)
            return
        seconds = env.core.limits.non_invite_hold_seconds
        arrivals = (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE)
        request = relay.request
        uid = env.new_id()
        try:
            env.routing.notify_on_event(
                arrivals, {"aor": phone.aor, "key": phone.key}, self._came, seconds, bound_to=relay, once=True
            )
        except InvalidWord:  # a limit: calls that are being set up come first
            self._go_on(relay, None)
            return
        await env.bus.subscribed()
        if env.is_connected(phone.flow):  # it came while this was written
            self._go_on(relay, phone)
            return
        deadline = env.epoch() + seconds
        details = {
            "aor": phone.aor,
            "kind": "dialog",
            "call_uid": uid,
            "call_id": request.call_id,
            "caller": request.from_.uri_text,
            "deadline": deadline,
            "only": [phone.key],
            "worker": env.worker,
        }
        env.routing.tell(E_PUSH_REQUESTED, {"aor": phone.aor, "kind": "dialog"}, call_uid=uid)
        why = {"reason": f"mid-{request.method}", "method": request.method, "req_callid": request.call_id}
        env.routing.tell(E_UL_CONTACT_REFRESH, {**contact_attributes(phone, env.epoch()), **why}, call_uid=uid)
        env.jobs.submit(Job(SEND_WAKEUP, details, expires_at=deadline))

    async def _phone_of(self, relay: DialogRelay, purr: str) -> Binding | None:
        env = self._environment
        try:
            aor = env.aor_of(relay.request.to)
            found = await env.location.lookup(aor) if aor else ()
        except (MalformedMessage, StoreUnavailable):
            return None
        return self._purrs.find(purr, found, env.epoch())

    async def _came(self, event: Event, relay: DialogRelay) -> None:
        self._go_on(relay, event.binding)

    def _go_on(self, relay: DialogRelay, phone: Binding | Mapping[str, Any] | None) -> None:
        env = self._environment
        target = None if phone is None else target_of(phone, "event", env.is_elsewhere)
        # A phone that comes to another node is reached by way of that one, for which this dialog has no route.
        relay.go_on(None if target is None or target.route else target.flow, env.monotonic())
        env.routing.release(relay, "gone")
        env.touched()
