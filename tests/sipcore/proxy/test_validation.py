"""Whether a request may be proxied (RFC 3261 §16.3). What the sender gets is in `test_upcalls`."""

from __future__ import annotations

import pytest

from sipcore.proxy.validation import refusal
from sipcore.syntax import parse_message
from tests.support import sip

from .world import make_edge


@pytest.mark.parametrize(
    "_case, data, status",
    [
        ("an ordinary one", sip.invite(), None),
        ("sips", sip.invite("sips:bob@example.org"), None),
        ("tel", sip.invite("tel:+4930123456"), None),
        ("http", sip.invite("http://example.org/"), 416),
        ("one hop left", sip.invite(max_forwards=1), None),
        ("no hops left", sip.invite(max_forwards=0), 483),
        ("no Max-Forwards", sip.invite(max_forwards=None), None),
        ("OPTIONS for us", sip.request("OPTIONS", "sip:example.org", max_forwards=0), None),
        ("OPTIONS for others", sip.request("OPTIONS", "sip:example.net", max_forwards=0), 483),
        ("Proxy-Require", sip.invite(headers=[("Proxy-Require", "sec-agree")]), 420),
        ("Require is not ours to judge", sip.invite(headers=[("Require", "100rel")]), None),
    ],
)
def test_what_is_refused(_case: str, data: bytes, status: int | None) -> None:
    refused = refusal(parse_message(data), make_edge())

    assert (refused and refused.status) == status
