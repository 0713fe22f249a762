"""Bytes to messages and back (RFC 3261 §7, §19, §20, §25); pure.

`parse_message` indexes, typed properties read on demand, `check_request` asks for what must be there, `build` edits.
A request that `parse_message` or `check_request` refuses is answered by way of `salvage_request` and `make_response`.
"""

from __future__ import annotations

from .address import Address, parse_address
from .auth_fields import parse_challenge_like
from .build import (
    check_header,
    forward_request,
    forward_response,
    make_ack,
    make_cancel,
    make_request,
    make_response,
    with_headers,
)
from .check import check_request, check_response
from .fields import Fields
from .framing import PING, StreamFramer
from .grammar import is_token, quote, split_values, unquote
from .message import Message, Request, Response
from .parameters import parse_parameters
from .parse import parse_message, salvage_request
from .source import note_source, with_via_received
from .status import reason_phrase
from .uri import Uri, parse_uri, uris_equal
from .via import Via, parse_via

__all__ = [
    "PING",
    "Address",
    "Fields",
    "Message",
    "Request",
    "Response",
    "StreamFramer",
    "Uri",
    "Via",
    "check_header",
    "check_request",
    "check_response",
    "forward_request",
    "forward_response",
    "is_token",
    "make_ack",
    "make_cancel",
    "make_request",
    "make_response",
    "note_source",
    "parse_address",
    "parse_challenge_like",
    "parse_message",
    "parse_parameters",
    "parse_uri",
    "parse_via",
    "quote",
    "reason_phrase",
    "salvage_request",
    "split_values",
    "unquote",
    "uris_equal",
    "with_headers",
    "with_via_received",
]
