"""Which phone is this? The key of a binding, and which older bindings a contact stands for.

In this order:

1. its instance id, with reg-id where it has one (RFC 5626 §6): addresses change, it does not;
2. its push token: an app that was woken has a new port, not a new token;
3. its Contact URI, compared by RFC 3261 §19.1.4. Phones of one AoR behind two NATs may have the same private address, so
   where an instance id tells one of them, URIs are only the same when they come from the same host.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from sipcore.contract.flow import Flow
from sipcore.contract.location import Binding
from sipcore.errors import MalformedMessage
from sipcore.syntax import parse_uri, uris_equal

from .contacts import Contact

__all__ = ["find_binding", "is_superseded", "key_for"]


def key_for(wanted: Contact, old: Binding | None, bindings: Mapping[str, Binding], claimed: Container[str]) -> str:
    """Choose the key of a new binding: that of the old one where it still fits, else one that is free.

    A phone that registers two contacts at once gets `…#2` for the second.
    """
    key, by_uri = wanted.key, wanted.is_known_by_uri
    if old is not None and old.key not in claimed:
        fits = old.key == key or old.key.startswith(key + "#") or (by_uri and _is_known_by_uri(old))
        if fits:
            return old.key
    free, number = key, 1
    while free in claimed or (by_uri and free in bindings and bindings[free] is not old):
        number += 1
        free = f"{key}#{number}"
    return free


def find_binding(
    wanted: Contact, current: Sequence[Binding], claimed: Container[str], flow: Flow, *, to_remove: bool = False
) -> Binding | None:
    """Find the binding that this contact refreshes or, `to_remove`, ends. Those in `claimed` belong to other contacts.

    A contact that is to go may be named by its URI alone, whatever it was registered with.
    """
    instance_id, push = wanted.instance_id, wanted.push
    found = None
    if instance_id or push is not None:
        for binding in current:
            if binding.key in claimed:
                continue
            if instance_id:
                same = binding.instance_id == instance_id and binding.reg_id == wanted.reg_id
            else:
                same = not binding.instance_id and binding.push == push
            if same:
                if binding.contact == wanted.contact:
                    return binding
                found = binding if found is None else found
        if found is not None or not to_remove:
            return found
    for binding in current:
        if binding.key in claimed:
            continue
        if binding.contact == wanted.contact and _may_be_the_same(binding, wanted, flow):
            return binding
        if found is None and _is_same_address(binding, wanted, flow):
            found = binding
    return found


def is_superseded(binding: Binding, wanted: Contact, flow: Flow, call_id: str, cseq: int, *, alone: bool) -> bool:
    """Whether an older binding is a leftover of the phone that registers now.

    Its other address, its address before it got a new instance id, or the connection it had before: a REGISTER that comes
    with the same Call-ID over another flow is a phone that moved (RFC 3261 §10.2: one Call-ID for all registrations of
    a UA). A dead leftover would delay every final response. `alone`: the REGISTER has this one contact.
    """
    if wanted.instance_id and binding.instance_id == wanted.instance_id:
        return binding.reg_id == wanted.reg_id or not binding.reg_id or not wanted.reg_id
    if _is_same_address(binding, wanted, flow):
        return True
    return (
        alone
        and binding.call_id == call_id
        and binding.cseq < cseq
        and not binding.instance_id
        and not wanted.instance_id
        and binding.flow != flow
        and _user(binding.contact) == _user(wanted.contact)
    )


def _is_known_by_uri(binding: Binding) -> bool:
    return not binding.instance_id and binding.push is None


def _may_be_the_same(binding: Binding, wanted: Contact, flow: Flow) -> bool:
    return binding.host == flow.host or not (binding.instance_id or wanted.instance_id)


def _is_same_address(binding: Binding, wanted: Contact, flow: Flow) -> bool:
    if not _may_be_the_same(binding, wanted, flow):
        return False
    if binding.contact == wanted.contact:
        return True
    try:
        return uris_equal(parse_uri(binding.contact), parse_uri(wanted.contact))
    except MalformedMessage:
        return False


def _user(uri: str) -> str:
    try:
        return parse_uri(uri).user
    except MalformedMessage:
        return uri
