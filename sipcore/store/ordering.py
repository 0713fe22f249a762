"""Which bindings and calls are offered, and in what order; the same for every store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..contract.calls import CallState
from ..contract.location import Binding

__all__ = ["PICKABLE", "by_preference", "pickable", "unexpired"]

PICKABLE = frozenset({"setup", "waking", "ringing"})
"States in which a call can be picked up: it rings, or waits for a phone, asked to wake or not."

_TRIED = frozenset({"trying", "ringing"})


def by_preference(bindings: tuple[Binding, ...]) -> tuple[Binding, ...]:
    """Best q first (RFC 3261 §16.6), the one that registered last first among equals."""
    if len(bindings) < 2:
        return bindings
    return tuple(sorted(bindings, key=lambda binding: (-binding.q, -binding.refreshed_at)))


def unexpired(bindings: tuple[Binding, ...], epoch: float) -> tuple[Binding, ...]:
    """Leave out what has expired; the same tuple when nothing has."""
    for binding in bindings:
        if binding.expires_at <= epoch:
            return tuple(each for each in bindings if each.expires_at > epoch)
    return bindings


def pickable(calls: Iterable[CallState], groups: Sequence[str], aor: str) -> list[CallState]:
    """The calls that can be picked, oldest first.

    `groups` restricts to calls of one of these groups, `aor` to calls that ring it; both, when both are given. With
    neither there is nothing to pick.
    """
    wanted = frozenset(groups)
    if not wanted and not aor:
        return []
    found = [
        call
        for call in calls
        if call.state in PICKABLE
        and (not wanted or not wanted.isdisjoint(call.groups))
        and (not aor or _rings(call, aor))
    ]
    found.sort(key=lambda call: (call.ringing_at or call.started_at, call.uid))
    return found


def _rings(call: CallState, aor: str) -> bool:
    return call.callee == aor or any(branch.target == aor and branch.state in _TRIED for branch in call.branches)
