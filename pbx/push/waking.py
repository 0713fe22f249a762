"""Waking phones up: which devices of a subscriber, once each, all at the same time, and what came of it as events.

Every device that is not refused ends in exactly one event that says how: E_PUSH_SENT, E_PUSH_FAILED with `final`, or E_PUSH_SUPPRESSED. The
call waits on those, so a device without one would be waited for in vain.

A phone with a binding is being rung already, but its connection may be dead without anybody having noticed: the commonest
cause of missed calls on mobiles. So it gets RING_SECONDS to show a sign of life, and a push if it shows none.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connection
from django.utils import timezone

from pbx.events import raise_event
from pbx.store import StoreError, store
from sipcore.contract import keys
from sipcore.contract.aor import split_aor
from sipcore.contract.calls import BranchState, CallState
from sipcore.contract.events import (
    CATALOGUE,
    E_PUSH_FAILED,
    E_PUSH_SENT,
    E_PUSH_SUPPRESSED,
    E_PUSH_TOKEN_INVALID,
    E_UL_CONTACT_REFRESH,
)
from sipcore.contract.records import from_json

from . import ledger
from .ledger import Claim
from .models import PushDevice
from .providers import PushResult, Recipient, Wakeup
from .sealing import Unreadable
from .sending import Outcome, Parcel, sender

__all__ = ["RING_SECONDS", "Occasion", "refresh", "rung_and_asleep", "test_device", "usable_devices", "wake"]

log = logging.getLogger(__name__)

WAITING = frozenset({"setup", "waking", "ringing"})
RING_SECONDS = 0.4  # that a phone has to ring, before its connection counts as dead (ringing takes 100 to 300 ms)
TEST_SECONDS = 30.0

# What a proxy answers for a phone that it does not reach, or that is somebody else by now; anything else is the phone's
# own word.
UNREACHED = frozenset({404, 408, 410, 430})


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why a subscriber's devices are woken up: what for, until when, and who is told what came of it."""

    aor: str
    deadline: float
    "Epoch seconds; nothing is sent from then on."
    kind: str = "call"
    "call; message, waiting without being on the board; dialog, a request within a call; refresh, for nobody; or test, without limit."
    call_uid: str = ""
    call_id: str = ""
    caller: str = ""
    caller_name: str = ""
    media: str = ""
    "audio or video, for a call."
    worker: str = ""
    "The worker whose call waits."
    cause_id: str = ""
    "The event that asked for it."

    def call(self) -> CallState | None:
        """The call as the board shows it; None when it is over, or the board away: then nothing may be assumed."""
        try:
            text = store().hget(keys.CALLS, self.call_uid)
            call = None if text is None else from_json(CallState, text)
        except (StoreError, ValueError) as error:
            log.warning("[%s] not to be found on the board: %s", self.call_uid, error)
            return None
        return call if call is not None and call.state in WAITING else None

    def obstacle(self, device: PushDevice) -> str:
        """Why this device is not to be pushed as things stand: expired, call-over, ringing or awake; empty when it is."""
        if self.kind != "test" and device.is_silent(timezone.now()):
            return "expired"
        if self.kind != "call":
            return ""
        call = self.call()
        if call is None:
            return "call-over"
        return next(filter(None, map(_sign_of_life, _branches_of(device, call))), "")

    def wakeup(self, push_id: str) -> Wakeup:
        """The payload of one push."""
        call = (self.aor, self.call_uid, self.call_id, self.caller, self.caller_name)
        times = (time.time(), self.deadline)
        return Wakeup(push_id, self.kind, *call, *times, media=self.media, node=self.worker)

    def tell(self, event: str, /, **attributes: Any) -> None:
        """Raise an event of this occasion."""
        raise_event(
            event, aor=self.aor, call_uid=self.call_uid, cause_id=self.cause_id, worker=self.worker, **attributes
        )

    def suppressed(self, device: PushDevice, why: str) -> None:
        """Tell that a device was not pushed."""
        self.tell(E_PUSH_SUPPRESSED, device=device.handle, provider=device.provider, why=why)


def rung_and_asleep(
    occasion: Occasion, bound: Collection[str], only: Collection[str] = ()
) -> tuple[list[PushDevice], list[PushDevice]]:
    """Tell the devices whose phone is being rung from those that have to be woken up.

    `bound` are the keys of the bindings that the call was forked to; a phone that has registered since is on the board.
    With `only`, keys as well, it is for these phones alone.
    """
    call = occasion.call()
    rung: list[PushDevice] = []
    asleep: list[PushDevice] = []
    for device in usable_devices(occasion.aor):
        if only and not any(map(device.is_behind, only)):
            continue
        is_rung = any(map(device.is_behind, bound)) or (call is not None and bool(_branches_of(device, call)))
        (rung if is_rung else asleep).append(device)
    if not (rung or asleep):
        occasion.tell(E_PUSH_SUPPRESSED, device="", provider="", why="no-device")
    return rung, asleep


def wake(occasion: Occasion, devices: Sequence[PushDevice]) -> None:
    """Push these devices, but those that need no push any more."""
    wanted = []
    for device in devices:
        if why := occasion.obstacle(device):
            occasion.suppressed(device, why)
        else:
            wanted.append(device)
    if wanted:
        _push(wanted, occasion)


def test_device(device: PushDevice) -> None:
    """Push one device without a call; its REGISTER raises E_PUSH_WOKE with the time it took."""
    deadline = time.time() + TEST_SECONDS
    _push([device], Occasion(device.subscriber.aor, deadline, kind="test", caller_name="Test"))


def refresh(device: PushDevice) -> None:
    """Push one device so that it registers again before its binding expires (RFC 8599 §4.1.3), and never after that."""
    aor, until = device.subscriber.aor, device.registered_until.timestamp()
    known = {
        "domain": "location",  # the table's name, as for the SIP side
        "aor": aor,
        "key": device.handle,
        "instance_id": device.instance_id,
        "expires": int(until),
        "expires_in": max(0, round(until - time.time())),
        "pn_provider": device.provider,
        "pn_param": device.param,
        "reason": "reg-refresh",
        "method": "REGISTER",
    }
    nothing = {name: kind() for name, kind in CATALOGUE[E_UL_CONTACT_REFRESH].attributes.items()}
    wanted = raise_event(E_UL_CONTACT_REFRESH, **(nothing | known))
    _push([device], Occasion(aor, until, kind="refresh", cause_id=wanted.id))


def usable_devices(aor: str) -> list[PushDevice]:
    """The devices of a subscriber that a call would try."""
    username, domain = split_aor(aor)
    owned = PushDevice.objects.filter(
        subscriber__username=username, subscriber__domain=domain, subscriber__enabled=True
    )
    return list(owned.exclude(state=PushDevice.State.REFUSED).order_by("pk"))


def _branches_of(device: PushDevice, call: CallState) -> list[BranchState]:
    return [branch for branch in call.branches if branch.key and device.is_behind(branch.key)]


def _sign_of_life(branch: BranchState) -> str:
    """What a phone has let hear of itself in this call: ringing, awake when it has refused the call, or nothing."""
    if branch.state in ("ringing", "answered"):
        return "ringing"
    spoke = branch.state == "failed" and (300 <= branch.code < 500 or branch.code >= 600)
    return "awake" if spoke and branch.code not in UNREACHED else ""


def _push(devices: Sequence[PushDevice], occasion: Occasion) -> None:
    parcels: list[Parcel] = []
    claims: list[Claim] = []
    for claim in ledger.claim(devices, call_uid=occasion.call_uid, kind=occasion.kind):
        if claim.attempt is None:
            occasion.suppressed(claim.device, claim.why)
            continue
        recipient = _recipient(claim.device)
        if isinstance(recipient, PushResult):
            _ended(claim, Outcome(recipient), occasion)
            continue
        wakeup = occasion.wakeup(str(claim.attempt.push_id))
        parcels.append(Parcel(recipient, wakeup, partial(occasion.obstacle, claim.device)))
        claims.append(claim)
    _give_connection_back()
    for number, outcome in sender().send(parcels):
        _ended(claims[number], outcome, occasion)


def _give_connection_back() -> None:
    """Let others have this thread's connection to Postgres while a provider takes its time: there are fewer than threads."""
    if not connection.in_atomic_block:
        connection.close()


def _recipient(device: PushDevice) -> Recipient | PushResult:
    """Where to send to, or the failure that stands in the way of it."""
    if not sender().knows(device.provider):
        return PushResult(reason=f"not-configured: {device.provider}")
    if not device.has_token:
        return PushResult(reason="no-token: it was dead, and was deleted")
    try:
        address = (device.handle, device.provider, device.param, device.token, device.platform)
        return Recipient(*address, device.keys)
    except Unreadable:
        return PushResult(reason="unreadable-token: stored under another SECRET_KEY")


def _ended(claim: Claim, outcome: Outcome, occasion: Occasion) -> None:
    """Keep and tell what came of one push."""
    device, result = claim.device, outcome.result
    if occasion.kind == "refresh" and result.permanent and not result.status:
        # The provider has no such push, so none was sent; nobody waits, and it is no fault of the device.
        outcome = Outcome(result, suppressed=result.reason)
    given_up = ledger.complete(claim, outcome)
    log.info(
        "[%s] push %s: %s",
        occasion.call_uid or occasion.kind,
        device,
        outcome.suppressed or result.reason or result.status,
    )
    if outcome.suppressed:
        occasion.suppressed(device, outcome.suppressed)
        return
    about = {"device": device.handle, "provider": device.provider}
    answer = {"kind": occasion.kind, "status": result.status, "ms": result.ms}
    if result.accepted:
        occasion.tell(E_PUSH_SENT, **about, **answer)
        return
    occasion.tell(E_PUSH_FAILED, **about, **answer, provider_reason=result.reason, final=True)
    if given_up:
        occasion.tell(E_PUSH_TOKEN_INVALID, **about, reason=result.reason)
