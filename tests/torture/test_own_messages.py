"""Whatever arrives, the outcome is the one in the table, and nothing but an answer ever comes of a broken message."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipcore.syntax import parse_message

from .judge import FLOW, judge, judge_stream, make_core
from .messages import DATAGRAMS, STREAMS, request


@pytest.mark.parametrize("hostile", DATAGRAMS, ids=lambda hostile: hostile.name)
def test_a_hostile_datagram_gets_what_it_deserves(hostile):
    assert judge(hostile.data) == hostile.verdict


@pytest.mark.parametrize(("_case", "data", "verdicts"), STREAMS)
def test_a_hostile_stream_gets_what_it_deserves(_case, data, verdicts):
    assert judge_stream(data) == verdicts


def test_each_message_has_a_name_of_its_own():
    assert len({hostile.name for hostile in DATAGRAMS}) == len(DATAGRAMS)


def test_requests_whose_branch_is_only_the_cookie_are_not_taken_for_one_another():
    core = make_core()
    bare = request(("z9hG4bK-hostile", "z9hG4bK"))

    for data in (bare, bare.replace(b"a-call", b"b-call"), bare):
        core.receive_message(parse_message(data), FLOW, 0.0)

    received = []
    while (event := core.next_event()) is not None:
        received.append(event.request.request.call_id)
    assert received == ["a-call@198.51.100.7", "b-call@198.51.100.7"]


MESSAGES = [hostile.data for hostile in DATAGRAMS if len(hostile.data) < 2000]


@settings(max_examples=150)
@given(
    st.sampled_from(MESSAGES),
    st.sampled_from(MESSAGES),
    st.integers(0, 600),
    st.integers(0, 600),
    st.binary(max_size=4),
)
def test_splices_of_hostile_messages_never_break_the_core(one, other, cut, resume, between):
    verdict = judge(one[:cut] + between + other[resume:])

    assert verdict in ("routed", "registered", "response", "dropped") or verdict.startswith("answered ")
