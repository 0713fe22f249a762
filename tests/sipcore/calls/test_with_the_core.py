"""The same stories told by the real core, so that the built events of the other tests stay honest."""

from __future__ import annotations

from itertools import count

import pytest

from sipcore.calls import CallTracker
from sipcore.contract.flow import Flow
from sipcore.proxy import Edge, ProxyCore, RequestReceived, Target
from sipcore.syntax import Request, Response, make_response, parse_message

EPOCH = 1_800_000_000.0
ALICE = Flow("udp", "192.0.2.1", 5060)
BOB = Flow("udp", "192.0.2.2", 5060)


class Call:
    """Alice calls Bob through a core; the tracker looks on."""

    def __init__(self) -> None:
        tokens = count()
        edge = Edge("w0", {"udp": ("203.0.113.1", 5060)}, frozenset({"pbx.example"}), b"0123456789abcdef")
        self.core = ProxyCore(edge, lambda: f"token{next(tokens)}")
        self.tracker = CallTracker("w0")
        self.sent: list[tuple[Request | Response, Flow]] = []
        self.request = None
        self.names: list[str] = []
        self.records = []
        self.say("INVITE", ALICE)
        self.tracker.call_known(self.request, caller="alice", caller_name="", callee="bob", dialled="102", epoch=EPOCH)
        self.core.fork(self.request, [Target("sip:bob@192.0.2.2", BOB, aor="bob")], now=0.0)
        self.pump()

    def say(self, method: str, flow: Flow, *, routes: str = "", to_tag: str = "", target="sip:102@pbx.example") -> None:
        number = {"INVITE": 1, "CANCEL": 1, "BYE": 2}[method]
        branch = "z9hG4bKinvite" if method == "CANCEL" else f"z9hG4bK{method.lower()}"
        text = (
            f"{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch={branch}\r\n{routes}Max-Forwards: 70\r\n"
            f"From: <sip:alice@pbx.example>;tag=alice\r\nTo: <sip:102@pbx.example>{to_tag and ';tag=' + to_tag}\r\n"
            f"Call-ID: call-1\r\nCSeq: {number} {method}\r\nContact: <sip:alice@192.0.2.1>\r\nContent-Length: 0\r\n\r\n"
        )
        self.core.receive_message(parse_message(text.encode()), flow, 0.0)
        self.pump()

    def bob_answers(self, status: int, method: str = "INVITE") -> None:
        asked = [m for m, flow in self.sent if isinstance(m, Request) and m.method == method and flow == BOB][-1]
        headers = [("Contact", "<sip:bob@192.0.2.2>"), *(("Record-Route", v) for v in asked.values("record-route"))]
        self.core.receive_message(make_response(asked, status, headers=headers, to_tag="bob"), BOB, 0.0)
        self.pump()

    def pump(self) -> None:
        while (event := self.core.next_event()) is not None:
            if isinstance(event, RequestReceived) and self.request is None:
                self.request = event.request
            self.tracker.core_event(event, EPOCH)
        self.sent += [(parse_message(out.data), out.flow) for out in self.core.messages_to_send()]
        changes = self.tracker.drain()
        if changes is not None:
            self.names += [name.removeprefix("E_") for name, *_ in changes.events]
            self.records += changes.records


def test_a_call_that_is_answered_and_hung_up():
    call = Call()
    call.bob_answers(180)
    call.bob_answers(200)
    answer = next(m for m, flow in call.sent if isinstance(m, Response) and m.status == 200 and flow == ALICE)
    routes = "".join(f"Route: {value}\r\n" for value in reversed(answer.values("record-route")))
    call.say("BYE", ALICE, routes=routes, to_tag="bob", target="sip:bob@192.0.2.2")
    call.bob_answers(200, "BYE")

    assert call.names == [
        *("CALL_STARTED", "BRANCH_ADDED", "BRANCH_PROVISIONAL", "CALL_RINGING"),
        *("BRANCH_FINAL", "CALL_ANSWERED", "CALL_ENDED"),
    ]
    assert [(r.reason, r.hangup_by, r.answered_by) for r in call.records] == [("answered", "caller", "bob")]


def test_a_call_whose_caller_gives_up():
    call = Call()
    call.bob_answers(180)
    call.say("CANCEL", ALICE)

    assert call.names[-3:] == ["BRANCH_CANCELLED", "CALL_MISSED", "CALL_ENDED"]
    assert [(r.reason, r.code, r.branches[0].state) for r in call.records] == [("cancelled", 487, "cancelled")]


@pytest.mark.parametrize(
    ("status", "reason"), [(486, "busy"), (603, "declined"), (404, "failed"), (480, "unreachable")]
)
def test_a_call_that_its_phone_refuses(status, reason):
    call = Call()
    call.bob_answers(status)

    assert [(r.reason, r.branches[0].state, r.branches[0].code) for r in call.records] == [(reason, "failed", status)]
