"""The response that the caller gets when no branch answered with 2xx (RFC 3261 §16.7 step 6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..syntax import Response
    from .branch import Branch

__all__ = ["Choice", "choose", "unavailable"]

NO_ANSWER = 19
SUBSCRIBER_ABSENT = 20
"Q.850 causes."

_REPAIRABLE = {401: 0, 407: 1, 415: 2, 420: 3, 484: 4}
"With these the caller can try again and do better, so they come first among 4xx (§16.7 step 6)."
_NOBODY_THERE = frozenset({408, 430, 487})
"""No phone has said anything about the call: it never answered, its flow is gone, or it ended what the caller has not
cancelled. None of the three reaches a caller; each becomes 480."""


class Choice(NamedTuple):
    """What to send to the caller."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    "To be added to the response."
    branch: Branch | None = None
    "Where it came from."
    response: Response | None = None
    "To be forwarded; None: make one with this status."


def choose(branches: Iterable[Branch], *, global_decline: bool, rang: bool, absent_cause: int) -> Choice:
    """Choose among the finals of `branches`; those that are excluded, or not failed, are left out.

    6xx wins where it is meant for all devices; else 3xx before 4xx before 6xx before 5xx, the lowest number first, the
    first branch among equals. What only says that nobody was there loses against everything but 503, and 503 speaks of
    the branch's server and not of ours (§16.7), so it becomes 500. `rang` and `absent_cause` explain a 480.
    """
    candidates = [branch for branch in branches if branch.state == "failed" and not branch.excluded]
    if not candidates:
        return unavailable(rang=rang, absent_cause=absent_cause)
    best = min(candidates, key=lambda branch: _rank(branch.last_code, global_decline))
    status = best.last_code
    if status in _NOBODY_THERE or status == 555 or best.response is None:
        return unavailable(rang=rang, absent_cause=absent_cause)._replace(branch=best)
    if status == 503:
        return Choice(500, branch=best)
    headers = _other_challenges(best, candidates) if status in (401, 407) else ()
    return Choice(status, headers, best, best.response)


def unavailable(*, rang: bool, absent_cause: int = SUBSCRIBER_ABSENT) -> Choice:
    """480 with the reason in words of the telephone network: nobody answered, or nobody was there."""
    return Choice(480, (("Reason", f"Q.850;cause={NO_ANSWER if rang else absent_cause}"),))


def _rank(status: int, global_decline: bool) -> int:
    if status in _NOBODY_THERE:
        return 8000
    if status >= 600:
        return status if global_decline else 4500 + status % 100
    if status >= 500:
        return 9000 if status == 503 else 5000 + status % 100
    if status >= 400:
        return 4000 + _REPAIRABLE.get(status, status % 100 + len(_REPAIRABLE))
    return 3000 + status % 100


def _other_challenges(best: Branch, candidates: Sequence[Branch]) -> tuple[tuple[str, str], ...]:
    """§16.7 step 7: the caller is to see the challenges of all branches, for he can answer them all at once."""
    return tuple(
        (name, value)
        for branch in candidates
        if branch is not best and branch.last_code in (401, 407) and branch.response is not None
        for name in ("WWW-Authenticate", "Proxy-Authenticate")
        for value in branch.response.headers(name)
    )
