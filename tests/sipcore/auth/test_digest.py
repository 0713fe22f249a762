from __future__ import annotations

import hashlib

import pytest

from sipcore.auth import Credentials, challenges, offered_to, uri_matches, verify
from sipcore.contract.credentials import ha1
from sipcore.syntax import parse_challenge_like, parse_message


def credentials(**fields: str) -> Credentials:
    given = {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "response": "",
        "algorithm": "MD5",
        "qop": "auth",
        "nc_text": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    }
    return Credentials(**(given | fields))


def mufasa(realm: str, password: str) -> dict[str, str]:
    return {name: ha1(name, "Mufasa", realm, password) for name in ("MD5", "SHA-256")}


RFC7616 = mufasa("http-auth@example.org", "Circle of Life")
RFC2617 = {
    "realm": "testrealm@host.com",
    "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    "cnonce": "0a4f113b",
}


@pytest.mark.parametrize(
    ("_case", "fields", "secrets"),
    [
        ("RFC 7616 §3.9.1, MD5", {"response": "8ca523f5e9506fed4657c9700eebdbec"}, RFC7616),
        (
            "RFC 7616 §3.9.1, SHA-256",
            {"algorithm": "SHA-256", "response": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
            RFC7616,
        ),
        (
            "RFC 2617 §3.5",
            RFC2617 | {"response": "6629fae49393a05397450978507c4ef1"},
            mufasa("testrealm@host.com", "Circle Of Life"),
        ),
        (
            "RFC 2069 §2.4 as corrected by erratum 749",
            {
                "realm": "testrealm@host.com",
                "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
                "qop": "",
                "nc_text": "",
                "cnonce": "",
                "response": "1949323746fe6a43ef61f9606e7febea",
            },
            mufasa("testrealm@host.com", "CircleOfLife"),
        ),
        ("upper-case hex", {"response": "8CA523F5E9506FED4657C9700EEBDBEC"}, RFC7616),
    ],
)
def test_the_examples_of_the_rfcs_are_right(_case, fields, secrets):
    assert verify(credentials(**fields), "GET", secrets)


def test_auth_int_covers_the_body():
    """RFC 7616 §3.4.3, computed by hand: no RFC has an example."""
    body = b"v=0\r\n"
    a2 = f"INVITE:sip:102@pbx.example:{hashlib.sha256(body).hexdigest()}"
    middle = "n:00000001:c:auth-int"
    known = ha1("SHA-256", "101", "pbx.example", "secret")
    response = hashlib.sha256(f"{known}:{middle}:{hashlib.sha256(a2.encode()).hexdigest()}".encode()).hexdigest()
    signed = credentials(
        uri="sip:102@pbx.example", nonce="n", cnonce="c", qop="auth-int", algorithm="SHA-256", response=response
    )

    assert verify(signed, "INVITE", {"SHA-256": known}, body)
    assert not verify(signed, "INVITE", {"SHA-256": known}, body + b"a=sendonly\r\n")


@pytest.mark.parametrize(
    ("_case", "fields", "method"),
    [
        ("another method", {}, "POST"),
        ("another count", {"nc_text": "00000002"}, "GET"),
        ("another URI", {"uri": "/dir"}, "GET"),
        ("another nonce", {"nonce": "7ypf"}, "GET"),
        ("protection named otherwise", {"qop": "auth-conf"}, "GET"),
        ("qop without a count", {"nc_text": ""}, "GET"),
        ("qop without a client nonce", {"cnonce": ""}, "GET"),
        ("qop taken away", {"qop": ""}, "GET"),
        ("an algorithm we have no HA1 for", {"algorithm": "SHA-512-256"}, "GET"),
        ("a response that is no hex", {"response": "pässword\udcff"}, "GET"),
        ("an empty response", {"response": ""}, "GET"),
    ],
)
def test_whatever_was_changed_makes_it_wrong(_case, fields, method):
    right = {"response": "8ca523f5e9506fed4657c9700eebdbec"}

    assert not verify(credentials(**(right | fields)), method, RFC7616)


def test_octets_that_are_no_utf_8_are_hashed_as_they_came():
    known = ha1("MD5", "101", "pbx.example", "secret")
    a2 = hashlib.md5(b"REGISTER:sip:caf\xe9@pbx.example").hexdigest()
    response = hashlib.md5(f"{known}:n:{a2}".encode()).hexdigest()
    signed = credentials(uri="sip:caf\udce9@pbx.example", nonce="n", qop="", response=response)

    assert verify(signed, "REGISTER", {"MD5": known})


def test_a_challenge_names_each_algorithm_and_first_the_one_that_every_phone_knows():
    assert challenges("pbx.example", "n1", stale=True) == [
        'Digest realm="pbx.example", nonce="n1", algorithm=MD5, qop="auth", stale=true',
        'Digest realm="pbx.example", nonce="n1", algorithm=SHA-256, qop="auth", stale=true',
    ]


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        ("baresip v1.0.0 (x86_64/linux)", ("MD5",)),
        ("Linphonec/5.1.65", ("MD5", "SHA-256")),
        ("baresipphone", ("MD5", "SHA-256")),
        ("", ("MD5", "SHA-256")),
    ],
)
def test_a_phone_that_gives_up_at_an_unknown_algorithm_is_not_shown_one(user_agent, expected):
    assert offered_to(user_agent) == expected


def test_a_first_challenge_says_nothing_of_stale():
    assert challenges("pbx.example", "n1", algorithms=("MD5",)) == [
        'Digest realm="pbx.example", nonce="n1", algorithm=MD5, qop="auth"'
    ]


def test_a_realm_with_quotes_survives():
    (value,) = challenges('the "best" \\ pbx', "n1", algorithms=("MD5",))

    assert parse_challenge_like(value)[1]["realm"] == 'the "best" \\ pbx'


OURS = frozenset({"pbx.example", "203.0.113.1"})


@pytest.mark.parametrize(
    ("_case", "signed", "target", "loosely", "strictly"),
    [
        ("the same", "sip:102@pbx.example", "sip:102@pbx.example", True, True),
        ("a port more", "sip:102@pbx.example:5060", "sip:102@pbx.example", True, True),
        ("parameters less", "sip:102@pbx.example", "sip:102@pbx.example;user=phone", True, True),
        ("escapes", "sip:%3102@pbx.example", "sip:102@PBX.example", True, True),
        ("sipp: our address, no user", "sip:203.0.113.1:5060", "sip:102@pbx.example", True, True),
        ("our address for our domain", "sip:102@203.0.113.1", "sip:102@pbx.example", True, True),
        ("another user", "sip:103@pbx.example", "sip:102@pbx.example", False, False),
        ("a user for a server", "sip:103@pbx.example", "sip:pbx.example", False, False),
        ("another host", "sip:102@evil.example", "sip:102@pbx.example", True, False),
        ("a server elsewhere", "sip:evil.example", "sip:102@pbx.example", True, False),
        ("from here to elsewhere", "sip:pbx.example", "sip:102@evil.example", True, False),
        ("numbers", "tel:+3212", "tel:+3213", False, False),
        ("no URI at all", "/index.html", "sip:102@pbx.example", False, False),
    ],
)
def test_the_signed_uri_may_differ_in_text_but_not_in_what_it_names(_case, signed, target, loosely, strictly):
    request = parse_message(f"INVITE {target} SIP/2.0\r\nContent-Length: 0\r\n\r\n".encode())

    assert uri_matches(credentials(uri=signed), request) is loosely
    assert uri_matches(credentials(uri=signed), request, OURS) is strictly
