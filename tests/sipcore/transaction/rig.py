"""A transaction layer on a bench: whatever it sends or says is written down with the time, in one list.

A case is a list of steps, each at its second, and the whole trace that must come of it. In steps and traces:

    180, 200, 486 …      client: such a response comes        server: the transaction user answers it
    INVITE, ACK, BYE …   server: such a request comes
    cancel, abandon, nudge, error                              words of the transaction user, and of the shell
    send INVITE …        the layer sends that
    got 180 …            the transaction user is told of that
"""

from __future__ import annotations

from dataclasses import dataclass

from sipcore.contract.flow import Flow
from sipcore.syntax import parse_message
from sipcore.transaction import State, TimerQueue, Timers, TransactionLayer
from tests.support import sip
from tests.support.network import Sent

UDP = Flow("udp", "192.0.2.2", 5060)
TCP = Flow("tcp", "192.0.2.2", 5060, "tcp-1")


@dataclass(frozen=True)
class Case:
    """One life of a transaction. `clause` is what demands it."""

    clause: str
    steps: tuple[tuple[float, int | str], ...]
    trace: list[tuple[float, str]]
    ends: float
    "The second at which the layer has forgotten it."
    flow: Flow = UDP


class Rig:
    """A layer, its transaction user and its clock."""

    def __init__(self, **limits):
        self.now = 0.0
        self.queue = TimerQueue()
        self.layer = TransactionLayer(self, self.send, Timers(), self.queue, **limits)
        self.trace: list[tuple[float, str]] = []
        self.sent: list[Sent] = []
        self.clients = []
        "Every client transaction that was started, less the CANCELs."
        self.servers = []
        "Every server transaction that the transaction user was told of, CANCELs too."
        self.requests, self.answers = {}, {}
        "What was sent or came, and what it was last answered with, by the identity of these."

    def advance(self, when: float) -> None:
        """Let time pass; each timer fires at its own moment."""
        while (due := self.queue.next_deadline()) is not None and due <= when:
            self.now = max(self.now, due)
            self.queue.fire(self.now)
        self.now = when

    def run_out(self) -> float:
        """Let time pass until no timer is left, and return when that was. Fails if there is no end to it."""
        for _ in range(1000):
            if (due := self.queue.next_deadline()) is None:
                return self.now
            self.advance(due)
        raise AssertionError("timers without end")

    def note(self, what: str) -> None:
        self.trace.append((round(self.now, 6), what))

    def send(self, data, flow, transaction):
        self.sent.append(Sent(data, flow, transaction))
        self.note(f"send {self.sent[-1].kind}")

    # words

    def request(self, data: bytes, flow: Flow = UDP) -> None:
        self.layer.receive_request(parse_message(data), flow, self.now)

    def response(self, data: bytes, flow: Flow = UDP) -> None:
        self.layer.receive_response(parse_message(data), flow, self.now)

    def start(self, data: bytes, flow: Flow = UDP, user=None):
        transaction = self.layer.start_client(parse_message(data), flow, self.now, user or self)
        self.clients.append(transaction)
        self.request_of(transaction)
        return transaction

    def request_of(self, transaction):
        """Its request, which it may have let go of."""
        return self.requests.setdefault(id(transaction), getattr(transaction, "request", None))

    def respond(self, transaction, status: int, to_tag: str = "bob") -> None:
        response = parse_message(sip.response(self.request_of(transaction), status, to_tag=to_tag))
        self.answers[id(transaction)] = response
        self.layer.respond(transaction, response, self.now)

    # the transaction user

    def request_received(self, transaction, now):
        self.servers.append(transaction)
        self.note(f"got {transaction.method}")

    def cancel_received(self, cancel, invite, now):
        self.servers.append(cancel)
        self.note("got CANCEL" if invite is not None else "got CANCEL of nothing")

    def ack_received(self, request, flow, now):
        self.note("got ACK")

    def acknowledged(self, transaction, now):
        self.note("acknowledged")

    def ack_missing(self, transaction, now):
        self.note("ACK missing")

    def server_terminated(self, transaction, now):
        self.note(f"{transaction.method} terminated")

    def response_received(self, transaction, response, now):
        self.note(f"got {response.status}")

    def timed_out(self, transaction, now):
        self.note("timed out")

    def transport_failed(self, transaction, now):
        self.note("transport failed")

    def stray_response(self, response, flow, now):
        self.note(f"stray {response.status}")


def play_client(case: Case, request: bytes, rig: Rig | None = None) -> Rig:
    """Send `request` at second 0, take the steps, and let it run out."""
    rig = rig or Rig()
    transaction = rig.start(request, case.flow)
    for when, step in case.steps:
        rig.advance(when)
        match step:
            case int():
                rig.response(sip.response(request, step), case.flow)
            case "cancel":
                rig.layer.cancel(transaction, rig.now)
            case "abandon":
                rig.layer.abandon(transaction)
            case "nudge":
                rig.layer.nudge(transaction, rig.now)
            case "error":
                rig.layer.transport_failed(transaction, rig.now)
            case _:
                raise AssertionError(step)
    return rig


def play_server(case: Case, request: bytes, rig: Rig | None = None) -> Rig:
    """Receive `request` at second 0, take the steps, and let it run out."""
    rig = rig or Rig()
    rig.request(request, case.flow)
    (transaction,) = rig.servers
    for when, step in case.steps:
        rig.advance(when)
        match step:
            case int():
                rig.respond(transaction, step)
            case "ACK":
                rig.request(sip.ack(request, rig.answers[id(transaction)]), case.flow)
            case "error":
                rig.layer.transport_failed(transaction, rig.now)
            case _:
                assert step == transaction.method
                rig.request(request, case.flow)
    return rig


def finish(rig: Rig, case: Case) -> None:
    """Hold a rig to its case, to the end."""
    rig.run_out()
    assert rig.trace == case.trace
    assert rig.now == case.ends
    assert (rig.layer.client_count, rig.layer.server_count, len(rig.queue)) == (0, 0, 0)
    assert {transaction.state for transaction in (*rig.clients, *rig.servers)} == {State.TERMINATED}
