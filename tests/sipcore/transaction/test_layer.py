from __future__ import annotations

import gc
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipcore.errors import InvalidWord
from sipcore.syntax import parse_message
from sipcore.transaction import State
from tests.support import sip

from .rig import TCP, UDP, Rig

INVITE = sip.invite()
OLD = {"branch": "", "via_parameters": ""}


# matching


def test_a_retransmission_reaches_its_transaction_and_not_the_user():
    rig = Rig()

    for _ in range(3):
        rig.request(INVITE)

    assert rig.trace == [(0, "got INVITE")]
    assert rig.layer.server_count == 1


def test_a_cancel_is_a_transaction_of_its_own_and_brings_its_invite():
    """RFC 3261 §9.2."""
    rig, found = Rig(), []
    rig.cancel_received = lambda cancel, invite, now: found.append((cancel, invite))
    rig.request(INVITE)

    rig.request(sip.cancel(INVITE))
    rig.request(sip.cancel(INVITE))

    ((cancel, invite),) = found
    assert (cancel.method, invite) == ("CANCEL", rig.servers[0])
    rig.respond(cancel, 200)
    rig.request(sip.cancel(INVITE))
    assert rig.trace == [(0, "got INVITE"), (0, "send 200"), (0, "send 200")]


def test_a_cancel_for_nothing_is_told_as_such():
    """RFC 3261 §9.2: the user answers 481."""
    rig = Rig()

    rig.request(sip.cancel(INVITE))

    assert rig.trace == [(0, "got CANCEL of nothing")]


def test_an_ack_to_a_2xx_goes_to_the_user_and_leaves_nothing_behind():
    rig = Rig()

    rig.request(sip.request("ACK", branch="z9hG4bK-ack", to_tag="bob"))

    assert rig.trace == [(0, "got ACK")]
    assert (rig.layer.server_count, len(rig.queue)) == (0, 0)


def test_a_response_to_nothing_is_a_stray():
    rig = Rig()

    rig.response(sip.response(INVITE, 200))

    assert rig.trace == [(0, "stray 200")]


def test_the_response_to_a_cancel_does_not_reach_the_invite():
    rig = Rig()
    transaction = rig.start(INVITE)

    rig.response(sip.response(sip.cancel(INVITE), 200))

    assert rig.trace == [(0, "send INVITE"), (0, "stray 200")]
    assert transaction.state is State.CALLING


def test_the_ack_of_an_rfc_2543_client_is_told_by_its_to_tag():
    """RFC 3261 §17.2.3: without a branch, the To tag must be that of the response."""
    rig = Rig()
    invite = sip.invite(**OLD)
    rig.request(invite)
    rig.respond(rig.servers[0], 486)

    rig.request(sip.ack(invite, sip.response(invite, 486, to_tag="somebody")))
    rig.request(sip.ack(invite, sip.response(invite, 486, to_tag="bob")))

    assert rig.trace[-2:] == [(0, "got ACK"), (0, "acknowledged")]


def test_an_rfc_2543_client_that_repeats_its_invite_is_answered_from_the_transaction():
    rig = Rig()
    rig.request(sip.invite(**OLD))
    rig.respond(rig.servers[0], 180)

    rig.request(sip.invite(**OLD))
    rig.request(sip.cancel(sip.invite(**OLD)))

    assert rig.trace == [(0, "got INVITE"), (0, "send 180"), (0, "send 180"), (0, "got CANCEL")]


@pytest.mark.parametrize("response", [sip.response(INVITE, 180), sip.response(INVITE, 180).replace(b"Via:", b"v:")])
def test_a_response_that_comes_back_unsent_is_found_to_be_its_requests(response):
    rig = Rig()
    rig.request(INVITE)

    assert rig.layer.sender_of(parse_message(response)) is rig.servers[0]
    assert rig.layer.sender_of(parse_message(sip.response(sip.invite(branch="z9hG4bK-else"), 180))) is None


def test_a_request_that_comes_back_unsent_is_found_to_be_its_own():
    rig = Rig()
    transaction = rig.start(INVITE)

    assert rig.layer.sender_of(parse_message(INVITE)) is transaction


# words


def test_the_user_slot_is_the_users():
    rig, owner = Rig(), object()

    transaction = rig.start(INVITE, user=owner)

    assert transaction.user is owner
    assert (transaction.branch, transaction.flow, transaction.method) == ("z9hG4bK-alice-1", UDP, "INVITE")


def test_an_ack_starts_no_transaction():
    """RFC 3261 §17: the ACK to a 2xx is passed straight to the transport."""
    with pytest.raises(InvalidWord):
        Rig().start(sip.request("ACK"))


@pytest.mark.parametrize("second", [INVITE, sip.invite(branch="")], ids=["in_use", "empty"])
def test_a_branch_names_one_transaction(second):
    rig = Rig()
    rig.start(INVITE)

    with pytest.raises(InvalidWord):
        rig.start(second)


def test_a_terminated_transaction_absorbs_everything():
    rig = Rig()
    client = rig.start(sip.invite(branch="z9hG4bK-edge"), TCP)
    rig.request(INVITE, TCP)
    (server,) = rig.servers
    for transaction in (client, server):
        rig.layer.transport_failed(transaction, 0.0)
    rig.trace.clear()

    rig.respond(server, 486)
    rig.layer.cancel(client, 0.0)
    rig.layer.abandon(client)
    assert not rig.layer.nudge(client, 0.0)

    assert rig.trace == []
    assert (rig.layer.client_count, rig.layer.server_count, len(rig.queue)) == (0, 0, 0)


# bounds


def test_requests_over_the_limit_are_answered_503_without_a_transaction():
    rig = Rig(max_servers=1)
    rig.request(INVITE)

    for _ in range(2):
        rig.request(sip.invite(branch="z9hG4bK-too-many", call_id="2"))

    assert rig.trace == [(0, "got INVITE"), (0, "send 503"), (0, "send 503")]
    assert (rig.layer.server_count, rig.layer.refused_count) == (1, 2)
    refusal, again = (sent.message for sent in rig.sent)
    assert refusal.header("retry-after") == "10"
    assert refusal.to_tag == again.to_tag != ""  # §8.2.7
    assert rig.sent[0].transaction is None


def test_the_ack_to_a_stateless_503_reaches_no_transaction():
    rig = Rig(max_servers=0)
    rig.request(INVITE)

    rig.request(sip.ack(INVITE, rig.sent[0].data))

    assert rig.trace == [(0, "send 503"), (0, "got ACK")]


def test_a_cancel_frees_what_is_and_is_taken_over_the_limit():
    rig = Rig(max_servers=1)
    rig.request(INVITE)

    rig.request(sip.cancel(INVITE))
    rig.request(sip.cancel(sip.invite(branch="z9hG4bK-unknown")))

    assert rig.trace == [(0, "got INVITE"), (0, "got CANCEL"), (0, "send 503")]


def test_a_client_transaction_over_the_limit_fails_as_if_it_could_not_be_sent():
    rig = Rig(max_clients=1)
    rig.start(sip.invite(branch="z9hG4bK-1"))
    rig.start(sip.invite(branch="z9hG4bK-2"))
    assert rig.trace == [(0, "send INVITE")]

    rig.queue.fire(0.0)

    assert rig.trace == [(0, "send INVITE"), (0, "transport failed")]
    assert rig.layer.client_count == 1


def test_a_transaction_that_has_ended_is_freed_without_the_garbage_collector():
    """No reference cycle is left: the collector is meant to run rarely (design, performance)."""
    rig = Rig()
    gc.disable()
    try:
        rig.start(sip.invite(branch="z9hG4bK-edge"))
        rig.request(INVITE)
        client, server = rig.clients.pop(), rig.servers.pop()
        rig.respond(server, 486)
        rig.response(sip.response(client.request, 486))
        rig.run_out()
        rig.sent.clear()

        client.user, server.user = frozenset({"client"}), frozenset({"server"})  # they die with what holds them
        died = [weakref.ref(client.user), weakref.ref(server.user)]
        del client, server

        assert [reference() for reference in died] == [None, None]
    finally:
        gc.enable()


# anything, in any order


METHODS = ("INVITE", "REGISTER")
STATUSES = (100, 180, 200, 302, 486, 603)
OPERATION = st.one_of(
    st.tuples(st.just("start"), st.sampled_from(METHODS), st.sampled_from((UDP, TCP))),
    st.tuples(st.just("request"), st.sampled_from((*METHODS, "ACK", "CANCEL")), st.integers(0, 2)),
    st.tuples(st.just("respond"), st.integers(0, 9), st.sampled_from(STATUSES)),
    st.tuples(st.just("response"), st.integers(0, 9), st.sampled_from(STATUSES)),
    st.tuples(st.just("response to cancel"), st.integers(0, 9), st.sampled_from((200, 481))),
    st.tuples(st.sampled_from(("cancel", "abandon", "nudge", "client error", "server error")), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.sampled_from((0.0, 0.3, 0.5, 4.0, 5.0, 33.0, 200.0))),
)


class Chaos(Rig):
    """A rig that plays any operation and watches what each transaction's user is told."""

    def __init__(self):
        super().__init__()
        self.told: dict[object, list[str]] = {}

    def note_of(self, transaction, what):
        self.told.setdefault(transaction, []).append(what)

    def response_received(self, transaction, response, now):
        status = response.status
        self.note_of(transaction, "1xx" if status < 200 else "2xx" if status < 300 else "failure")

    def timed_out(self, transaction, now):
        self.note_of(transaction, "ended")

    def transport_failed(self, transaction, now):
        self.note_of(transaction, "ended")

    def server_terminated(self, transaction, now):
        self.note_of(transaction, "ended")

    def play(self, name, *given):
        match name, *given:
            case "start", method, flow:
                number = len(self.clients)
                data = sip.request(method, branch=f"z9hG4bK-edge-{number}")
                self.start(data, flow)
            case "request", method, number:
                flow = TCP if number == 0 else UDP
                self.request(sip.request(method, branch=f"z9hG4bK-phone-{number}"), flow)
            case "respond", number, status if self.servers:
                self.respond(self.servers[number % len(self.servers)], status)
            case "response", number, status if self.clients:
                client = self.clients[number % len(self.clients)]
                self.response(sip.response(self.request_of(client), status), client.flow)
            case "response to cancel", number, status if self.clients:
                client = self.clients[number % len(self.clients)]
                self.response(sip.response(sip.cancel(self.request_of(client)), status), client.flow)
            case "cancel", number if self.clients:
                self.layer.cancel(self.clients[number % len(self.clients)], self.now)
            case "abandon", number if self.clients:
                self.layer.abandon(self.clients[number % len(self.clients)])
            case "nudge", number if self.clients:
                self.layer.nudge(self.clients[number % len(self.clients)], self.now)
            case "client error", number if self.clients:
                self.layer.transport_failed(self.clients[number % len(self.clients)], self.now)
            case "server error", number if self.servers:
                self.layer.transport_failed(self.servers[number % len(self.servers)], self.now)
            case "wait", seconds:
                self.advance(self.now + seconds)

    def do_the_users_duty(self):
        """Answer every request and cancel whatever still rings, as a transaction user must."""
        for server in self.servers:
            self.respond(server, 500)
        for client in self.clients:
            self.layer.cancel(client, self.now)


@settings(max_examples=150, deadline=None)
@given(st.lists(OPERATION, max_size=40))
def test_whatever_happens_nothing_raises_and_every_transaction_ends(operations):
    rig = Chaos()

    for operation in operations:
        rig.play(*operation)
    rig.do_the_users_duty()
    rig.run_out()

    assert (rig.layer.client_count, rig.layer.server_count, len(rig.queue)) == (0, 0, 0)
    assert {transaction.state for transaction in (*rig.clients, *rig.servers)} <= {State.TERMINATED}
    for server in rig.servers:
        assert rig.told[server] == ["ended"]
    for client in rig.clients:
        told = rig.told.get(client, [])
        assert told.count("ended") + told.count("failure") <= 1
        assert "ended" not in told[:-1], "nothing is said after the end"
        assert not ("ended" in told and "2xx" in told), "an answered call does not time out"
        if not client.abandoned:
            assert {"ended", "failure", "2xx"} & set(told), "the user is not left waiting"
        if client.cancel_sent:
            assert "1xx" in told, "no CANCEL before a provisional (§9.1)"
