"""A REGISTER and the current bindings -> what changes (RFC 3261 §10.3 steps 2, 6 and 7).

Everything is judged before anything is built: a REGISTER that is refused has changed nothing. Bindings that have expired
and were not swept yet are left to the sweeper, which knows the right words for it, unless their phone is back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sipcore.contract.flow import Flow
from sipcore.contract.location import Binding, BindingChanges
from sipcore.errors import RegisterRefused

from .contacts import Contact, grant
from .limits import MAX_PATH, Limits
from .matching import find_binding, is_superseded, key_for
from .push import PushReport
from .register import Register

__all__ = ["SUPPORTED", "apply_register", "push_keys_dropped", "push_report"]

SUPPORTED = ("path", "outbound")
"Option tags a phone may require of its registrar."


def apply_register(
    register: Register,
    aor: str,
    current: Sequence[Binding],
    *,
    limits: Limits,
    epoch: float,
    flow: Flow,
    worker: str,
    socket: str,
    push_providers: Collection[str] = (),
    edge: str = "",
) -> BindingChanges:
    """Return what the REGISTER does to the bindings of `aor`; whether its sender may, was decided before.

    `flow` is where it came from and where the phone will be reached, `socket` the listener that took it, `edge` where other
    nodes reach this one, `push_providers` those that are configured. Raises RegisterRefused, whose status and headers are the answer, and MalformedMessage.

    A REGISTER that has been seen (same Call-ID, same CSeq, same contact) changes nothing and is no error: it is a
    retransmission that came later than its transaction lived, or to another worker.
    """
    if required := register.option_tags("require"):
        _check_required(required)
    if not register.values:
        return BindingChanges(aor, tuple(current))
    if register.is_star:
        return _remove_all(register, aor, current, epoch)
    contacts = register.contacts
    granted = grant(contacts, register.asked, limits, push_providers)
    call_id, cseq, path, user_agent = register.call_id, register.cseq, register.path, register.user_agent
    if len(path) > MAX_PATH:
        raise RegisterRefused("Too Many Path Values", 400)

    alone = len(contacts) == 1
    if alone and _is_plain_refresh(contacts[0], granted[0], current):
        contact, bound = contacts[0], current[0]
        if _is_repeated(bound, contact, granted[0], call_id, cseq, epoch):
            return BindingChanges(aor, tuple(current))
        refreshed = Binding(
            aor,
            bound.key,
            contact.contact,
            epoch + granted[0],
            call_id,
            cseq,
            contact.q,
            contact.instance_id,
            contact.reg_id,
            path,
            flow.transport,
            flow.host,
            flow.port,
            flow.connection,
            worker,
            socket,
            user_agent,
            contact.methods,
            bound.registered_at if bound.expires_at > epoch else epoch,
            epoch,
            contact.push,
            edge,
        )
        return BindingChanges(aor, (refreshed,), (), (refreshed,))
    after = {binding.key: binding for binding in current}
    claimed: set[str] = set()
    reasons: set[str] = set()
    for contact, seconds in zip(contacts, granted, strict=True):
        old = find_binding(contact, current, claimed, flow, to_remove=not seconds)
        if old is not None and _is_repeated(old, contact, seconds, call_id, cseq, epoch):
            claimed.add(old.key)
            continue
        if not seconds:
            if old is not None:
                after.pop(old.key, None)
                reasons.add("unregister")
            continue
        key = key_for(contact, old, after, claimed)
        if old is not None and old.key != key and after.get(old.key) is old:
            del after[old.key]
            reasons.add("replaced")
        claimed.add(key)
        after[key] = Binding(
            aor,
            key,
            contact.contact,
            epoch + seconds,
            call_id,
            cseq,
            contact.q,
            contact.instance_id,
            contact.reg_id,
            path,
            flow.transport,
            flow.host,
            flow.port,
            flow.connection,
            worker,
            socket,
            user_agent,
            contact.methods,
            old.registered_at if old is not None and old.expires_at > epoch else epoch,
            epoch,
            contact.push,
            edge,
        )
        if len(after) > 1:
            for binding in current:
                if (
                    binding.key not in claimed
                    and binding.key in after
                    and is_superseded(binding, contact, flow, call_id, cseq, alone=alone)
                ):
                    del after[binding.key]
                    reasons.add("replaced")
    if len(after) > limits.max_bindings and _evict(after, claimed, limits.max_bindings, epoch):
        reasons.add("evicted")
    return _changes(aor, current, after, reasons)


def push_report(register: Register, bindings: Sequence[Binding] = ()) -> list[PushReport]:
    """Return the push tokens that a REGISTER carried, raw, for LEARN_PUSH_DEVICE.

    `bindings` are those of the answer; they give the keys, which differ from the contact's own only when a phone registers
    two contacts. Ask only for a REGISTER that was authenticated and accepted.
    """
    if not register.has_push:
        return []
    reports = []
    for contact in register.contacts:
        push = contact.push_request
        if contact.push is None or push is None or register.is_removal(contact):
            continue
        key, expires_at = contact.key, 0.0
        for binding in bindings:
            if binding.push == contact.push and binding.contact == contact.contact:
                key, expires_at = binding.key, binding.expires_at
        told = (push.provider, push.param, push.prid, contact.instance_id, expires_at, contact.offers_pnsreg)
        reports.append(PushReport(key, *told))
    return reports


def push_keys_dropped(register: Register, before: Sequence[Binding], changes: BindingChanges) -> tuple[str, ...]:
    """Return the keys of phones that this REGISTER says shall not be woken any more, for FORGET_PUSH_DEVICE.

    A phone that unregisters, that was replaced, or that registers again without the pn-* it had (RFC 8599 §4.1.4); also
    one that unregisters when its binding has expired already.
    """
    with_push = {binding.key for binding in changes.bindings if binding.push is not None}
    dropped = {binding.key for binding in before if binding.push is not None and binding.key not in with_push}
    if changes.removed_reason == "evicted":
        dropped -= {binding.key for binding in changes.removed}
    for contact in register.contacts:
        if register.is_removal(contact) and not contact.is_known_by_uri:
            dropped.add(contact.key)
    return tuple(sorted(dropped - with_push))


def _is_plain_refresh(contact: Contact, seconds: int, current: Sequence[Binding]) -> bool:
    """Whether the one contact of a REGISTER refreshes the one binding there is, and by every mark is the same phone.

    Most of what a registrar does is this. The general way comes to the same, and takes twice as long.
    """
    if len(current) != 1 or not seconds:
        return False
    old = current[0]
    return (
        old.key == contact.key
        and old.contact == contact.contact
        and old.instance_id == contact.instance_id
        and old.reg_id == contact.reg_id
        and old.push == contact.push
    )


def _check_required(tags: Sequence[str]) -> None:
    unknown = [tag for tag in tags if tag.lower() not in SUPPORTED]
    if unknown:
        # §10.3 step 2, §8.2.2.3
        raise RegisterRefused("Bad Extension", 420, [("Unsupported", ", ".join(unknown))])


def _remove_all(register: Register, aor: str, current: Sequence[Binding], epoch: float) -> BindingChanges:
    # §10.3 step 6: `*` stands alone and means removal, nothing else.
    if register.asked != 0:
        raise RegisterRefused("Contact: * Without Expires: 0", 400)
    for binding in current:
        if binding.call_id == register.call_id and binding.cseq >= register.cseq and binding.expires_at > epoch:
            raise RegisterRefused("REGISTER Out Of Order", 500)
    return BindingChanges(aor, (), removed=tuple(current))


def _is_repeated(old: Binding, contact: Contact, seconds: int, call_id: str, cseq: int, epoch: float) -> bool:
    """Whether this very contact was registered by this very REGISTER before; refuses one that was overtaken."""
    if old.call_id != call_id or cseq > old.cseq or old.expires_at <= epoch:
        return False
    if cseq == old.cseq and seconds and contact.contact == old.contact:
        return True
    # §10.3 step 7: "the request fails" means all of it; 500 since no code says "overtaken".
    raise RegisterRefused("REGISTER Out Of Order", 500)


def _evict(after: dict[str, Binding], claimed: Collection[str], room: int, epoch: float) -> bool:
    """Make room by dropping whoever was silent longest; nobody whom this REGISTER names, and no expired ones count."""
    living = [binding for binding in after.values() if binding.expires_at > epoch]
    surplus = len(living) - room
    if surplus <= 0:
        return False
    others = sorted((b for b in living if b.key not in claimed), key=lambda binding: binding.refreshed_at)
    for binding in others[:surplus]:
        del after[binding.key]
    return True


def _changes(
    aor: str, current: Sequence[Binding], after: dict[str, Binding], reasons: Collection[str]
) -> BindingChanges:
    if not reasons and len(after) == len(current):
        # The commonest by far: phones that refresh what they have.
        bindings = tuple(after.values())
        return BindingChanges(
            aor, bindings, updated=tuple(b for b, old in zip(bindings, current, strict=True) if b is not old)
        )
    before = {binding.key: binding for binding in current}
    inserted, updated = [], []
    for key, binding in after.items():
        old = before.get(key)
        if old is None:
            inserted.append(binding)
        elif old is not binding:
            updated.append(binding)
    removed = [binding for key, binding in before.items() if key not in after] if reasons else ()
    # One word for all: a mixture is very rare, and then the one is said that forgets least.
    reason = next((word for word in ("evicted", "replaced", "unregister") if word in reasons), "unregister")
    return BindingChanges(aor, tuple(after.values()), tuple(inserted), tuple(updated), tuple(removed), reason)
