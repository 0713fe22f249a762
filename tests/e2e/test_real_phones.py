"""baresip and linphone register and call each other, over UDP and TCP, and either side ends the call."""

from __future__ import annotations

import pytest

from .clients.baresip import Baresip
from .clients.linphone import Linphone

DIRECTIONS = [
    pytest.param("udp_baresip", "other_udp_baresip", id="udp-to-udp"),
    pytest.param("udp_baresip", "tcp_baresip", id="udp-to-tcp"),
    pytest.param("tcp_baresip", "udp_baresip", id="tcp-to-udp"),
]


@pytest.mark.parametrize("ended_by", ["caller", "callee"])
@pytest.mark.parametrize(("calling", "called"), DIRECTIONS)
def test_a_call_is_answered_and_ends_on_both_sides(
    calling: str, called: str, ended_by: str, request: pytest.FixtureRequest
) -> None:
    caller: Baresip = request.getfixturevalue(calling)
    callee: Baresip = request.getfixturevalue(called)

    caller.dial(callee.user)
    callee.wait_for_call()
    caller.wait_for("CALL_RINGING")
    callee.accept()
    caller.wait_for("CALL_ESTABLISHED")
    callee.wait_for("CALL_ESTABLISHED")
    (caller if ended_by == "caller" else callee).hang_up()

    caller.wait_for("CALL_CLOSED")
    callee.wait_for("CALL_CLOSED")


@pytest.mark.parametrize(("calling", "called"), DIRECTIONS)
def test_a_caller_who_gives_up_stops_the_ringing(calling: str, called: str, request: pytest.FixtureRequest) -> None:
    caller: Baresip = request.getfixturevalue(calling)
    callee: Baresip = request.getfixturevalue(called)

    caller.dial(callee.user)
    callee.wait_for_call()
    caller.wait_for("CALL_RINGING")
    caller.hang_up()

    callee.wait_for("CALL_CLOSED")
    assert callee.saw("CALL_ESTABLISHED") == 0


def test_linphone_calls_baresip(linphone: Linphone, udp_baresip: Baresip) -> None:
    linphone.dial(udp_baresip.user)
    udp_baresip.wait_for_call()
    linphone.wait_for("OutgoingRinging")
    udp_baresip.accept()
    linphone.wait_for("StreamsRunning")
    linphone.hang_up()

    udp_baresip.wait_for("CALL_CLOSED")
    linphone.wait_for("Released")


def test_baresip_calls_linphone(linphone: Linphone, tcp_baresip: Baresip) -> None:
    tcp_baresip.dial(linphone.user)
    linphone.wait_for("IncomingReceived")
    linphone.accept()
    tcp_baresip.wait_for("CALL_ESTABLISHED")
    tcp_baresip.hang_up()

    linphone.wait_for("Released")


def test_linphone_declines_and_baresip_is_told(linphone: Linphone, udp_baresip: Baresip) -> None:
    udp_baresip.dial(linphone.user)
    linphone.wait_for("IncomingReceived")
    linphone.hang_up()

    assert "603" in udp_baresip.wait_for("CALL_CLOSED")["param"]
    linphone.wait_for("Released")


def test_a_number_that_nobody_has_is_not_found(udp_baresip: Baresip) -> None:
    udp_baresip.dial("no-such-number")

    assert "404" in udp_baresip.wait_for("CALL_CLOSED")["param"]
