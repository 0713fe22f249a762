"""What siblings say can be read again, and nothing else can."""

from __future__ import annotations

import pytest

from sipcore.contract.flow import Flow
from sipcore.siblings.frames import CLOSED, HELLO, RECEIVED, WHOSE, hello, pack, unpack

MESSAGE = b"SIP/2.0 200 OK\r\nCall-ID: a\r\n\r\nbody\nof lines\n"
UDP, TCP = Flow("udp", "192.0.2.1", 5060), Flow("tcp", "2001:db8::1", 40001, "1f2e3d4c-a7")


@pytest.mark.parametrize(
    ("kind", "flow", "data", "names"),
    [
        (RECEIVED, UDP, MESSAGE, ()),
        (RECEIVED, TCP, MESSAGE, ()),
        (WHOSE, UDP, MESSAGE, ("w1",)),
        (CLOSED, TCP, b"", ()),
    ],
)
def test_a_frame_is_read_as_it_was_written(kind, flow, data, names):
    assert unpack(pack(kind, flow, data, names)) == (kind, flow, names, data)


def test_a_greeting_tells_the_name_and_the_run():
    frame = unpack(hello("w1~_-", "1f2e"))

    assert (frame.kind, frame.names) == (HELLO, ("w1~_-", "1f2e"))


@pytest.mark.parametrize("octets", [b"", b"\n", b"received udp", b"received udp h port  \n", b"\xff \xff a 1 b c\n"])
def test_what_is_no_frame_is_refused(octets):
    with pytest.raises(ValueError):
        unpack(octets)
