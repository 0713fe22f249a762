from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipcore.auth import find_credentials, parse_credentials
from sipcore.auth.credentials import _match_usual, _parse_with_care


def value(algorithm: str | None = "SHA-256", realm: str = "pbx.example", scheme: str = "Digest") -> str:
    text = (
        f'{scheme} username="bob", realm="{realm}", nonce="N0NCE", uri="sip:pbx.example", response="S3CRET", '
        'qop=auth, nc=0000000a, cnonce="CN0NCE"'
    )
    return text if algorithm is None else f"{text}, algorithm={algorithm}"


def test_a_value_is_read_in_any_case_and_order():
    read = parse_credentials('DIGEST Response=ab,URI="sip:x",NONCE = "n" , realm="a \\"b\\", c",username="bob"')

    assert (read.username, read.realm, read.nonce, read.uri, read.response) == ("bob", 'a "b", c', "n", "sip:x", "ab")
    assert (read.algorithm, read.qop, read.nc) == ("MD5", "", 0)


def test_credentials_never_show_what_could_be_replayed():
    shown = repr(parse_credentials(value()))

    assert "bob" in shown
    assert not any(secret in shown for secret in ("S3CRET", "N0NCE", "0000000a"))


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "Digest",
        "Basic Ym9iOmJvYg==",
        'Digest username="bob"',
        'Digest username="bob", username="alice", realm="r", nonce="n", uri="u", response="x"',
        'Digest username="bob, realm="r", nonce="n", uri="u", response="x"',
    ],
)
def test_what_cannot_be_read_is_none(broken):
    assert parse_credentials(broken) is None


@pytest.mark.parametrize(
    ("nc", "count"), [("00000001", 1), ("ffffffff", 2**32 - 1), ("1", 1), ("-0000001", 0), ("100000000", 0), ("xyz", 0)]
)
def test_the_nonce_count_is_hexadecimal(nc, count):
    assert parse_credentials(value().replace("0000000a", nc)).nc == count


@pytest.mark.parametrize(
    ("_case", "values", "algorithm"),
    [
        ("one", [value("MD5")], "MD5"),
        ("the strongest of ours", [value("MD5"), value("SHA-256")], "SHA-256"),
        ("in either order", [value("SHA-256"), value("MD5")], "SHA-256"),
        ("without an algorithm", [value(None)], "MD5"),
        ("in any case", [value("sha-256")], "SHA-256"),
        ("behind other realms", [value(realm="other.example"), value("MD5")], "MD5"),
        ("behind other schemes", [value(scheme="Bearer"), "nonsense", value("MD5")], "MD5"),
    ],
)
def test_the_credentials_for_our_realm_are_found_among_several(_case, values, algorithm):
    assert find_credentials(values, "pbx.example").algorithm == algorithm


@pytest.mark.parametrize(
    "values",
    [[], [value(realm="PBX.example")], [value("MD5-sess")], [value("SHA-512-256")], ["Digest x=1"] * 8 + [value()]],
)
def test_credentials_we_did_not_ask_for_are_not_found(values):
    assert find_credentials(values, "pbx.example") is None


def test_only_offered_algorithms_count():
    assert find_credentials([value("MD5")], "pbx.example", algorithms=("SHA-256",)) is None


@given(
    st.lists(
        st.sampled_from(
            [
                "realm",
                "Nonce",
                "x",
                "=",
                '="a"',
                '="a\\\\"b"',
                '="a, b"',
                "=a",
                ",",
                ", ",
                " ",
                "\t",
                '"',
                "\\\\",
                "é",
                "=a=b",
                ";",
            ]
        ),
        max_size=12,
    )
)
def test_the_quick_way_reads_what_the_grammar_reads(parts):
    text = "Digest " + "".join(parts)

    assert parse_credentials(text) == _parse_with_care(text)


@given(
    st.lists(
        st.sampled_from(
            [
                *(f'{name}="{text}"' for name in ("username", "realm", "uri", "nonce") for text in ("a", "a,b", "")),
                'response="0f"',
                "algorithm=MD5",
                'algorithm="sha256"',
                "qop=auth",
                'qop="auth-int"',
                "nc=0000000a",
                'cnonce="c"',
                'opaque="o"',
                'username="밥"',
            ]
        ),
        min_size=4,
        max_size=11,
    ),
    st.sampled_from([", ", ","]),
)
def test_what_phones_write_is_read_the_same_in_one_go(pairs, comma):
    text = "Digest " + comma.join(pairs)

    assert parse_credentials(text) == _parse_with_care(text)


def test_what_phones_write_is_usual():
    assert _match_usual(value())
