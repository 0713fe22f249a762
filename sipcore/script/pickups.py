"""Call pickup: claims on ringing calls, and their release whatever happens.

The picker's side claims, answers 480, waits for the ACK and raises E_CALL_PICKUP; the worker that owns the call rings
the picker's phone with it. Exactly one holds the claim of a call: it is one key in the store. It is short-lived,
so that a worker that dies holds nothing up; while the picker's phone rings, the board says who picks.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..contract.calls import CallState
from ..contract.events import (
    E_CALL_PICKUP,
    E_CALL_PICKUP_CLAIMED,
    E_CALL_PICKUP_DONE,
    E_CALL_PICKUP_FAILED,
    E_CALL_PICKUP_LOST,
    Event,
)
from ..contract.records import to_dict

if TYPE_CHECKING:
    from ..contract.location import Binding
    from ..proxy.request import ServerRequest
    from .environment import Environment
    from .request import RequestContext
    from .transaction import TransactionRef

__all__ = ["Claim", "Pickups"]

CLAIM_SECONDS = 5.0  # as long as a picker's phone has for its first sign
DIALS_PER_SECOND = 1.0  # per picker; a key held down must not sweep the board
MAX_REMEMBERED_DIALS = 4096


@dataclass(frozen=True, slots=True)
class Claim:
    """A ringing call that one picker has claimed, until he hands it over or its time is up."""

    call: CallState
    token: str
    phone: Binding | None
    "The phone that dialled; None when it said no address of its own."


class Pickups:
    """Claims on ringing calls of any worker, and the takeovers of this worker's own calls."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._pickers: dict[str, tuple[str, str]] = {}  # token -> picker and event, of takeovers under way here
        self._dialled: OrderedDict[str, float] = OrderedDict()
        self._waiting: dict[ServerRequest, asyncio.Future[bool]] = {}

    # The picker's side.

    async def claim(self, picker: RequestContext, groups: Sequence[str], ringing: str) -> Claim | None:
        """Claim the oldest call that may be picked; None when there is none, or the picker dials too fast."""
        env = self._environment
        aor = picker.caller.aor if picker.caller else ""
        if self._too_fast(aor):
            return None
        if not groups:
            self._raise(E_CALL_PICKUP_FAILED, "", aor, "", cause_id=picker.handle.id, why="not-allowed")
            return None
        phone = await picker.own_phone(aor)
        why = "none-ringing"
        for call in await env.board.ringing(groups, ringing):
            if call.caller == aor or call.picked_by or self._rings_already(call, phone):
                continue
            token = env.new_token()
            if await env.board.claim(call.uid, token, CLAIM_SECONDS):
                self._raise(E_CALL_PICKUP_CLAIMED, call.uid, aor, token, cause_id=picker.handle.id)
                return Claim(call, token, phone)
            why = "lost-race"
        self._raise(E_CALL_PICKUP_FAILED, "", aor, "", cause_id=picker.handle.id, why=why)
        return None

    async def hand_over(self, picker: RequestContext, claim: Claim) -> Event:
        """Raise the E_CALL_PICKUP of a claimed call, which names the call, the picker and his phone."""
        call, phone = claim.call, claim.phone
        aor = picker.caller.aor if picker.caller else ""
        allowed = picker.caller.may_pick if picker.caller else ()
        group = next((group for group in call.groups if group in allowed), "")
        attributes = {
            "group": group,
            "call": call.uid,
            "picker": aor,
            "picker_device": phone.key if phone else "",
            "picker_callid": picker.call_id,
            "picker_tx": picker.handle.id,
            "target": call.callee,
            "token": claim.token,
            "binding": to_dict(phone) if phone else {},
        }
        return self._environment.routing.raise_event(
            E_CALL_PICKUP, attributes, call_uid=call.uid, cause_id=picker.handle.id
        )

    async def acknowledged(self, picker: RequestContext, seconds: float) -> bool:
        """Wait for the ACK to the picker's final answer, at most `seconds`."""
        waiting = self._waiting[picker.handle] = asyncio.get_running_loop().create_future()
        try:
            done, _ = await asyncio.wait({waiting}, timeout=seconds)
            return bool(done)
        finally:
            self._waiting.pop(picker.handle, None)

    def ack_received(self, request: ServerRequest) -> None:
        """The ACK to a final answer of ours has come."""
        waiting = self._waiting.get(request)
        if waiting is not None and not waiting.done():
            waiting.set_result(True)

    # The owner's side.

    def take_over(self, call: TransactionRef, event: Event, cancel: str) -> bool:
        """Ring the picker's phone with this call. When nothing could be sent, the claim is released at once."""
        phones: list[Any] = [event.binding] if event.binding else []
        self._pickers[event.token] = (event.picker, event.id)
        started = call.inject_branches(phones, cancel=cancel, source="pickup", token=event.token)
        if not started:
            self.ended(call.call_uid, event.token, "failed")
        return started

    def ended(self, call_uid: str, token: str, outcome: str) -> None:
        """A takeover has ended: done, failed, lost, caller-gone or timeout. The claim is released."""
        env = self._environment
        picker, cause = self._pickers.pop(token, ("", ""))
        if not picker:
            return  # told already
        if outcome == "done":
            self._raise(E_CALL_PICKUP_DONE, call_uid, picker, token, cause)
        elif outcome in ("lost", "caller-gone"):
            why = "answered" if outcome == "lost" else outcome
            self._raise(E_CALL_PICKUP_LOST, call_uid, picker, token, cause, why=why)
        else:
            why = "unreachable" if outcome == "failed" else outcome
            self._raise(E_CALL_PICKUP_FAILED, call_uid, picker, token, cause, why=why)
        env.run(env.board.release(call_uid, token), "release claim")

    def _raise(self, name: str, call_uid: str, picker: str, token: str, cause_id: str = "", **more: Any) -> None:
        attributes = {"picker": picker, "token": token, **more}
        self._environment.routing.tell(name, attributes, call_uid=call_uid, cause_id=cause_id)

    def _rings_already(self, call: CallState, phone: Binding | None) -> bool:
        """Whether the picker's own phone is one of those that ring: he need only answer it."""
        return phone is not None and any(
            branch.contact == phone.contact and branch.state in ("trying", "ringing") for branch in call.branches
        )

    def _too_fast(self, aor: str) -> bool:
        now = self._environment.monotonic()
        last = self._dialled.pop(aor, None)
        too_fast = last is not None and now - last < 1.0 / DIALS_PER_SECOND
        self._dialled[aor] = last if too_fast and last is not None else now
        while len(self._dialled) > MAX_REMEMBERED_DIALS:
            self._dialled.popitem(last=False)
        return too_fast
