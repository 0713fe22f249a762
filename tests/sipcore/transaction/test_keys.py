from __future__ import annotations

import pytest

from sipcore.syntax import parse_message
from sipcore.transaction.keys import invite_key, is_rfc2543, server_key
from tests.support import sip

INVITE = sip.invite()
OLD = {"branch": "", "via_parameters": ""}


def key(data: bytes):
    return server_key(parse_message(data))


SAME = {
    "a_retransmission": sip.invite(),
    "another_call_id_even": sip.invite(call_id="other"),
    "the_ack_to_a_rejection": sip.ack(INVITE, sip.response(INVITE, 486)),
}
OTHER = {
    "another_branch": sip.invite(branch="z9hG4bK-alice-2"),
    "another_sent_by": sip.invite(via="192.0.2.9:5060"),
    "another_port": sip.invite(via="192.0.2.1:5061"),
    "its_cancel": sip.cancel(INVITE),
    "another_method": sip.request("OPTIONS"),
}


@pytest.mark.parametrize("other", SAME.values(), ids=SAME)
def test_matches(other):
    """RFC 3261 §17.2.3: the branch, the sent-by and the method; the method of an ACK counts as INVITE."""
    assert key(other) == key(INVITE) == ("z9hG4bK-alice-1", "192.0.2.1:5060", "INVITE")


@pytest.mark.parametrize("other", OTHER.values(), ids=OTHER)
def test_does_not_match(other):
    assert key(other) != key(INVITE)


def test_sent_by_is_compared_without_regard_to_case():
    assert key(sip.invite(via="Alice.Example.ORG")) == key(sip.invite(via="alice.example.org"))


def test_a_cancel_is_for_the_invite_of_its_branch():
    """RFC 3261 §9.2."""
    assert invite_key(parse_message(sip.cancel(INVITE))) == key(INVITE)


OLD_INVITE = sip.invite(**OLD)
OLD_OTHER = {
    "another_target": sip.invite("sip:carol@example.org", to="<sip:bob@example.org>", **OLD),
    "another_from_tag": sip.invite(from_tag="desk", **OLD),
    "another_call_id": sip.invite(call_id="other", **OLD),
    "another_number": sip.invite(cseq=2, **OLD),
    "another_sent_by": sip.invite(via="192.0.2.9:5060", **OLD),
    "its_cancel": sip.cancel(OLD_INVITE),
}


@pytest.mark.parametrize("other", OLD_OTHER.values(), ids=OLD_OTHER)
def test_requests_of_rfc_2543_clients_are_told_apart(other):
    """RFC 3261 §17.2.3, second half."""
    assert key(other) != key(OLD_INVITE)


def test_requests_of_rfc_2543_clients_are_matched():
    ack = sip.ack(OLD_INVITE, sip.response(OLD_INVITE, 486))

    assert key(sip.invite(**OLD)) == key(ack) == invite_key(parse_message(sip.cancel(OLD_INVITE))) == key(OLD_INVITE)
    assert is_rfc2543(key(OLD_INVITE))


@pytest.mark.parametrize("branch", ["", "1", "z9hG4bK"])
def test_a_branch_that_is_not_unique_is_not_trusted(branch):
    """RFC 4475 §3.1.2.15: a branch of nothing but the magic cookie; RFC 2543: any other or none."""
    first, second = (key(sip.invite(branch=branch, call_id=call_id)) for call_id in ("1", "2"))

    assert first != second


def test_what_transport_adds_to_the_via_does_not_matter():
    """RFC 3261 §18.2.1, RFC 3581 §4: received and rport; a NAT may give a retransmission another port."""
    first, second = (key(sip.invite(branch="", via_parameters=f";rport={port}")) for port in (1024, 1025))

    assert first == second
