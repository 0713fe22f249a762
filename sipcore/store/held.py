"""Which bindings this worker holds: by deadline for the sweeper, by connection for when one closes."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from ..contract.location import Binding

__all__ = ["HeldBindings"]

_NONE: frozenset[str] = frozenset()


class HeldBindings:
    """An index of AoRs only, so that it stays small and may outlive the bindings' place in a cache.

    One heap entry for each AoR at most: a refresh moves the deadline, and the entry moves when its old time comes.
    """

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._earliest: dict[str, float] = {}
        self._queued: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._over: dict[str, set[str]] = {}
        self._connections: dict[str, frozenset[str]] = {}

    def __len__(self) -> int:
        return len(self._earliest)

    def set(self, aor: str, bindings: Iterable[Binding]) -> None:
        """Note the bindings that an AoR now has."""
        earliest = 0.0
        connections: frozenset[str] = _NONE
        for binding in bindings:
            if binding.worker == self._worker:
                if not earliest or binding.expires_at < earliest:
                    earliest = binding.expires_at
                if binding.connection:
                    connections |= {binding.connection}
        if earliest:
            self._earliest[aor] = earliest
            queued = self._queued.get(aor)
            if queued is None or earliest < queued:
                self._queued[aor] = earliest
                heapq.heappush(self._heap, (earliest, aor))
        else:
            self._earliest.pop(aor, None)
        if connections is not _NONE or aor in self._connections:
            self._set_connections(aor, connections)

    def expired(self, epoch: float) -> list[str]:
        """The AoRs whose earliest binding has expired; the same again next time unless `set` says otherwise."""
        due: list[str] = []
        while self._heap and self._heap[0][0] <= epoch:
            when, aor = heapq.heappop(self._heap)
            if self._queued.get(aor) != when:
                continue  # an earlier entry has taken its place
            del self._queued[aor]
            earliest = self._earliest.get(aor)
            if earliest is None:
                continue
            if earliest <= epoch:
                due.append(aor)
            else:
                self._queued[aor] = earliest
                heapq.heappush(self._heap, (earliest, aor))
        for aor in due:
            self._queued[aor] = self._earliest[aor]
            heapq.heappush(self._heap, (self._earliest[aor], aor))
        return due

    def over(self, connection: str) -> tuple[str, ...]:
        """The AoRs with a binding over a connection."""
        return tuple(self._over.get(connection, ()))

    def _set_connections(self, aor: str, connections: frozenset[str]) -> None:
        before = self._connections.pop(aor, frozenset())
        if connections:
            self._connections[aor] = connections
        for gone in before - connections:
            aors = self._over[gone]
            aors.discard(aor)
            if not aors:
                del self._over[gone]
        for new in connections - before:
            self._over.setdefault(new, set()).add(aor)
