"""The token in our Record-Route: proof that a dialog is ours, and the way to both of its ends.

A phone behind NAT, on TCP or in a browser is reached only over the flow it speaks from, whatever address its Contact
shows. RFC 5626 §5.2 puts that flow into the user part of a URI that comes back as Route, and so do we, for both sides
of a dialog: no dialog state is needed here, and a restarted worker still forwards a BYE.

    hex( MAC[8] )  base64url( caller's flow  callee's flow )

The MAC is keyed BLAKE2b over the flows as written, the Call-ID and the caller's tag. It therefore also says who speaks: it is
right with the From tag of a request that the caller sends, and with the To tag of one that the callee sends. Whoever
has no dialog through us has no token, so a forged Route relays nothing.

Eight bytes of MAC: a guess is a request to us, and 2^63 of them are more than a dialog lasts. A UDP flow over IPv4
takes seven bytes, so the token of most calls is 35 characters long.
"""

from __future__ import annotations

import hmac
from binascii import a2b_base64, b2a_base64
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from ..contract.flow import Flow

if TYPE_CHECKING:
    from ..syntax import Request

__all__ = ["FlowTokens", "TokenContent"]

_TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")
_CODES = {name: code for code, name in enumerate(_TRANSPORTS)}
_IS_IPV4 = 0x10
_HAS_CONNECTION = 0x20
_MAC_SIZE = 8
_MAC_LENGTH = 16  # of its text
_EDGE_MAC_SIZE = 16  # no dialog limits how long one may guess
_EDGE_MAC_LENGTH = 32
_SHORTEST = 20
_LONGEST = 400  # characters; a user part beyond is not looked at. Two flows with long names take under 300.
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


class TokenContent(NamedTuple):
    """What a valid token says about the request that carries it."""

    from_caller: bool
    "Whether the request goes from the caller to the callee."
    here: Flow
    "The flow of the side that sends, as it was when the dialog began."
    there: Flow
    "The flow of the side that receives."


class FlowTokens:
    """Makes and reads the tokens of one edge."""

    __slots__ = ("_for_edge", "_keyed")

    def __init__(self, secret: bytes) -> None:
        key = secret[: blake2b.MAX_KEY_SIZE]
        self._keyed = blake2b(key=key, digest_size=_MAC_SIZE, person=b"record-route")
        self._for_edge = blake2b(key=key, digest_size=_EDGE_MAC_SIZE, person=b"edge-route")

    def make(self, call_id: str, caller_tag: str, caller: Flow, callee: Flow) -> str:
        """The token for a dialog, to be the user part of a Record-Route URI."""
        flows = _written(caller, callee)
        return _mac(self._keyed, flows, call_id, caller_tag) + flows

    def make_for_edge(self, call_id: str, caller_tag: str, flow: Flow) -> str:
        """The token that asks another edge to send this request over a flow of its own: the user part of a Route URI.

        RFC 5626 §5.2 has the edge write it into the Path of a registration, where it is good for any call. This is made by
        whoever sends, with the secret that all edges share, and is good for one call: who has seen it can do nothing with it.
        """
        written = _written(flow)
        return _mac(self._for_edge, written, call_id, caller_tag) + written

    def read_for_edge(self, token: str, request: Request) -> Flow | None:
        """The flow that such a token asks for; None when it is not valid for this request."""
        if not _may_be_a_token(token):
            return None
        mac, written = token[:_EDGE_MAC_LENGTH], token[_EDGE_MAC_LENGTH:]
        if hmac.compare_digest(mac, _mac(self._for_edge, written, request.call_id, request.from_tag)):
            return _unpack(_from_text(written))[0]
        return None

    def read(self, token: str, request: Request) -> TokenContent | None:
        """What the token says to a request that carries it; None when it is not valid for that one."""
        if not _may_be_a_token(token):
            return None
        mac, flows, call_id = token[:_MAC_LENGTH], token[_MAC_LENGTH:], request.call_id
        if hmac.compare_digest(mac, _mac(self._keyed, flows, call_id, request.from_tag)):
            return _read(flows)[0]
        if hmac.compare_digest(mac, _mac(self._keyed, flows, call_id, request.to_tag)):
            return _read(flows)[1]
        return None


def _mac(keyed: blake2b, written: str, call_id: str, tag: str) -> str:
    mac = keyed.copy()
    mac.update(f"{call_id}\0{tag}\0{written}".encode("utf-8", "surrogateescape"))
    return mac.hexdigest()


def _may_be_a_token(text: str) -> bool:
    return _SHORTEST < len(text) < _LONGEST and text.isascii()


def _to_text(data: bytes) -> str:
    return b2a_base64(data, newline=False).translate(_TO_URL, b"=").decode("ascii")


def _from_text(text: str) -> bytes:
    """Only asked for what a MAC says is our own, hence well-formed."""
    return a2b_base64(text.encode("ascii").translate(_FROM_URL) + b"==")


@lru_cache(maxsize=4096)
def _written(*flows: Flow) -> str:
    return _to_text(b"".join(map(_pack, flows)))


@lru_cache(maxsize=4096)
def _read(flows: str) -> tuple[TokenContent, TokenContent]:
    """What it says to a request of the caller, and to one of the callee."""
    caller, rest = _unpack(_from_text(flows))
    callee, _ = _unpack(rest)
    return TokenContent(True, caller, callee), TokenContent(False, callee, caller)


def _pack(flow: Flow) -> bytes:
    code = _CODES[flow.transport]
    host = flow.host.encode("utf-8", "surrogateescape")[:255]
    octets = flow.host.split(".")
    if len(octets) == 4 and all(octet.isascii() and octet.isdigit() and int(octet) < 256 for octet in octets):
        code |= _IS_IPV4
        packed = bytes(map(int, octets))
    else:
        packed = bytes((len(host),)) + host
    connection = flow.connection.encode("utf-8", "surrogateescape")[:255]
    if connection:
        code |= _HAS_CONNECTION
        connection = bytes((len(connection),)) + connection
    return b"%c%b%b%b" % (code, packed, flow.port.to_bytes(2, "big"), connection)


def _unpack(data: bytes) -> tuple[Flow, bytes]:
    code = data[0]
    if code & _IS_IPV4:
        host, at = ".".join(map(str, data[1:5])), 5
    else:
        at = 2 + data[1]
        host = data[2:at].decode("utf-8", "surrogateescape")
    port = int.from_bytes(data[at : at + 2], "big")
    at += 2
    connection = ""
    if code & _HAS_CONNECTION:
        end = at + 1 + data[at]
        connection = data[at + 1 : end].decode("utf-8", "surrogateescape")
        at = end
    return Flow(_TRANSPORTS[code & 0x0F], host, port, connection), data[at:]
