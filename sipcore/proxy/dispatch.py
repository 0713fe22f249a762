"""Whether a phone that shows up while its call is on gets an INVITE (after flexisip's table).

OpenSIPS sends one each time (#3471: two INVITEs, 482 or a double ring). Kamailio never sends a second one, so a phone
whose connection was dead stays silent for the rest of the call. The answer depends on what came of the first.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .branch import Branch
    from .target import Target

__all__ = ["Verdict", "dispatch"]

_UNREACHED = frozenset({408, 430, 503})


class Verdict(Enum):
    """What to do with a target."""

    START = "start"
    NUDGE = "nudge"
    "The same phone over the same flow, and nothing heard of it yet: it is awake now, so send the first INVITE again."
    REPLACE = "replace"
    "The same phone over another flow, and nothing heard of it yet: the first INVITE went where it no longer is."
    DUPLICATE = "duplicate"
    DECLINED = "declined"


def dispatch(earlier: Branch | None, target: Target, *, is_pickup: bool = False) -> Verdict:
    """Judge a target, `earlier` being the latest branch to the same phone.

    A picker asks for the call himself: only a branch that still rings at his phone speaks against it.
    """
    if earlier is None:
        return Verdict.START
    if earlier.is_live:
        if earlier.state != "trying":
            return Verdict.DUPLICATE
        known = earlier.target
        return Verdict.NUDGE if known.flow == target.flow and known.behind == target.behind else Verdict.REPLACE
    if is_pickup:
        return Verdict.START
    if earlier.state == "cancelled":
        reached_nobody = earlier.cancel_cause == 480  # by our ring timer
        otherwise = Verdict.DUPLICATE
    else:
        reached_nobody = earlier.last_code in _UNREACHED
        otherwise = Verdict.DUPLICATE if reached_nobody else Verdict.DECLINED
    if reached_nobody and target.registered_at > earlier.target.registered_at:
        return Verdict.START
    return otherwise
