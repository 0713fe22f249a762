"""SIP messages as bytes, for tests where the bytes do not matter but must be right.

Deliberately not made with `sipcore.syntax`, so that a fault there is not in the expectation too. Everything has a default;
a test names what it is about:

    invite(target="sip:bob@example.org", call_id="c1")
    response(request, 180, to_tag="bob")          # to a request in bytes, or to anything whose bytes() is one

The people are alice@example.org at 192.0.2.1, bob@example.org at 192.0.2.2 and charlie@example.org at 192.0.2.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import SupportsBytes

from sipcore.contract.flow import Flow

__all__ = [
    "ALICE",
    "BOB",
    "CHARLIE",
    "DOMAIN",
    "SDP",
    "ack",
    "bye",
    "cancel",
    "header",
    "headers",
    "invite",
    "register",
    "request",
    "response",
    "start_line",
]

DOMAIN = "example.org"
ALICE = Flow("udp", "192.0.2.1", 5060)
BOB = Flow("udp", "192.0.2.2", 5060)
CHARLIE = Flow("udp", "192.0.2.3", 5060)

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"

REASONS = {100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 404: "Not Found", 486: "Busy Here"}

Header = tuple[str, str]


def request(
    method: str,
    target: str = f"sip:bob@{DOMAIN}",
    *,
    via: str = "192.0.2.1:5060",
    transport: str = "UDP",
    branch: str = "z9hG4bK-alice-1",
    via_parameters: str = ";rport",
    vias: Sequence[str] = (),
    max_forwards: int | None = 70,
    from_: str = f"<sip:alice@{DOMAIN}>",
    from_tag: str = "alice",
    to: str = "",
    to_tag: str = "",
    call_id: str = "call-1@192.0.2.1",
    cseq: int = 1,
    cseq_method: str = "",
    contact: str = "<sip:alice@192.0.2.1:5060>",
    routes: Sequence[str] = (),
    headers: Iterable[Header] = (),
    body: bytes = b"",
    content_type: str = "",
) -> bytes:
    """Any request. `vias` are further Via values below the top one; empty strings leave out tag, branch or Contact;
    `to` defaults to the target."""
    top = f"SIP/2.0/{transport} {via}{via_parameters}" + (f";branch={branch}" if branch else "")
    lines: list[Header] = [("Via", value) for value in (top, *vias)]
    if max_forwards is not None:
        lines.append(("Max-Forwards", str(max_forwards)))
    lines += [("Route", route) for route in routes]
    lines.append(("From", from_ + (f";tag={from_tag}" if from_tag else "")))
    lines.append(("To", (to or f"<{target}>") + (f";tag={to_tag}" if to_tag else "")))
    lines.append(("Call-ID", call_id))
    lines.append(("CSeq", f"{cseq} {cseq_method or method}"))
    if contact:
        lines.append(("Contact", contact))
    return _message(f"{method} {target} SIP/2.0", [*lines, *headers], body, content_type)


def invite(target: str = f"sip:bob@{DOMAIN}", *, body: bytes = SDP, **fields: object) -> bytes:
    """An INVITE with an offer. For other fields see `request`."""
    return request("INVITE", target, body=body, content_type="application/sdp" if body else "", **fields)  # type: ignore[arg-type]


def register(
    aor: str = f"bob@{DOMAIN}",
    *,
    contact: str = "<sip:bob@192.0.2.2:5060>",
    expires: int | None = 3600,
    headers: Iterable[Header] = (),
    **fields: object,
) -> bytes:
    """A REGISTER; `expires` None leaves the header out, `contact` "" only asks. For other fields see `request`."""
    given: dict[str, object] = {
        "from_": f"<sip:{aor}>",
        "from_tag": "register",
        "to": f"<sip:{aor}>",
        "call_id": "register-1@192.0.2.2",
        "branch": "z9hG4bK-register-1",
        "via": "192.0.2.2:5060",
        **fields,
    }
    lines = [*headers, *([("Expires", str(expires))] if expires is not None else [])]
    return request("REGISTER", f"sip:{aor.rpartition('@')[2]}", contact=contact, headers=lines, **given)  # type: ignore[arg-type]


def cancel(invite: SupportsBytes | bytes, *, headers: Iterable[Header] = ()) -> bytes:
    """The CANCEL of an INVITE (RFC 3261 §9.1): same target, top Via, From, To, Call-ID, CSeq number and Route."""
    return _repeat(invite, "CANCEL", to=header(invite, "To"), headers=headers)


def ack(invite: SupportsBytes | bytes, response: SupportsBytes | bytes) -> bytes:
    """The ACK that the transaction makes for a final response other than 2xx (RFC 3261 §17.1.1.3)."""
    return _repeat(invite, "ACK", to=header(response, "To"))


def bye(target: str = "sip:bob@192.0.2.2:5060", **fields: object) -> bytes:
    """A BYE within a dialog, from alice to bob. For other fields see `request`."""
    given: dict[str, object] = {"branch": "z9hG4bK-alice-bye", "cseq": 2, "to_tag": "bob", "contact": "", **fields}
    return request("BYE", target, **given)  # type: ignore[arg-type]


def response(
    request: SupportsBytes | bytes,
    status: int,
    reason: str = "",
    *,
    to_tag: str = "bob",
    contact: str = "",
    headers: Iterable[Header] = (),
    body: bytes = b"",
    content_type: str = "",
) -> bytes:
    """The response of a phone to a request that reached it (RFC 3261 §8.2.6). No To tag goes into a 100, nor into a To
    that has one."""
    to = header(request, "To")
    if to_tag and status > 100 and ";tag=" not in to:
        to += f";tag={to_tag}"
    lines: list[Header] = [("Via", value) for value in _headers(request, "Via")]
    lines += [("Record-Route", value) for value in _headers(request, "Record-Route")]
    lines += [("From", header(request, "From")), ("To", to)]
    lines += [("Call-ID", header(request, "Call-ID")), ("CSeq", header(request, "CSeq"))]
    if contact:
        lines.append(("Contact", contact))
    start = f"SIP/2.0 {status} {reason or REASONS.get(status, 'Whatever')}"
    return _message(start, [*lines, *headers], body, content_type)


def start_line(message: SupportsBytes | bytes) -> str:
    """The first line of a message."""
    return bytes(message).split(b"\r\n", 1)[0].decode()


def headers(message: SupportsBytes | bytes) -> list[Header]:
    """Every header line in order; folded lines and compact names are beyond this reader."""
    head = bytes(message).split(b"\r\n\r\n", 1)[0].decode()
    pairs = (line.partition(":") for line in head.split("\r\n")[1:])
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def header(message: SupportsBytes | bytes, name: str) -> str:
    """The first header of that name; KeyError when there is none."""
    for value in _headers(message, name):
        return value
    raise KeyError(name)


_headers_of = headers  # the builders have a parameter of that name


def _headers(message: SupportsBytes | bytes, name: str) -> list[str]:
    return [value for other, value in _headers_of(message) if other.lower() == name.lower()]


def _repeat(invite: SupportsBytes | bytes, method: str, *, to: str, headers: Iterable[Header] = ()) -> bytes:
    number = header(invite, "CSeq").split()[0]
    lines = [
        ("Via", header(invite, "Via")),
        ("Max-Forwards", "70"),
        *(("Route", value) for value in _headers(invite, "Route")),
        ("From", header(invite, "From")),
        ("To", to),
        ("Call-ID", header(invite, "Call-ID")),
        ("CSeq", f"{number} {method}"),
        *headers,
    ]
    return _message(f"{method} {start_line(invite).split()[1]} SIP/2.0", lines, b"", "")


def _message(start: str, lines: Iterable[Header], body: bytes, content_type: str) -> bytes:
    typed = [("Content-Type", content_type)] if content_type else []
    head = [start, *(f"{name}: {value}" for name, value in [*lines, *typed, ("Content-Length", str(len(body)))])]
    return "\r\n".join([*head, "", ""]).encode() + body
