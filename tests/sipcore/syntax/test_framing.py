from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipcore.errors import MalformedMessage
from sipcore.syntax.framing import PING, StreamFramer
from sipcore.syntax.grammar import MAX_HEADER_BYTES

from .samples import INVITE, RESPONSE, wire

BARE = wire("ACK sip:a@b SIP/2.0\nVia: SIP/2.0/TCP a;branch=z9hG4bK1")
ITEMS = st.lists(st.sampled_from([INVITE, RESPONSE, BARE, PING]), max_size=6)


@given(ITEMS, st.data())
def test_framing_survives_any_split(items, data):
    stream = b"".join(items)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    framer = StreamFramer()

    pieces = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    framed = [message for piece in pieces for message in framer.feed(piece)]

    assert framed == items
    assert framer.pending == 0


def test_octets_one_by_one():
    framer = StreamFramer()

    assert [message for octet in INVITE + PING + BARE for message in framer.feed(bytes([octet]))] == [
        INVITE,
        PING,
        BARE,
    ]


def test_a_body_may_contain_what_looks_like_messages():
    body = b"\r\n\r\n" + RESPONSE
    message = wire(f"MESSAGE sip:a@b SIP/2.0\nl : {len(body)}", body)

    assert StreamFramer().feed(message + PING) == [message, PING]


def test_a_single_crlf_between_messages_is_nothing():
    framer = StreamFramer()

    assert framer.feed(b"\r\n" + BARE + b"\r\n") == [BARE]
    assert framer.feed(RESPONSE) == [RESPONSE]


def test_a_folded_content_length_counts():
    message = wire("MESSAGE sip:a@b SIP/2.0\nContent-Length:\n  3", b"abc")

    assert StreamFramer().feed(message) == [message]


def test_a_header_whose_name_ends_like_content_length_does_not_count():
    message = wire("MESSAGE sip:a@b SIP/2.0\nX-Content-Length: 9\nSubject: l: 9\nnull: 9")

    assert StreamFramer().feed(message) == [message]


@pytest.mark.parametrize(
    ("_case", "stream"),
    [
        ("not a number", wire("MESSAGE sip:a@b SIP/2.0\nContent-Length: x")),
        ("negative", wire("MESSAGE sip:a@b SIP/2.0\nContent-Length: -1")),
        ("empty", wire("MESSAGE sip:a@b SIP/2.0\nContent-Length:")),
        ("twice", wire("MESSAGE sip:a@b SIP/2.0\nContent-Length: 0\nl: 0")),
        ("too long", wire("MESSAGE sip:a@b SIP/2.0\nContent-Length: 70000")),
        ("absurd", wire("MESSAGE sip:a@b SIP/2.0\nContent-Length: " + "9" * 5000)),
        ("endless header block", b"MESSAGE sip:a@b SIP/2.0\r\nX: " + b"1" * MAX_HEADER_BYTES),
        ("long header block", wire("MESSAGE sip:a@b SIP/2.0\nX: " + "1" * MAX_HEADER_BYTES)),
        ("bare line feed", b"MESSAGE sip:a@b SIP/2.0\nContent-Length: 0\r\n\r\n"),
        ("bare carriage return in front", b"\rMESSAGE"),
    ],
)
def test_a_stream_that_cannot_be_trusted_further_is_refused(_case, stream):
    with pytest.raises(MalformedMessage) as caught:
        StreamFramer().feed(stream)
    assert caught.value.status_hint == 0


def test_messages_in_front_of_a_break_are_not_lost():
    framer = StreamFramer()

    assert framer.feed(INVITE + b"x\n\r\n\r\n") == [INVITE]
    assert framer.error is not None
    with pytest.raises(MalformedMessage):
        framer.feed(RESPONSE)


@given(st.binary(max_size=200))
def test_noise_is_refused_or_waited_for(noise):
    framer = StreamFramer()
    try:
        framer.feed(noise)
    except MalformedMessage:
        return
    assert framer.pending <= len(noise)
