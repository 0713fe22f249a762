"""Waking phones up: which devices of a subscriber, once each, all at the same time, and what came of it as events.

Every device that is not refused ends in exactly one event that says how: E_PUSH_SENT, E_PUSH_FAILED with `final`, or E_PUSH_SUPPRESSED. The
call waits on those, so a device without one would be waited for in vain.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pbx.events import raise_event
from pbx.store import StoreError, store
from sipcore.contract import keys
from sipcore.contract.aor import split_aor
from sipcore.contract.calls import CallState
from sipcore.contract.events import E_PUSH_FAILED, E_PUSH_SENT, E_PUSH_SUPPRESSED, E_PUSH_TOKEN_INVALID
from sipcore.contract.records import from_json

from . import ledger
from .ledger import Claim
from .models import PushDevice
from .providers import PushResult, Recipient, Wakeup
from .sealing import Unreadable
from .sending import Outcome, sender

__all__ = ["Occasion", "test_device", "wake"]

log = logging.getLogger(__name__)

WAITING = frozenset({"setup", "waking", "ringing"})
TEST_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why a subscriber's devices are woken up: what for, until when, and who is told what came of it."""

    aor: str
    deadline: float
    "Epoch seconds; nothing is sent from then on."
    kind: str = "call"
    "call, or test: without a call, without a limit."
    call_uid: str = ""
    call_id: str = ""
    caller: str = ""
    caller_name: str = ""
    worker: str = ""
    "The worker whose call waits."

    def is_wanted(self) -> bool:
        """Whether the call is on the board and nobody has answered it. Without the board nothing may be assumed."""
        if self.kind == "test":
            return True
        try:
            text = store().hget(keys.CALLS, self.call_uid)
            return text is not None and from_json(CallState, text).state in WAITING
        except (StoreError, ValueError) as error:
            log.warning("[%s] not to be found on the board: %s", self.call_uid, error)
            return False

    def wakeup(self, push_id: str) -> Wakeup:
        """The payload of one push."""
        call = (self.aor, self.call_uid, self.call_id, self.caller, self.caller_name)
        return Wakeup(push_id, self.kind, *call, sent_at=time.time(), deadline=self.deadline)

    def tell(self, event: str, /, **attributes: Any) -> None:
        """Raise an event of this occasion."""
        raise_event(event, aor=self.aor, call_uid=self.call_uid, worker=self.worker, **attributes)

    def suppressed(self, device: PushDevice, why: str) -> None:
        """Tell that a device was not pushed."""
        self.tell(E_PUSH_SUPPRESSED, device=device.handle, provider=device.provider, why=why)


def wake(occasion: Occasion, *, skip: Collection[str] = ()) -> None:
    """Push every device of the subscriber, but those whose phone rings already, unless the call is over by then."""
    usable = _usable_devices(occasion.aor)
    if not usable:
        occasion.tell(E_PUSH_SUPPRESSED, device="", provider="", why="no-device")
    for device in usable:
        if device.handle in skip:
            occasion.suppressed(device, "ringing")
    asleep = [device for device in usable if device.handle not in skip]
    if occasion.is_wanted():
        _push(asleep, occasion)
    else:
        for device in asleep:
            occasion.suppressed(device, "call-over")


def test_device(device: PushDevice) -> None:
    """Push one device without a call; its REGISTER raises E_PUSH_WOKE with the time it took."""
    deadline = time.time() + TEST_SECONDS
    _push([device], Occasion(device.subscriber.aor, deadline, kind="test", caller_name="Test"))


def _usable_devices(aor: str) -> list[PushDevice]:
    username, domain = split_aor(aor)
    owned = PushDevice.objects.filter(
        subscriber__username=username, subscriber__domain=domain, subscriber__enabled=True
    )
    return list(owned.exclude(state=PushDevice.State.REFUSED).order_by("pk"))


def _push(devices: Sequence[PushDevice], occasion: Occasion) -> None:
    parcels: list[tuple[Recipient, Wakeup]] = []
    claims: list[Claim] = []
    for claim in ledger.claim(devices, call_uid=occasion.call_uid, kind=occasion.kind):
        if claim.attempt is None:
            occasion.suppressed(claim.device, claim.why)
            continue
        recipient = _recipient(claim.device)
        if isinstance(recipient, PushResult):
            _ended(claim, Outcome(recipient), occasion)
            continue
        parcels.append((recipient, occasion.wakeup(str(claim.attempt.push_id))))
        claims.append(claim)
    for number, outcome in sender().send(parcels, is_wanted=occasion.is_wanted):
        _ended(claims[number], outcome, occasion)


def _recipient(device: PushDevice) -> Recipient | PushResult:
    """Where to send to, or the failure that stands in the way of it."""
    if not sender().knows(device.provider):
        return PushResult(reason=f"provider {device.provider} is not configured")
    try:
        return Recipient(device.handle, device.provider, device.param, device.token, device.platform)
    except Unreadable:
        return PushResult(reason="token was stored under another SECRET_KEY")


def _ended(claim: Claim, outcome: Outcome, occasion: Occasion) -> None:
    """Keep and tell what came of one push."""
    device, result = claim.device, outcome.result
    ledger.complete(claim, outcome)
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
    if result.token_invalid:
        occasion.tell(E_PUSH_TOKEN_INVALID, **about, reason=result.reason)
