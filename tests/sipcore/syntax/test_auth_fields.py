from __future__ import annotations

import pytest

from sipcore.errors import MalformedMessage
from sipcore.syntax.auth_fields import parse_challenge_like


def test_credentials_are_read_by_lower_case_name():
    value = (
        'Digest username="bob, \\"the\\" builder",realm="pbx.example.org" , NONCE="ab==",uri="sip:101@pbx.example.org",'
        'qop=auth, nc=00000001 ,algorithm=SHA-256, response="0f", opaque=""'
    )

    assert parse_challenge_like(value) == (
        "Digest",
        {
            "username": 'bob, "the" builder',
            "realm": "pbx.example.org",
            "nonce": "ab==",
            "uri": "sip:101@pbx.example.org",
            "qop": "auth",
            "nc": "00000001",
            "algorithm": "SHA-256",
            "response": "0f",
            "opaque": "",
        },
    )


def test_a_scheme_may_stand_alone():
    assert parse_challenge_like(" Negotiate ") == ("Negotiate", {})


@pytest.mark.parametrize(
    "value",
    [
        "",
        'Digest username="open',
        "Digest username",
        'Digest a="1" b="2"',
        'Digest a="1",a="2"',
        'Digest a="1",A="2"',
        "Digest " + ",".join(f"a{n}=1" for n in range(100)),
        "Digest =1",
        "Digest ,",
    ],
)
def test_what_is_no_list_of_pairs_is_refused(value):
    with pytest.raises(MalformedMessage):
        parse_challenge_like(value)
