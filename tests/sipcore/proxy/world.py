"""A core, its network of lists, its clock, and short words for what phones do.

    world = World()
    call = world.call()                      # alice's INVITE has come; `call` is its ServerRequest
    world.fork(BOB_DESK)
    world.answers(BOB_DESK, 180)
    assert world.sent() == ["180 > alice"]

`sent()` empties the network, so whole lists can be compared and nothing goes unseen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, TypeVar

from msgspec.structs import replace

from sipcore.contract.flow import Flow
from sipcore.proxy import CoreEvent, Edge, Limits, Policy, ProxyCore, RequestReceived, ServerRequest, Target
from sipcore.proxy.events import RequestTerminated
from sipcore.syntax import Request, Response, parse_message
from tests.support import sip
from tests.support.network import Network, Sent
from tests.support.sip import ALICE, BOB, CHARLIE

__all__ = ["ALICE_TCP", "DAN", "DESK", "MOBILE", "PBX", "World", "target"]

PBX = "192.0.2.100"
DAN_FLOW = Flow("udp", "192.0.2.4", 5060)
ALICE_TCP = Flow("tcp", "192.0.2.1", 40001, "w1-7")

E = TypeVar("E")


def target(name: str, flow: Flow, **fields: Any) -> Target:
    """A phone as the location service would give it."""
    return Target(f"sip:{name}@{flow.host}:{flow.port}", flow, **{"key": f"urn:{name}", **fields})


DESK = target("desk", BOB)
"Bob's desk phone."
MOBILE = target("mobile", CHARLIE)
"Bob's other phone."
DAN = target("dan", DAN_FLOW, source="pickup")
"A colleague's phone."

_NAMES = {ALICE.host: "alice", BOB.host: "desk", CHARLIE.host: "mobile", DAN_FLOW.host: "dan"}


def make_edge(**fields: Any) -> Edge:
    """The edge of the tests: UDP and TCP at one address."""
    given: dict[str, Any] = {
        "worker": "w1",
        "advertised": {"udp": (PBX, 5060), "tcp": (PBX, 5060)},
        "domains": frozenset({"example.org"}),
        "secret": b"a secret of the tests",
    }
    return Edge(**{**given, **fields})


class World:
    """See the module."""

    def __init__(self, policy: Policy | None = None, limits: Limits | None = None, edge: Edge | None = None) -> None:
        tokens = (f"t{number}" for number in itertools.count(1))
        self.core = ProxyCore(edge or make_edge(), tokens.__next__, limits=limits, policy=policy)
        self.now = 100.0
        self.network = Network()
        self.events: list[CoreEvent] = []
        self.request: ServerRequest | None = None
        "The last request that came to the script."
        self.seen: dict[tuple[str, str], Request] = {}
        "The last request of each method that was sent to a flow's host."
        self.answered: dict[str, Response] = {}
        "The last response that was sent to each host."
        self.accepted: Response | None = None
        "The last 2xx to an INVITE that was sent: it makes a dialog."
        self._branches = itertools.count(1)

    # driving

    def receive(self, data: bytes, flow: Flow) -> None:
        """A message comes."""
        self.core.receive_message(parse_message(data), flow, self.now)
        self.pump()

    def pump(self) -> None:
        """What the driver does after each input."""
        while (event := self.core.next_event()) is not None:
            self.events.append(event)
            if isinstance(event, RequestReceived):
                self.request = event.request
        for message in self.core.messages_to_send():
            self.network.send(*message)
            parsed = parse_message(message.data)
            if isinstance(parsed, Request):
                self.seen[message.flow.host, parsed.method] = parsed
            else:
                self.answered[message.flow.host] = parsed
                if 200 <= parsed.status < 300 and parsed.has("record-route"):
                    self.accepted = parsed

    def advance(self, seconds: float) -> None:
        """Time passes, timer by timer."""
        end = self.now + seconds
        while (due := self.core.get_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            self.core.handle_timer(self.now)
            self.pump()
        self.now = end

    # seeing

    def sent(self, *, and_retransmissions: bool = False) -> list[str]:
        """What has been sent since the last look, as `180 > alice`. Time that passed brings retransmissions; each
        message is listed once unless these are asked for."""
        taken = self.network.take()
        if not and_retransmissions:
            taken = list({(message.data, message.flow): message for message in taken}.values())
        return [describe(message) for message in taken]

    def got(self, kind: type[E]) -> list[E]:
        """The events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def one(self, kind: type[E]) -> E:
        """The only event of one kind."""
        (event,) = self.got(kind)
        return event

    @property
    def call_is_over(self) -> bool:
        """Whether the server transaction of the last request is destroyed."""
        return any(event.request is self.request for event in self.got(RequestTerminated))

    def is_empty(self) -> bool:
        """Whether the core remembers nothing of what was."""
        core = self.core
        return (
            core.open_requests == 0
            and core.open_branches == 0
            and core.get_timer() is None
            and not core.requests
            and not core.connections
            and not core.layer.user._ongoing
        )

    # words of the script

    def call(self, flow: Flow = ALICE, **fields: Any) -> ServerRequest:
        """An INVITE comes to the script; see `tests.support.sip.invite` for fields."""
        fields.setdefault("branch", f"z9hG4bK-alice-{next(self._branches)}")
        if flow.transport != "udp":
            fields.setdefault("transport", flow.transport.upper())
        self.invite = sip.invite(**fields)
        self.receive(self.invite, flow)
        self.caller = flow
        assert self.request is not None
        return self.request

    def fork(self, *targets: Target, ring_seconds: float | None = None) -> list[Any]:
        """The script forks the last request."""
        branches = self.core.fork(self.request, targets, now=self.now, ring_seconds=ring_seconds)
        self.pump()
        return branches

    def hold(self, seconds: float, **fields: Any) -> None:
        """The script opens the hold."""
        self.core.wait_for_new_branches(self.request, seconds, now=self.now, **fields)
        self.pump()

    def inject(self, *targets: Target, **fields: Any) -> list[Any]:
        """The script injects branches."""
        try:
            return self.core.inject_branches(self.request, targets, now=self.now, **fields)
        finally:
            self.pump()

    def pick_up(self, *targets: Target, cancel: str = "when_ringing", token: str = "pick") -> list[Any]:
        """The script injects a picker's phones."""
        return self.inject(*targets, cancel=cancel, token=token)

    # words of the phones

    def answers(self, phone: Target, status: int, **fields: Any) -> bytes:
        """A phone answers the last INVITE it got."""
        return self.responds(phone, "INVITE", status, **fields)

    def responds(self, phone: Target, method: str, status: int, **fields: Any) -> bytes:
        """A phone answers the last request of a method it got."""
        request = self.seen[phone.flow.host, method]
        name = _NAMES.get(phone.flow.host, phone.flow.host)
        fields.setdefault("to_tag", name)
        fields.setdefault("contact", f"<{phone.uri}>" if method == "INVITE" else "")
        data = sip.response(request.raw, status, **fields)
        self.receive(data, phone.flow)
        return data

    def confirm_cancel(self, phone: Target) -> None:
        """A phone does what a CANCEL asks for: 200, 487; the ACK it gets is taken off the network."""
        self.responds(phone, "CANCEL", 200)
        self.answers(phone, 487)

    def cancels(self, headers: Iterable[tuple[str, str]] = ()) -> None:
        """The caller gives up."""
        self.receive(sip.cancel(self.invite, headers=headers), self.caller)

    def acknowledges(self) -> None:
        """The caller acknowledges a final response other than 2xx."""
        self.receive(sip.ack(self.invite, self.answered[self.caller.host].raw), self.caller)

    def dialog(self, method: str, *, cseq: int = 2, flow: Flow | None = None, **fields: Any) -> None:
        """The caller sends a request in the dialog that the last 2xx made."""
        answer = self.accepted
        assert answer is not None
        self.receive(
            sip.request(
                method,
                answer.contacts[0].uri_text,
                branch=f"z9hG4bK-alice-{next(self._branches)}",
                routes=[f"<{route.uri_text}>" for route in reversed(answer.record_routes)],
                call_id=answer.call_id,
                from_tag=answer.from_tag,
                to=f"<{answer.to.uri_text}>",
                to_tag=answer.to_tag,
                cseq=cseq,
                **fields,
            ),
            flow or self.caller,
        )

    def dialog_back(self, phone: Target, method: str, *, cseq: int = 1, flow: Flow | None = None) -> None:
        """A phone sends a request in the dialog that its 2xx made."""
        got = self.seen[phone.flow.host, "INVITE"]
        self.receive(
            sip.request(
                method,
                got.contacts[0].uri_text,
                via=f"{phone.flow.host}:{phone.flow.port}",
                branch=f"z9hG4bK-{phone.flow.host}-{next(self._branches)}",
                routes=[f"<{route.uri_text}>" for route in got.record_routes],
                call_id=got.call_id,
                from_=f"<{got.to.uri_text}>",
                from_tag=_NAMES[phone.flow.host],
                to=f"<{got.from_.uri_text}>",
                to_tag=got.from_tag,
                cseq=cseq,
                contact=f"<{phone.uri}>",
            ),
            flow or phone.flow,
        )


def describe(message: Sent) -> str:
    """`INVITE > desk`; the CANCEL with the SIP cause it gives, as `CANCEL(200) > desk`."""
    kind = message.kind
    if kind == "CANCEL":
        reasons = message.message.headers("reason")
        causes = [reason.split("cause=")[1].split(";")[0] for reason in reasons]
        kind = f"CANCEL({','.join(causes)})"
    return f"{kind} > {_NAMES.get(message.flow.host, message.flow.host)}"


def again(phone: Target, **fields: Any) -> Target:
    """The same phone, having registered once more."""
    return replace(phone, **{"source": "event", "registered_at": phone.registered_at + 1.0, **fields})
