"""The token in Record-Route."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipcore.contract.flow import Flow
from sipcore.proxy.flow_token import FlowTokens
from sipcore.syntax import Request, parse_message
from tests.support import sip
from tests.support.sip import ALICE, BOB

TOKENS = FlowTokens(b"a secret of the tests")

flows = st.builds(
    Flow,
    st.sampled_from(["udp", "tcp", "tls", "ws", "wss"]),
    st.one_of(
        st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str), st.just("gw.example.net"), st.just("1.2.3")
    ),
    st.integers(1, 65535),
    st.one_of(st.just(""), st.text("abcdef0123456789-w", max_size=20)),
)


def request(*, from_tag: str = "alice", to_tag: str = "bob", call_id: str = "call-1") -> Request:
    parsed = parse_message(sip.request("INFO", from_tag=from_tag, to_tag=to_tag, call_id=call_id))
    assert isinstance(parsed, Request)
    return parsed


@given(flows, flows)
def test_both_flows_come_back_from_either_direction(caller: Flow, callee: Flow) -> None:
    token = TOKENS.make("call-1", "alice", caller, callee)

    assert TOKENS.read(token, request()) == (True, caller, callee)
    assert TOKENS.read(token, request(from_tag="bob", to_tag="alice")) == (False, callee, caller)


def test_it_is_short_for_phones_on_udp() -> None:
    assert len(TOKENS.make("call-1", "alice", ALICE, BOB)) == 35


@pytest.mark.parametrize(
    "_case, fields",
    [("another call", {"call_id": "other"}), ("other sides", {"from_tag": "eve", "to_tag": "mallory"})],
)
def test_it_is_good_for_its_dialog_only(_case: str, fields: dict[str, str]) -> None:
    assert TOKENS.read(TOKENS.make("call-1", "alice", ALICE, BOB), request(**fields)) is None


def test_another_secret_makes_another_token() -> None:
    token = FlowTokens(b"a secret of somebody else").make("call-1", "alice", ALICE, BOB)

    assert TOKENS.read(token, request()) is None


@given(st.text(max_size=450))
def test_whatever_is_no_token_is_none(text: str) -> None:
    assert TOKENS.read(text, request()) is None


@given(st.integers(0, 29), st.sampled_from("Aa0-_"))
def test_a_token_with_one_character_changed_is_none(position: int, character: str) -> None:
    token = TOKENS.make("call-1", "alice", ALICE, BOB)
    changed = token[:position] + character + token[position + 1 :]

    content = TOKENS.read(changed, request())

    assert content is None or content == TOKENS.read(token, request())  # the last character has bits to spare


@given(flows)
def test_the_token_for_another_edge_names_the_flow_for_one_call(flow: Flow) -> None:
    token = TOKENS.make_for_edge("call-1", "alice", flow)

    assert TOKENS.read_for_edge(token, request()) == flow
    assert TOKENS.read_for_edge(token, request(call_id="call-2")) is None
    assert TOKENS.read_for_edge(token, request(from_tag="mallory")) is None
    assert FlowTokens(b"another secret of the tests").read_for_edge(token, request()) is None


def test_neither_token_is_taken_for_the_other() -> None:
    flow = Flow("udp", "192.0.2.1", 5060)

    assert TOKENS.read(TOKENS.make_for_edge("call-1", "alice", flow), request()) is None
    assert TOKENS.read_for_edge(TOKENS.make("call-1", "alice", flow, flow), request()) is None
    for nonsense in ("", "A", "=" * 40, "A" * 21, "A" * 399, "밥" * 30):
        assert TOKENS.read_for_edge(nonsense, request()) is None
