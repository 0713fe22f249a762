"""The event catalogue: every event that this product raises, with its attributes and their types.

Names and attributes of the `E_UL_*` events are OpenSIPS's; our own follow the same form. A filter may only name
attributes declared here; `index` names those by which subscriptions are looked up, so that an event costs the
subscriptions that wait for exactly it and not all there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CATALOGUE", "Event", "EventType", "declare_event"]


@dataclass(frozen=True, slots=True)
class EventType:
    """A kind of event: its name and what each of its attributes is."""

    name: str
    attributes: Mapping[str, type]
    index: tuple[str, ...] = ()
    "Attributes with an exact-match index, most selective first."
    shown: bool = True
    "Whether people see it, on the feed and in the log. Handlers hear of every event."


@dataclass(frozen=True, slots=True)
class Event:
    """One event that happened. `attributes` hold plain JSON values and are never changed."""

    id: str
    "Unique; sorts by time within a node."
    name: str
    ts: float
    "Epoch seconds."
    node: str
    "The worker that raised it."
    attributes: Mapping[str, Any] = field(default_factory=dict)
    call_uid: str = ""
    cause_id: str = ""
    "Id of the event or request that led to this one."
    cursor: str = field(default="", compare=False)
    "Where it stands in the event log; empty for one that has not been read from there."

    def __getattr__(self, name: str) -> Any:
        """Attributes read like fields: `event.aor`."""
        try:
            return self.attributes[name]
        except KeyError:
            raise AttributeError(f"{self.name} has no attribute {name!r}") from None


CATALOGUE: dict[str, EventType] = {}


def declare_event(name: str, /, *, index: tuple[str, ...] = (), shown: bool = True, **attributes: type) -> str:
    """Add an event to the catalogue and return its name. Declaring the same twice is fine; differently is not."""
    declared = EventType(name, attributes, index, shown)
    if CATALOGUE.setdefault(name, declared) != declared:
        raise ValueError(f"{name} is already declared with other attributes")
    return name


_CONTACT = {
    "domain": str,  # the location table's name, as in OpenSIPS; the SIP domain is in the AoR
    "aor": str,
    "uri": str,
    "received": str,
    "path": str,
    "qval": int,  # 0..10
    "user_agent": str,
    "socket": str,
    "bflags": int,
    "expires": int,  # epoch seconds
    "expires_in": int,
    "callid": str,
    "cseq": int,
    "attr": str,
    "latency": int,
    "shtag": str,
    "instance_id": str,
    "transport": str,
    "key": str,  # the binding's key: which phone
    "binding": dict,  # the whole Binding, so that a handler need not look it up
    "pn_provider": str,
    "pn_prid_hash": str,
}

E_UL_AOR_INSERT = declare_event("E_UL_AOR_INSERT", index=("aor",), domain=str, aor=str)
E_UL_AOR_DELETE = declare_event("E_UL_AOR_DELETE", index=("aor",), domain=str, aor=str)
E_UL_CONTACT_INSERT = declare_event("E_UL_CONTACT_INSERT", index=("aor",), **_CONTACT)
E_UL_CONTACT_UPDATE = declare_event("E_UL_CONTACT_UPDATE", index=("aor",), **_CONTACT)
E_UL_CONTACT_DELETE = declare_event("E_UL_CONTACT_DELETE", index=("aor",), delete_reason=str, **_CONTACT)
E_UL_CONTACT_REFRESH = declare_event(
    "E_UL_CONTACT_REFRESH", index=("aor",), reason=str, method=str, req_callid=str, **_CONTACT
)

E_AUTH_FAILURE = declare_event(
    "E_AUTH_FAILURE", index=("user",), user=str, realm=str, src_ip=str, src_port=int, method=str, reason=str, ua=str
)

E_CALL_STARTED = declare_event("E_CALL_STARTED", index=("callee",), caller=str, callee=str, dialled=str, callid=str)
E_CALL_RINGING = declare_event("E_CALL_RINGING", index=("callee",), caller=str, callee=str, callid=str, groups=list)
E_CALL_ANSWERED = declare_event(
    "E_CALL_ANSWERED", index=("callee",), caller=str, callee=str, callid=str, answered_by=str, ring_ms=int
)
E_CALL_MISSED = declare_event(
    "E_CALL_MISSED", index=("callee",), caller=str, callee=str, callid=str, final=int, reason=str
)
E_CALL_ENDED = declare_event(
    "E_CALL_ENDED", index=("callee",), caller=str, callee=str, callid=str, final=int, reason=str, talk_ms=int
)

E_BRANCH_ADDED = declare_event("E_BRANCH_ADDED", branch=str, uri=str, aor=str, source=str)
E_BRANCH_PROVISIONAL = declare_event("E_BRANCH_PROVISIONAL", branch=str, uri=str, code=int)
E_BRANCH_FINAL = declare_event("E_BRANCH_FINAL", branch=str, uri=str, code=int)
E_BRANCH_CANCELLED = declare_event("E_BRANCH_CANCELLED", branch=str, uri=str, cancel_cause=int)
E_INJECT_REJECTED = declare_event("E_INJECT_REJECTED", uri=str, why=str)
E_WAIT_ARMED = declare_event("E_WAIT_ARMED", seconds=float, branches=int)
E_WAIT_CLOSED = declare_event("E_WAIT_CLOSED", why=str)

E_CALL_PICKUP = declare_event(
    "E_CALL_PICKUP",
    index=("call", "group"),
    group=str,
    call=str,
    picker=str,
    picker_device=str,
    picker_callid=str,
    target=str,
    token=str,
    binding=dict,
)
E_CALL_PICKUP_CLAIMED = declare_event("E_CALL_PICKUP_CLAIMED", index=("picker",), picker=str, token=str)
E_CALL_PICKUP_DONE = declare_event("E_CALL_PICKUP_DONE", index=("picker",), picker=str, token=str)
E_CALL_PICKUP_FAILED = declare_event("E_CALL_PICKUP_FAILED", index=("picker",), picker=str, token=str, why=str)
E_CALL_PICKUP_LOST = declare_event("E_CALL_PICKUP_LOST", index=("picker",), picker=str, token=str, why=str)

E_PUSH_REQUESTED = declare_event("E_PUSH_REQUESTED", index=("aor",), aor=str, kind=str)
E_PUSH_SENT = declare_event(
    "E_PUSH_SENT", index=("aor",), aor=str, device=str, provider=str, kind=str, status=int, ms=int
)
E_PUSH_FAILED = declare_event(
    "E_PUSH_FAILED",
    index=("aor",),
    aor=str,
    device=str,
    provider=str,
    kind=str,
    status=int,
    provider_reason=str,
    ms=int,
    final=bool,
)
E_PUSH_SUPPRESSED = declare_event("E_PUSH_SUPPRESSED", index=("aor",), aor=str, device=str, provider=str, why=str)
E_PUSH_WOKE = declare_event("E_PUSH_WOKE", index=("aor",), aor=str, device=str, ms=int)
E_PUSH_LATE = declare_event("E_PUSH_LATE", index=("aor",), aor=str, device=str, cause=int)
E_PUSH_TOKEN_INVALID = declare_event(
    "E_PUSH_TOKEN_INVALID", index=("aor",), aor=str, device=str, provider=str, reason=str
)

# Every call ends with one for each of its subscriptions, which tells people nothing.
E_SUB_CANCELLED = declare_event("E_SUB_CANCELLED", shown=False, sub=str, event=str, why=str)
E_SUB_FAILED = declare_event("E_SUB_FAILED", sub=str, event=str, error=str)
E_SCRIPT_ERROR = declare_event("E_SCRIPT_ERROR", script=str, line=int, error=str)
E_LIMIT_HIT = declare_event("E_LIMIT_HIT", limit=str, value=int)
E_NODE_UP = declare_event("E_NODE_UP", worker=str)
E_NODE_DOWN = declare_event("E_NODE_DOWN", worker=str, why=str)

__all__ += list(CATALOGUE)
