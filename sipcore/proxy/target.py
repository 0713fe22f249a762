"""A target: one place where a request may be forwarded (RFC 3261 §16.5)."""

from __future__ import annotations

from msgspec import Struct

from ..contract.flow import Flow

__all__ = ["SOURCES", "Target"]

SOURCES = ("lookup", "event", "msg", "script", "pickup")


class Target(Struct, frozen=True):
    """One place where a request may be forwarded.

    A binding becomes a target by its contact and flow; making one is the script's business, for the core knows no
    bindings.
    """

    uri: str
    "The Request-URI of the branch, byte for byte (interop: phones register odd user parts and want them back)."
    flow: Flow
    "Where the branch is sent: for a phone the flow it registered over, whatever address its contact shows."
    key: str = ""
    "Which phone this is; two targets with one key are the same phone (see `dispatch.py`). Empty: the URI says so."
    aor: str = ""
    "The AoR the branch rings, for records and the dashboard."
    route: tuple[str, ...] = ()
    "Route values put in front: the Path of the binding, topmost first (RFC 3327)."
    source: str = "lookup"
    "One of SOURCES: why the branch exists."
    q: float = 1.0
    headers: tuple[tuple[str, str], ...] = ()
    "Headers added to this branch alone, such as `Answer-Mode`."
    device: str = ""
    "What the phone calls itself, for people."
    registered_at: float = 0.0
    "When this phone last registered. A phone whose branch timed out is tried again once for each later registration."

    behind: Flow | None = None
    "Where `flow` leads to another edge: the flow that the phone registered over there."
    cause: str = ""
    "Id of the event that brought it, for events about its branch."

    @property
    def device_key(self) -> str:
        """What says whether two targets are one phone."""
        return self.key or self.uri
