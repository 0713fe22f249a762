"""From a binding to a target: where, over which flow, and as which phone a branch goes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..contract.flow import Flow
from ..contract.location import Binding
from ..contract.records import from_dict
from ..errors import MalformedMessage
from ..proxy.target import Target
from ..syntax import Request, parse_uri

__all__ = ["Phone", "binding_of_request", "taking", "target_of", "targets_of"]

Phone = Binding | Target | Mapping[str, Any]
"What the words `fork` and `inject_branches` take: a binding, one out of an event, or a ready target."
Elsewhere = Callable[[str], bool]
"Whether an edge is another node's, as Environment.is_elsewhere."


def taking(bindings: Iterable[Binding], method: str, limit: int | None = None) -> tuple[Binding, ...]:
    """Those whose phone takes a method, at most `limit`; a phone that does not say takes every method (RFC 3840)."""
    fit = tuple(b for b in bindings if not (method and b.methods) or method in b.methods)
    return fit if limit is None else fit[:limit]


def targets_of(phones: Iterable[Phone], source: str, is_elsewhere: Elsewhere, cause: str = "") -> list[Target]:
    """Turn what the script names into targets. `source` says where the branch comes from: lookup, event, pickup …, and
    `cause` which event has led to it."""
    return [phone if isinstance(phone, Target) else target_of(phone, source, is_elsewhere, cause) for phone in phones]


def target_of(phone: Binding | Mapping[str, Any], source: str, is_elsewhere: Elsewhere, cause: str = "") -> Target:
    """The target that rings one binding. Its Request-URI is the registered contact, byte for byte.

    A phone of another node has its NAT's hole, or its connection, there, so it is called by way of that node.
    """
    binding = phone if isinstance(phone, Binding) else from_dict(Binding, phone)
    flow, behind = _flow_to(binding), None
    if is_elsewhere(binding.edge):
        host, _, port = binding.edge.rpartition(":")
        flow, behind = Flow("udp", host.strip("[]"), int(port)), flow
    return Target(
        uri=binding.contact,
        flow=flow,
        behind=behind,
        key=binding.key,
        aor=binding.aor,
        route=binding.path,
        source=source,
        q=binding.q,
        device=binding.user_agent or f"{binding.host}:{binding.port}",
        registered_at=binding.refreshed_at,
        cause=cause,
    )


def _flow_to(binding: Binding) -> Flow:
    """The flow that the phone registered over, which is the way back through a NAT (RFC 5626).

    Only where a phone over UDP names another port at the very address it sent from is the contact believed: that is
    a phone that sends from one port and listens on another, and behind a NAT the addresses would differ.
    """
    flow = binding.flow
    if flow.transport == "udp" and not binding.path and not binding.reg_id:
        try:
            uri = parse_uri(binding.contact)
        except MalformedMessage:
            return flow
        port = uri.port or 5060
        if uri.host == flow.host and port != flow.port:
            return Flow("udp", flow.host, port)
    return flow


def binding_of_request(request: Request, aor: str, flow: Flow, worker: str, edge: str, epoch: float) -> Binding | None:
    """The phone that sent this request, as if it had registered: for a picker who dials without a binding.

    None when the request names no Contact to reach it under.
    """
    contacts = request.contacts
    if not contacts:
        return None
    contact = contacts[0]
    return Binding(
        aor=aor,
        key=contact.parameters.get("+sip.instance") or contact.uri_text,
        contact=contact.uri_text,
        expires_at=epoch + 60.0,
        call_id=request.call_id,
        cseq=0,
        transport=flow.transport,
        host=flow.host,
        port=flow.port,
        connection=flow.connection,
        worker=worker,
        edge=edge,
        user_agent=request.header("user-agent") or "",
        registered_at=epoch,
        refreshed_at=epoch,
    )
