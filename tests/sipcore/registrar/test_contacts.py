from __future__ import annotations

import pytest

from sipcore.registrar import register as register_module
from sipcore.registrar.register import Register

from .phones import register


def read(*texts):
    return Register(register(*texts)).contacts


@pytest.mark.parametrize(
    ("text", "q"), [("0.5", 0.5), ("1", 1.0), ("0", 0.0), ("7", 1.0), ("-1", 1.0), ("nan", 1.0), ("high", 1.0)]
)
def test_a_preference_that_cannot_be_read_is_none(text, q):
    assert read(f"<sip:bob@h>;q={text}")[0].q == q


def test_contacts_are_read_from_lines_and_from_lists():
    assert [c.contact for c in read('"Bob, at work" <sip:a@h>, <sip:b@h;x=1,2>', "sip:c@h;expires=60")] == [
        "sip:a@h",
        "sip:b@h;x=1,2",
        "sip:c@h",
    ]


def test_a_contact_seen_before_is_not_read_again():
    assert read("<sip:again@h>")[0] is read("<sip:again@h>")[0]


def test_a_push_token_is_not_remembered():
    read("<sip:bob@h;pn-provider=fcm;PN-prid=T0KEN>")

    assert not any(b"T0KEN" in value for octets in register_module._remembered for _, value in octets)
