"""A phone that registers: REGISTER text as phones write it, and the bindings it gets."""

from __future__ import annotations

from sipcore.contract.flow import Flow
from sipcore.contract.location import Binding, BindingChanges
from sipcore.registrar import Limits, Register, apply_register
from sipcore.syntax import Request, parse_message

AOR = "bob@pbx.example"
EPOCH = 1_800_000_000.0
LIMITS = Limits()
FLOW = Flow("udp", "198.51.100.7", 40001)
INSTANCE = "urn:uuid:00000000-0000-1000-8000-aabbccddeeff"
OTHER_INSTANCE = "urn:uuid:11111111-0000-1000-8000-aabbccddeeff"


def register(*contacts: str, call_id: str = "call-1", cseq: int = 1, headers: tuple[str, ...] = ()) -> Request:
    """Build a REGISTER with these Contact values."""
    lines = [
        "REGISTER sip:pbx.example SIP/2.0",
        f"Via: SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bK{call_id}{cseq};rport",
        "Max-Forwards: 70",
        "From: <sip:bob@pbx.example>;tag=456248",
        "To: <sip:bob@pbx.example>",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} REGISTER",
        *(f"Contact: {contact}" for contact in contacts),
        *headers,
        "Content-Length: 0",
        "",
        "",
    ]
    request = parse_message("\r\n".join(lines).encode())
    assert isinstance(request, Request)
    return request


def apply(
    request: Request,
    current: tuple[Binding, ...] = (),
    *,
    limits: Limits = LIMITS,
    epoch: float = EPOCH,
    flow: Flow = FLOW,
    push_providers: tuple[str, ...] = (),
) -> BindingChanges:
    """Register with AOR at worker-a."""
    return apply_register(
        Register(request),
        AOR,
        current,
        limits=limits,
        epoch=epoch,
        flow=flow,
        worker="worker-a",
        socket="udp:203.0.113.1:5060",
        push_providers=push_providers,
    )


def bindings(*contacts: str, **options: object) -> tuple[Binding, ...]:
    """The bindings of one REGISTER."""
    return apply(register(*contacts), **options).bindings  # type: ignore[arg-type]
