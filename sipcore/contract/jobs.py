"""Jobs that the SIP side hands to Celery: names and keyword arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "FORGET_PUSH_DEVICE",
    "LEARN_PUSH_DEVICE",
    "QUEUE_PUSH",
    "SEALED",
    "SEAL_INFO",
    "SEAL_NONCE",
    "SEND_WAKEUP",
    "Job",
]

QUEUE_PUSH = "push"

SEALED = "x25519:"
"""How an argument begins that was sealed for the web side, see `sipcore/sealing.py`; base64 follows, of the sender's public
key and what was encrypted. The key is that of X25519 and HKDF-SHA256, with both public keys as its salt."""
SEAL_INFO = b"pbx push token in a job"
SEAL_NONCE = b"\0" * 12

SEND_WAKEUP = "pbx.push.send_wakeup"
"""kwargs: aor, kind (call, message, or dialog for a request within a call), call_uid, call_id, caller, caller_name,
deadline (epoch seconds), bound (keys of the bindings that are being rung), only (keys of the phones that it is for; all,
when there are none), media (audio or video, of a call), worker (who asks). A call is on the board; nothing else is, and its `call_uid` names the request.
Ask every push device of `aor` to wake up and register, those behind a binding in `bound` only if its branch does not ring
within a moment; nothing is sent after `deadline`. Each device ends in one of E_PUSH_SENT, E_PUSH_FAILED with `final`,
E_PUSH_SUPPRESSED, which is said to the worker on its channel as well: {"op": "raised", "event": {...}}."""

LEARN_PUSH_DEVICE = "pbx.push.learn_device"
"""kwargs: aor, key (binding key), provider, param, prid, instance_id, user_agent, expires_at (of the binding, epoch seconds),
refreshes_itself (whether the phone refreshes without a push). A REGISTER carried RFC 8599 parameters; prid, the token, is
sealed on its way and goes to Postgres and nowhere else."""

FORGET_PUSH_DEVICE = "pbx.push.forget_device"
"kwargs: aor, key. The phone unregistered; it no longer wants to be woken."


@dataclass(frozen=True, slots=True)
class Job:
    """One task to run once; refused by the receiver after `expires_at`."""

    name: str
    kwargs: Mapping[str, Any] = field(repr=False)
    queue: str = QUEUE_PUSH
    expires_at: float = 0.0
    "Epoch seconds; 0: never."
    secrets: tuple[str, ...] = ()
    "Names of arguments that nobody may read on the way; sealed before they leave the worker."
