from __future__ import annotations

import pytest

from sipcore.syntax import check_request, check_response, parse_message
from tests.support import sip

INVITE = sip.invite()

REQUESTS = {
    "invite": INVITE,
    "register": sip.register(),
    "bye": sip.bye(),
    "cancel": sip.cancel(INVITE, headers=[("Reason", "SIP;cause=200")]),
    "ack": sip.ack(INVITE, sip.response(INVITE, 486)),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_every_built_request_is_a_valid_one(request_):
    check_request(parse_message(request_))


def test_a_built_response_is_a_valid_one_and_answers_its_request():
    response = parse_message(sip.response(INVITE, 180))

    check_response(response)
    assert (response.status, response.reason, response.to_tag) == (180, "Ringing", "bob")
    assert response.top_via.branch == parse_message(INVITE).top_via.branch


def test_a_cancel_shares_branch_and_number_with_its_invite():
    cancel = parse_message(REQUESTS["cancel"])

    assert (cancel.top_via.branch, cancel.cseq_number, cancel.cseq_method) == ("z9hG4bK-alice-1", 1, "CANCEL")
    assert cancel.header("reason") == "SIP;cause=200"
