"""The event catalogue: every event that this product raises, with its attributes and their types.

Names and attributes of the `E_UL_*` events are OpenSIPS's; our own follow the same form. A filter may only name
attributes declared here; `index` names those by which subscriptions are looked up, so that an event costs the
subscriptions that wait for exactly it and not all there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec

from .records import Record

__all__ = ["CATALOGUE", "ENVELOPE", "OF_SUBSCRIPTIONS", "OURS", "Event", "EventType", "declare_event"]


@dataclass(frozen=True, slots=True)
class EventType:
    """A kind of event: its name and what each of its attributes is."""

    name: str
    attributes: Mapping[str, type]
    index: tuple[str, ...] = ()
    "Attributes with an exact-match index, most selective first."
    shown: bool = True
    """Whether people see it, on the feed and in the log. Handlers hear of every event; one that is not shown is only made
    when somebody waits for it."""
    frequent: bool = False
    """Whether calls and requests raise it by the handful, and none depends on it: subscriptions of other workers are looked for
    only while one is known to wait. Those that are not shown all are."""


class Event(Record, frozen=True):
    """One event that happened. `attributes` hold plain JSON values and are never changed."""

    id: str
    "Unique; sorts by time within a node."
    name: str
    ts: float
    "Epoch seconds."
    node: str
    "The worker that raised it."
    attributes: Mapping[str, Any] = msgspec.field(default_factory=dict)
    call_uid: str = ""
    cause_id: str = ""
    "Id of the event, or of the request (the attribute `tx` of others), that led to this one."
    depth: int = 1
    "1, and one more for each event whose handler led to this one."
    cursor: str = ""
    "Where it stands in the event log; empty for one that has not been read from there."

    def __getattr__(self, name: str) -> Any:
        """Attributes read like fields: `event.aor`."""
        try:
            return self.attributes[name]
        except KeyError:
            raise AttributeError(f"{self.name} has no attribute {name!r}") from None

    def __eq__(self, other: object) -> bool:
        """Wherever it stands in the log, it is the same event."""
        return _substance(self) == _substance(other) if isinstance(other, Event) else NotImplemented


_substance = attrgetter("id", "name", "ts", "node", "attributes", "call_uid", "cause_id", "depth")

ENVELOPE = ("call_uid", "cause_id", "node")
"What a filter may name of any event beside its attributes."

CATALOGUE: dict[str, EventType] = {}


def declare_event(
    name: str,
    shared: Mapping[str, type] | None = None,
    /,
    *,
    index: tuple[str, ...] = (),
    shown: bool = True,
    frequent: bool = False,
    **attributes: type,
) -> str:
    """Add an event to the catalogue and return its name. Declaring the same twice is fine; differently is not.

    `shared` are the attributes that it has in common with others of its family.
    """
    declared = EventType(name, {**(shared or {}), **attributes}, index, shown, frequent or not shown)
    if CATALOGUE.setdefault(name, declared) != declared:
        raise ValueError(f"{name} is already declared with other attributes")
    return name


# Registrations. Names and attributes are OpenSIPS's; what follows `shtag` is ours.

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
    "reg_id": int,
    "transport": str,
    "flow_id": str,
    "key": str,  # the binding's key: which phone
    "binding": dict,  # the whole Binding, so that a handler need not look it up
    "pn_provider": str,
    "pn_param": str,
    "pn_prid_hash": str,
    "replicated": bool,  # false: each event is raised once, by the worker where it happened
}

E_UL_AOR_INSERT = declare_event("E_UL_AOR_INSERT", index=("aor",), domain=str, aor=str)
E_UL_AOR_DELETE = declare_event("E_UL_AOR_DELETE", index=("aor",), domain=str, aor=str)
E_UL_CONTACT_INSERT = declare_event("E_UL_CONTACT_INSERT", _CONTACT, index=("aor",))
E_UL_CONTACT_UPDATE = declare_event("E_UL_CONTACT_UPDATE", _CONTACT, index=("aor",), old=dict)
E_UL_CONTACT_DELETE = declare_event("E_UL_CONTACT_DELETE", _CONTACT, index=("aor",), delete_reason=str)
E_UL_CONTACT_REFRESH = declare_event(
    "E_UL_CONTACT_REFRESH", _CONTACT, index=("aor",), reason=str, method=str, req_callid=str
)

# Authentication and transport.

E_AUTH_FAILURE = declare_event(
    "E_AUTH_FAILURE",
    index=("user",),
    user=str,
    realm=str,
    src_ip=str,
    src_port=int,
    method=str,
    reason=str,
    ua=str,
    count_1m=int,
)
E_AUTH_OK = declare_event("E_AUTH_OK", index=("user",), shown=False, user=str, src_ip=str, method=str, ua=str)
E_FLOW_OPEN = declare_event("E_FLOW_OPEN", shown=False, flow_id=str, transport=str, peer=str)
E_FLOW_CLOSED = declare_event("E_FLOW_CLOSED", shown=False, flow_id=str, transport=str, peer=str, reason=str, aors=list)

# Transactions.

E_TX_CREATED = declare_event(
    "E_TX_CREATED",
    index=("callid",),
    shown=False,
    tx=str,
    callid=str,
    method=str,
    from_uri=str,
    to_uri=str,
    src_ip=str,
)
E_TX_FINAL = declare_event(
    "E_TX_FINAL", index=("callid",), shown=False, tx=str, callid=str, method=str, code=int, reason=str, origin=str
)

# Calls.

E_CALL_STARTED = declare_event(
    "E_CALL_STARTED", index=("callee",), frequent=True, caller=str, callee=str, dialled=str, callid=str
)
E_CALL_RINGING = declare_event(
    "E_CALL_RINGING", index=("callee",), frequent=True, caller=str, callee=str, callid=str, groups=list, since=float
)
E_CALL_ANSWERED = declare_event(
    "E_CALL_ANSWERED",
    index=("callee",),
    frequent=True,
    caller=str,
    callee=str,
    callid=str,
    answered_by=str,
    ring_ms=int,
)
E_CALL_MISSED = declare_event(
    "E_CALL_MISSED",
    index=("callee",),
    frequent=True,
    caller=str,
    callee=str,
    callid=str,
    final=int,
    reason=str,
    ring_ms=int,
)
E_CALL_ENDED = declare_event(
    "E_CALL_ENDED",
    index=("callee",),
    frequent=True,
    caller=str,
    callee=str,
    callid=str,
    final=int,
    reason=str,
    answered_by=str,
    ring_ms=int,
    talk_ms=int,
)
E_DLG_STATE_CHANGED = declare_event(
    "E_DLG_STATE_CHANGED",
    index=("callid", "callee"),
    shown=False,
    id=str,
    callid=str,
    from_tag=str,
    to_tag=str,
    old_state=str,
    new_state=str,
    caller=str,
    callee=str,
    answered_by=str,
)

# Branches and holds.

_BRANCH = {"tx": str, "branch": str, "uri": str, "aor": str, "flow_id": str, "source": str}

E_BRANCH_ADDED = declare_event("E_BRANCH_ADDED", _BRANCH, frequent=True)
E_BRANCH_PROVISIONAL = declare_event("E_BRANCH_PROVISIONAL", _BRANCH, frequent=True, code=int)
E_BRANCH_FINAL = declare_event("E_BRANCH_FINAL", _BRANCH, frequent=True, code=int)
E_BRANCH_CANCELLED = declare_event("E_BRANCH_CANCELLED", _BRANCH, frequent=True, code=int, cancel_cause=int)
E_INJECT_REJECTED = declare_event("E_INJECT_REJECTED", frequent=True, tx=str, uri=str, aor=str, source=str, why=str)
E_WAIT_ARMED = declare_event("E_WAIT_ARMED", frequent=True, tx=str, seconds=float, branches=int, deadline=float)
E_WAIT_CLOSED = declare_event("E_WAIT_CLOSED", frequent=True, tx=str, why=str)

# Pickup.

E_CALL_PICKUP = declare_event(
    "E_CALL_PICKUP",
    index=("call", "group"),
    group=str,
    call=str,
    picker=str,
    picker_device=str,
    picker_callid=str,
    picker_tx=str,
    target=str,
    token=str,
    binding=dict,
)
E_CALL_PICKUP_CLAIMED = declare_event("E_CALL_PICKUP_CLAIMED", index=("picker",), picker=str, token=str)
E_CALL_PICKUP_DONE = declare_event("E_CALL_PICKUP_DONE", index=("picker",), picker=str, token=str)
E_CALL_PICKUP_FAILED = declare_event("E_CALL_PICKUP_FAILED", index=("picker",), picker=str, token=str, why=str)
E_CALL_PICKUP_LOST = declare_event("E_CALL_PICKUP_LOST", index=("picker",), picker=str, token=str, why=str)

# Push.

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
E_PUSH_PROVIDER_DOWN = declare_event("E_PUSH_PROVIDER_DOWN", provider=str)
E_PUSH_PROVIDER_UP = declare_event("E_PUSH_PROVIDER_UP", provider=str, seconds=int)

# Subscriptions. Every call begins and ends with some, which tells people nothing; so only a failure is shown. These events
# are not raised about subscriptions to one of themselves.

_SUB = {"sub": str, "event": str, "filter": str, "owner": str, "fires": int}

E_SUB_CREATED = declare_event("E_SUB_CREATED", _SUB, shown=False)
E_SUB_FIRED = declare_event("E_SUB_FIRED", _SUB, shown=False, latency_ms=float)
E_SUB_EXPIRED = declare_event("E_SUB_EXPIRED", _SUB, shown=False)
E_SUB_CANCELLED = declare_event("E_SUB_CANCELLED", _SUB, shown=False, why=str)
E_SUB_FAILED = declare_event("E_SUB_FAILED", _SUB, error=str, script=str, line=int)
OF_SUBSCRIPTIONS = frozenset({E_SUB_CREATED, E_SUB_FIRED, E_SUB_EXPIRED, E_SUB_CANCELLED, E_SUB_FAILED})

# Script, limits, workers.

E_SCRIPT_ERROR = declare_event("E_SCRIPT_ERROR", script=str, line=int, error=str)
E_LIMIT_HIT = declare_event("E_LIMIT_HIT", limit=str, value=int)
E_NODE_UP = declare_event("E_NODE_UP", worker=str)
E_NODE_DOWN = declare_event("E_NODE_DOWN", worker=str, why=str)

OURS = frozenset(CATALOGUE)
"The events declared here, as opposed to those of a script."

__all__ += list(CATALOGUE)
