"""What siblings say to one another: a line of words, and behind it a SIP message as it was on the wire.

    received  this came over that flow, and you have charge of it
    whose     this came over that flow; who has the transaction of it? If none of you: it is the first one's
    send      send this over that connection of yours
    unsent    that did not go
    closed    that connection of mine has been closed
    hello     my name, and how the names of my connections begin

The words are kind, transport, host, port, connection and names; those that do not apply are empty.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from ..contract.flow import Flow

__all__ = ["CLOSED", "HELLO", "RECEIVED", "SEND", "UNSENT", "WHOSE", "Frame", "hello", "pack", "unpack"]

RECEIVED, WHOSE, SEND, UNSENT, CLOSED, HELLO = "received", "whose", "send", "unsent", "closed", "hello"


class Frame(NamedTuple):
    """One frame, read."""

    kind: str
    flow: Flow
    names: tuple[str, ...]
    "Of a `whose`: the worker that asks first, then those that are still to be asked."
    data: bytes


def pack(kind: str, flow: Flow, data: bytes = b"", names: tuple[str, ...] = ()) -> bytes:
    """The octets of a frame about a flow."""
    return _head(kind, flow, names) + data


def hello(name: str, run: str) -> bytes:
    """The octets of the first frame of a connection."""
    return pack(HELLO, Flow("", "", 0), names=(name, run))


def unpack(frame: bytes) -> Frame:
    """Read a frame. Raises ValueError when it is none."""
    head, _, data = frame.partition(b"\n")
    kind, flow, names = _words(head)
    return Frame(kind, flow, names, data)


@lru_cache(maxsize=4096)
def _head(kind: str, flow: Flow, names: tuple[str, ...]) -> bytes:
    return f"{kind} {flow.transport} {flow.host} {flow.port} {flow.connection} {','.join(names)}\n".encode()


@lru_cache(maxsize=4096)
def _words(head: bytes) -> tuple[str, Flow, tuple[str, ...]]:
    kind, transport, host, port, connection, names = head.decode().split(" ")
    return kind, Flow(transport, host, int(port), connection), tuple(names.split(",")) if names else ()
