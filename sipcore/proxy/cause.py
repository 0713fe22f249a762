"""Why a branch is given up, and what its phone is told about it (RFC 3326).

A phone shows no missed call for a CANCEL with SIP;cause=200. So it is said when somebody else has the call, and never
when the caller gave up or nobody answered.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ANSWERED_ELSEWHERE", "DECLINED_ELSEWHERE", "ENDED", "NO_ANSWER", "PICKED_UP", "TAKEN", "Cause"]


class Cause(NamedTuple):
    """A reason to cancel a branch."""

    code: int
    "As in BranchCancelled."
    headers: tuple[tuple[str, str], ...] = ()
    "Reason headers of the CANCEL."


ANSWERED_ELSEWHERE = Cause(200, (("Reason", 'SIP;cause=200;text="Call completed elsewhere"'),))

TAKEN = Cause(200, (("Reason", 'SIP;cause=200;text="Call completed elsewhere"'), ("Reason", "Q.850;cause=26")))
"The picker has answered."

PICKED_UP = Cause(200, (("Reason", 'SIP;cause=200;text="Picked up"'), ("Reason", "Q.850;cause=26")))
"""The picker's phone rings and nobody has answered yet, so nothing is "completed". 200 all the same: a colleague has taken
the call over, and a missed call on the phone it was taken from would be wrong. Two headers, for phones that read one."""

DECLINED_ELSEWHERE = Cause(603, (("Reason", 'SIP;cause=603;text="Declined elsewhere"'),))

NO_ANSWER = Cause(480, (("Reason", 'SIP;cause=480;text="No answer"'),))

ENDED = Cause(487)
"Nothing to say: the phone shows a missed call, which it is."
