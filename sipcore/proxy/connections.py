"""The connections that something waits on, and those that are known to be gone (RFC 3261 §16.9, RFC 5626).

A branch over a closed connection fails now and not at timer B, and a binding that names one is not called: whoever
accepts a new connection at that address is somebody else, or nobody.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from ..contract.flow import Flow
    from .branch import Branch
    from .dialog_relay import DialogRelay
    from .originated import Originated
    from .request import ServerRequest

    Waiting: TypeAlias = Branch | DialogRelay | Originated | ServerRequest

__all__ = ["Connections"]


class Connections:
    """The connections of one core, by name. UDP has none."""

    __slots__ = ("_closed", "_limit", "_transports", "_waiting")

    def __init__(self, transports: Collection[str], limit: int) -> None:
        """`transports` are those that SIP is spoken over; so many closed connections are remembered as `limit` says."""
        self._transports = transports
        self._limit = limit
        self._closed: OrderedDict[str, None] = OrderedDict()
        self._waiting: dict[str, set[Waiting]] = {}

    def __len__(self) -> int:
        """How many something waits on."""
        return len(self._waiting)

    def is_reachable(self, flow: Flow) -> bool:
        """Whether something can be sent over a flow, as far as is known here."""
        return flow.transport in self._transports and flow.connection not in self._closed

    def watch(self, connection: str, waiting: Waiting) -> None:
        """Have `waiting` named when a connection closes."""
        self._waiting.setdefault(connection, set()).add(waiting)

    def unwatch(self, connection: str, waiting: Waiting) -> None:
        """No longer."""
        watching = self._waiting.get(connection)
        if watching is not None:
            watching.discard(waiting)
            if not watching:
                del self._waiting[connection]

    def close(self, connection: str) -> Collection[Waiting]:
        """One is gone: whom that concerns."""
        self._closed[connection] = None
        if len(self._closed) > self._limit:
            self._closed.popitem(last=False)
        return self._waiting.pop(connection, ())

    def beginning_with(self, prefix: str) -> list[str]:
        """The names, so beginning, of those that something waits on."""
        return [name for name in self._waiting if name.startswith(prefix)]
