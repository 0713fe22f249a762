"""The headers of the 200 to a REGISTER (RFC 3261 §10.3 step 8, RFC 3327 §5.3, RFC 5626 §6, RFC 8599 §5.3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from math import ceil

from sipcore.contract.location import Binding

from .contacts import Contact
from .limits import Limits
from .purr import Purrs
from .push import feature_caps
from .register import Register

__all__ = ["ok_headers"]

_SUPPORTED = ("Supported", "path, outbound")


def ok_headers(
    register: Register,
    bindings: Sequence[Binding],
    *,
    epoch: float,
    limits: Limits,
    push_providers: Collection[str] = (),
    vapid: str = "",
    purrs: Purrs | None = None,
) -> list[tuple[str, str]]:
    """Return all bindings that live, as Contact lines with what is left of their time, and what goes with them.

    A phone gets back its own contact as it sent it, pn-* included, when this REGISTER carried them; all other contacts
    come without, for they are other phones' (RFC 8599 §8). `push_providers` must be what `apply_register` was given;
    `vapid` is the public key for Web Push, and `purrs` makes the references for dialogs.
    """
    call_id = register.call_id
    contacts = _with_push(register) if register.has_push else ()
    as_sent = {contact.contact: contact.sent for contact in contacts} if contacts else None
    headers: list[tuple[str, str]] = []
    outbound = False
    for binding in bindings:
        left = ceil(binding.expires_at - epoch)
        if left <= 0:
            continue
        own = binding.call_id == call_id
        contact = as_sent.get(binding.contact, binding.contact) if as_sent and own else binding.contact
        value = f"<{contact}>;expires={left}"
        if binding.q != 1.0:
            value += f";q={binding.q:.3g}"
        if binding.instance_id:
            value += f';+sip.instance="<{binding.instance_id}>"'
            if binding.reg_id:
                value += f";reg-id={binding.reg_id}"
                outbound = outbound or (own and _is_outbound(register, binding))
        headers.append(("Contact", value))
    headers.append(("Date", _date(int(epoch))))
    if register.path:
        headers.extend(("Path", value) for value in register.path)
    headers.append(_SUPPORTED)
    if outbound:
        # RFC 5626 §6: says that requests come back over this flow, and lets the phone open a second one.
        headers.append(("Require", "outbound"))
    if contacts:
        references = _references(register, contacts, bindings, purrs, epoch) if purrs is not None else {}
        promises = _promises(register, contacts, limits, push_providers, vapid, references)
        headers.extend(("Feature-Caps", value) for value in promises)
    return headers


def _with_push(register: Register) -> Sequence[Contact]:
    """Contacts that carried pn-*."""
    return [contact for contact in register.contacts if contact.sent != contact.contact]


def _promises(
    register: Register,
    contacts: Sequence[Contact],
    limits: Limits,
    push_providers: Collection[str],
    vapid: str,
    references: Mapping[str, str],
) -> list[str]:
    """One promise for each provider with a token, or that was asked after; none where another proxy has promised."""
    if register.is_promised:
        return []
    promises: dict[str, str] = {}
    for contact in contacts:
        asked = contact.push_request
        if asked is None or register.is_removal(contact):
            continue
        if asked.provider:
            providers = [asked.provider] if asked.provider in push_providers else []
        else:
            providers = sorted(push_providers)
        for provider in providers:
            pnsreg = limits.pnsreg if contact.offers_pnsreg else 0
            purr = references.get(contact.contact, "") if asked.prid else ""
            promises.setdefault(provider, feature_caps(provider, pnsreg=pnsreg, vapid=vapid, purr=purr))
    return list(promises.values())


def _references(
    register: Register, contacts: Sequence[Contact], bindings: Sequence[Binding], purrs: Purrs, epoch: float
) -> dict[str, str]:
    """By contact, the references of this phone's bindings over connections: that a datagram reaches nobody is not seen."""
    own = {contact.contact for contact in contacts}
    return {
        binding.contact: purrs.make(binding.aor, binding.key, epoch)
        for binding in bindings
        if binding.connection
        and binding.push is not None
        and binding.contact in own
        and binding.call_id == register.call_id
    }


def _is_outbound(register: Register, binding: Binding) -> bool:
    """Whether the phone may count on RFC 5626: keep-alives are answered on streams, and the first edge must take part."""
    if "outbound" not in (tag.lower() for tag in register.option_tags("supported")):
        return False
    if binding.path:
        return ";ob" in binding.path[-1].lower()
    return binding.transport != "udp"


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC), usegmt=True)
