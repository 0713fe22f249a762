"""What becomes of one datagram: the real core and the real registrar decide, nothing is imitated.

routed          handed to the routing script, which will authenticate and route it
registered      a REGISTER that would be obeyed, once authenticated
answered 400    refused on the spot, with this status
response        a response that would find its transaction, if there were one
dropped         nothing happens, because nothing can or should
"""

from __future__ import annotations

from itertools import count

from sipcore.contract.flow import Flow
from sipcore.errors import MalformedMessage, RegisterRefused
from sipcore.proxy import Edge, ProxyCore, RequestReceived
from sipcore.registrar import Limits, Register, apply_register
from sipcore.syntax import Response, StreamFramer, check_response, parse_message
from sipcore.transport.arrival import Arrival

__all__ = ["FLOW", "judge", "judge_stream", "make_core"]

FLOW = Flow("udp", "198.51.100.7", 5060)
DOMAINS = frozenset({"example.com", "example.org", "pbx.example.org"})


def make_core() -> ProxyCore:
    """A core that serves the domains of the messages."""
    numbers = count(1)
    edge = Edge("w1", {"udp": ("192.0.2.1", 5060), "tcp": ("192.0.2.1", 5060)}, DOMAINS, secret=b"0123456789abcdef")
    return ProxyCore(edge, lambda: f"token{next(numbers)}")


def judge(data: bytes) -> str:
    """Say what becomes of a datagram that comes out of the blue."""
    core = make_core()
    arrival = Arrival(
        lambda message, flow: core.receive_message(message, flow, 0.0),
        lambda data, error, flow: core.receive_malformed(data, error, flow, 0.0),
    )
    arrival.received(data, FLOW)
    events = []
    while (event := core.next_event()) is not None:
        events.append(event)
    answers = [parse_message(outbound.data).status for outbound in core.messages_to_send()]
    assert not core.bugs.places
    for event in events:
        if isinstance(event, RequestReceived):
            return _judge_register(event.request.request) if event.request.request.method == "REGISTER" else "routed"
    if answers:
        # An INVITE that was refused gets no 100 in front of that.
        (status,) = answers
        return f"answered {status}"
    return "response" if _is_sound_response(data) else "dropped"


def _judge_register(request) -> str:
    try:
        aor = request.to.uri.aor
        apply_register(Register(request), aor, (), limits=Limits(), epoch=0.0, flow=FLOW, worker="w1", socket="")
    except (RegisterRefused, MalformedMessage) as refused:
        return f"answered {refused.status_hint}"
    return "registered"


def _is_sound_response(data: bytes) -> bool:
    try:
        message = parse_message(data)
        if not isinstance(message, Response):
            return False
        check_response(message)
    except MalformedMessage:
        return False
    return True


def judge_stream(data: bytes) -> list[str]:
    """Say what becomes of each message on a stream, and whether the connection is closed over it."""
    framer = StreamFramer()
    try:
        verdicts = [judge(message) for message in framer.feed(data)]
    except MalformedMessage:
        return ["closed"]
    if framer.error is not None:
        verdicts.append("closed")
    return verdicts or ["waited for"]
