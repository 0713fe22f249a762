"""Waking phones up: which devices of a subscriber, once each, all at the same time, and what came of it as events.

Every device that is not refused ends in exactly one event that says how: E_PUSH_SENT, E_PUSH_FAILED with `final`, or E_PUSH_SUPPRESSED. The
call waits on those, so a device without one would be waited for in vain.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence

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

__all__ = ["is_waiting", "test_device", "wake"]

log = logging.getLogger(__name__)

WAITING = frozenset({"setup", "waking", "ringing"})
TEST_SECONDS = 30.0


def wake(
    aor: str,
    *,
    call_uid: str,
    call_id: str,
    caller: str,
    caller_name: str,
    deadline: float,
    skip: Collection[str] = (),
) -> None:
    """Push every device of `aor`, but those whose phone rings already, unless the call is over by then."""
    usable = _usable_devices(aor)
    if not usable:
        raise_event(E_PUSH_SUPPRESSED, aor=aor, device="", provider="", why="no-device", call_uid=call_uid)
    devices = []
    for device in usable:
        if device.handle in skip:
            _suppressed(aor, device, "ringing", call_uid)
        else:
            devices.append(device)
    if not is_waiting(call_uid):
        for device in devices:
            _suppressed(aor, device, "call-over", call_uid)
        return
    words = {"aor": aor, "call_uid": call_uid, "call_id": call_id, "caller": caller, "caller_name": caller_name}
    _push(devices, words, kind="call", deadline=deadline, is_wanted=lambda: is_waiting(call_uid))


def test_device(device: PushDevice) -> None:
    """Push one device without a call; its REGISTER raises E_PUSH_WOKE with the time it took."""
    words = {"aor": device.subscriber.aor, "call_uid": "", "call_id": "", "caller": "", "caller_name": "Test"}
    _push([device], words, kind="test", deadline=time.time() + TEST_SECONDS, is_wanted=lambda: True)


def is_waiting(call_uid: str) -> bool:
    """Whether the call is on the board and nobody has answered it. Without the board nothing may be assumed."""
    try:
        text = store().hget(keys.CALLS, call_uid)
        return text is not None and from_json(CallState, text).state in WAITING
    except (StoreError, ValueError) as error:
        log.warning("[%s] not to be found on the board: %s", call_uid, error)
        return False


def _usable_devices(aor: str) -> list[PushDevice]:
    username, domain = split_aor(aor)
    owned = PushDevice.objects.filter(
        subscriber__username=username, subscriber__domain=domain, subscriber__enabled=True
    )
    return list(owned.exclude(state=PushDevice.State.REFUSED).order_by("pk"))


def _push(
    devices: Sequence[PushDevice],
    words: dict[str, str],
    *,
    kind: str,
    deadline: float,
    is_wanted: Callable[[], bool],
) -> None:
    aor, call_uid = words["aor"], words["call_uid"]
    parcels: list[tuple[Recipient, Wakeup]] = []
    sent: list[Claim] = []
    for claim in ledger.claim(devices, call_uid=call_uid, kind=kind):
        if claim.attempt is None:
            _suppressed(aor, claim.device, claim.why, call_uid)
            continue
        recipient = _recipient(claim.device)
        if isinstance(recipient, PushResult):
            _ended(aor, claim, Outcome(recipient), kind, call_uid)
            continue
        push_id = str(claim.attempt.push_id)
        parcels.append((recipient, Wakeup(push_id, kind, **words, sent_at=time.time(), deadline=deadline)))
        sent.append(claim)
    outcomes = sender().send(parcels, is_wanted=is_wanted) if parcels else ()
    for claim, outcome in zip(sent, outcomes, strict=True):
        _ended(aor, claim, outcome, kind, call_uid)


def _recipient(device: PushDevice) -> Recipient | PushResult:
    """Where to send to, or the failure that stands in the way of it."""
    if not sender().knows(device.provider):
        return PushResult(reason=f"provider {device.provider} is not configured")
    try:
        return Recipient(device.handle, device.provider, device.param, device.token, device.platform)
    except Unreadable:
        return PushResult(reason="token was stored under another SECRET_KEY")


def _ended(aor: str, claim: Claim, outcome: Outcome, kind: str, call_uid: str) -> None:
    """Keep and tell what came of one push."""
    device, result = claim.device, outcome.result
    ledger.complete(claim, outcome)
    about = {"aor": aor, "device": device.handle, "provider": device.provider}
    if outcome.suppressed:
        _suppressed(aor, device, outcome.suppressed, call_uid)
    elif result.accepted:
        told = {"kind": kind, "status": result.status, "ms": result.ms}
        raise_event(E_PUSH_SENT, **about, **told, call_uid=call_uid)
    else:
        told = {"kind": kind, "status": result.status, "ms": result.ms, "provider_reason": result.reason}
        raise_event(E_PUSH_FAILED, **about, **told, final=True, call_uid=call_uid)
        if result.token_invalid:
            raise_event(E_PUSH_TOKEN_INVALID, **about, reason=result.reason, call_uid=call_uid)
    log.info("[%s] push %s: %s", call_uid or kind, device, outcome.suppressed or result.reason or result.status)


def _suppressed(aor: str, device: PushDevice, why: str, call_uid: str) -> None:
    raise_event(E_PUSH_SUPPRESSED, aor=aor, device=device.handle, provider=device.provider, why=why, call_uid=call_uid)
