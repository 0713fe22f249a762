"""The E_UL_* events that a change of bindings raises, in OpenSIPS's order and with its attributes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ..contract.events import (
    CATALOGUE,
    E_UL_AOR_DELETE,
    E_UL_AOR_INSERT,
    E_UL_CONTACT_DELETE,
    E_UL_CONTACT_INSERT,
    E_UL_CONTACT_REFRESH,
    E_UL_CONTACT_UPDATE,
)
from ..contract.location import Binding, BindingChanges
from ..contract.records import to_dict

if TYPE_CHECKING:
    from ..ebr import EventRouting

__all__ = ["TABLE", "announce", "are_mere_refreshes", "contact_attributes", "events_of", "no_contact_attributes"]

TABLE = "location"
"The attribute `domain` of these events is, as in OpenSIPS, the name of the location table and not a SIP domain."

_lasting = attrgetter(
    "contact",
    "host",
    "port",
    "transport",
    "connection",
    "worker",
    "q",
    "path",
    "instance_id",
    "reg_id",
    "user_agent",
    "methods",
    "push",
    "registered_at",
)
"What a refresh leaves as it was."


def events_of(
    changes: BindingChanges, epoch: float, before: Sequence[Binding] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, attributes) of each event: AOR_INSERT before its first contact, AOR_DELETE after its last.

    `before` are the bindings as they were, from which UPDATE tells what has changed.
    """
    aor = changes.aor
    had_before = len(changes.bindings) - len(changes.inserted) + len(changes.removed)
    if changes.inserted and not had_before:
        yield E_UL_AOR_INSERT, {"domain": TABLE, "aor": aor}
    for binding in changes.inserted:
        yield E_UL_CONTACT_INSERT, contact_attributes(binding, epoch)
    for binding in changes.updated:
        attributes = contact_attributes(binding, epoch)
        old = next((each for each in before if each.key == binding.key), None)
        attributes["old"] = {} if old is None else _changed(contact_attributes(old, epoch), attributes)
        yield E_UL_CONTACT_UPDATE, attributes
    for binding in changes.removed:
        yield E_UL_CONTACT_DELETE, {**contact_attributes(binding, epoch), "delete_reason": changes.removed_reason}
    if changes.removed and not changes.bindings:
        yield E_UL_AOR_DELETE, {"domain": TABLE, "aor": aor}


def are_mere_refreshes(before: Sequence[Binding], changes: BindingChanges) -> bool:
    """Whether nothing has changed but how long the bindings live: phones that are where they were, as they were."""
    if changes.inserted or changes.removed or not changes.updated:
        return False
    if len(before) == 1 == len(changes.updated):
        first, binding = before[0], changes.updated[0]
        return first.key == binding.key and _lasting(first) == _lasting(binding)
    known = {binding.key: binding for binding in before}
    for binding in changes.updated:
        old = known.get(binding.key)
        if old is None or _lasting(old) != _lasting(binding):
            return False
    return True


def no_contact_attributes(aor: str) -> dict[str, Any]:
    """The same for an AoR without a binding: nothing is known of its phone."""
    kinds = CATALOGUE[E_UL_CONTACT_REFRESH].attributes
    return {key: kind() for key, kind in kinds.items()} | {"domain": TABLE, "aor": aor}


def _changed(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What had another value before, with that value; less what is said by the others."""
    return {key: value for key, value in old.items() if value != new[key] and key not in ("binding", "expires_in")}


def contact_attributes(binding: Binding, epoch: float) -> dict[str, Any]:
    """What all E_UL_CONTACT_* events say about a binding."""
    push, flow = binding.push, binding.flow
    return {
        "domain": TABLE,
        "aor": binding.aor,
        "uri": binding.contact,
        "received": f"sip:{binding.host}:{binding.port};transport={binding.transport}",
        "path": ", ".join(binding.path),
        "qval": round(binding.q * 10),
        "user_agent": binding.user_agent,
        "socket": binding.socket,
        "bflags": 0,
        "expires": int(binding.expires_at),
        "expires_in": max(0, round(binding.expires_at - epoch)),
        "callid": binding.call_id,
        "cseq": binding.cseq,
        "attr": "",
        "latency": 0,
        "shtag": "",
        "instance_id": binding.instance_id,
        "reg_id": binding.reg_id,
        "transport": binding.transport,
        "flow_id": flow.id,
        "key": binding.key,
        "binding": to_dict(binding),
        "pn_provider": push.provider if push else "",
        "pn_param": push.param if push else "",
        "pn_prid_hash": push.prid_hash if push else "",
        "replicated": False,
    }


def announce(
    routing: EventRouting,
    changes: BindingChanges,
    epoch: float,
    before: Sequence[Binding] = (),
    cause_id: str = "",
) -> None:
    """Raise the E_UL_* events of a change that has been stored; `before` are the bindings as they were, and `cause_id` says
    which request has changed them.

    Phones refresh what they have every few minutes, which is most of what a registrar does and tells nobody anything,
    unless a call waits for that very phone: it has woken up without having been missed.
    """

    def tell() -> None:
        for name, attributes in events_of(changes, epoch, before):
            routing.tell(name, attributes, cause_id=cause_id)

    if are_mere_refreshes(before, changes):
        routing.when_awaited(E_UL_CONTACT_UPDATE, {"aor": changes.aor}, tell)
    else:
        tell()
