"""The E_UL_* events that a change of bindings raises, in OpenSIPS's order and with its attributes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

from ..contract.events import (
    E_UL_AOR_DELETE,
    E_UL_AOR_INSERT,
    E_UL_CONTACT_DELETE,
    E_UL_CONTACT_INSERT,
    E_UL_CONTACT_UPDATE,
)
from ..contract.location import Binding, BindingChanges
from ..contract.records import to_dict

__all__ = ["are_mere_refreshes", "events_of"]

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


def events_of(changes: BindingChanges, epoch: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, attributes) of each event: AOR_INSERT before its first contact, AOR_DELETE after its last."""
    aor = changes.aor
    had_before = len(changes.bindings) - len(changes.inserted) + len(changes.removed)
    if changes.inserted and not had_before:
        yield E_UL_AOR_INSERT, {"domain": TABLE, "aor": aor}
    for binding in changes.inserted:
        yield E_UL_CONTACT_INSERT, _attributes(binding, epoch)
    for binding in changes.updated:
        yield E_UL_CONTACT_UPDATE, _attributes(binding, epoch)
    for binding in changes.removed:
        yield E_UL_CONTACT_DELETE, {**_attributes(binding, epoch), "delete_reason": changes.removed_reason}
    if changes.removed and not changes.bindings:
        yield E_UL_AOR_DELETE, {"domain": TABLE, "aor": aor}


def are_mere_refreshes(before: Sequence[Binding], changes: BindingChanges) -> bool:
    """Whether nothing has changed but how long the bindings live: phones that are where they were, as they were."""
    if changes.inserted or changes.removed or not changes.updated:
        return False
    if len(before) == 1 == len(changes.updated):
        old, binding = before[0], changes.updated[0]
        return old.key == binding.key and _lasting(old) == _lasting(binding)
    known = {binding.key: binding for binding in before}
    for binding in changes.updated:
        old = known.get(binding.key)
        if old is None or _lasting(old) != _lasting(binding):
            return False
    return True


def _attributes(binding: Binding, epoch: float) -> dict[str, Any]:
    push = binding.push
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
        "transport": binding.transport,
        "key": binding.key,
        "binding": to_dict(binding),
        "pn_provider": push.provider if push else "",
        "pn_prid_hash": push.prid_hash if push else "",
    }
