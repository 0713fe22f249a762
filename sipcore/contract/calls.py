"""Live calls on the board, and the record that remains of them.

A call starts with an INVITE out of dialog and ends with its final response or its BYE; it is one row, with a row for
each branch under it.
"""

from __future__ import annotations

from .records import Record

__all__ = ["BRANCH_STATES", "CALL_STATES", "BranchState", "CallRecord", "CallState"]

CALL_STATES = ("setup", "waking", "ringing", "answered", "ended")
BRANCH_STATES = ("trying", "ringing", "answered", "cancelled", "failed")


class BranchState(Record, frozen=True):
    """One branch of a call: one phone that was tried."""

    id: str
    target: str
    "AoR (or Request-URI when there is none) that the branch rings."
    contact: str
    device: str
    "What the phone calls itself (User-Agent), or its transport address."
    source: str
    "lookup, event, msg, script or pickup."
    state: str = "trying"
    code: int = 0
    "The last response code; 0 before the first."
    started_at: float = 0.0
    ended_at: float = 0.0
    key: str = ""
    "Key of the binding that it rings, by which a push device knows its phone; empty when it rings no binding."


class CallState(Record, frozen=True):
    """One call, as the dashboard shows it. Times are epoch seconds, 0 for not yet."""

    uid: str
    call_id: str
    caller: str
    "AoR of the caller, or his From URI."
    caller_name: str
    dialled: str
    "What the caller dialled: the user part of the Request-URI."
    callee: str
    "AoR of the subscriber that is called, or the Request-URI."
    state: str
    "One of CALL_STATES. Always written: the board is searched for it as bytes."
    groups: tuple[str, ...] = ()
    "Pickup groups in which this call can be picked."
    started_at: float = 0.0
    ringing_at: float = 0.0
    answered_at: float = 0.0
    ended_at: float = 0.0
    code: int = 0
    "The final response code of the INVITE; 0 while there is none."
    reason: str = ""
    "How it ended: answered, busy, declined, cancelled, no-answer, unreachable, failed, or lost (its worker died)."
    hangup_by: str = ""
    "caller or callee, once a BYE was seen."
    answered_by: str = ""
    "AoR of whoever answered."
    picked_by: str = ""
    "AoR of whoever picked the call up."
    waking: int = 0
    "How many sleeping devices have been asked to wake up."
    worker: str = ""
    branches: tuple[BranchState, ...] = ()


CallRecord = CallState
"A finished call; the same fields, kept in Postgres under its uid."
