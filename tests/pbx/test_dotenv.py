from __future__ import annotations

import pytest

from pbx import dotenv


@pytest.mark.parametrize(
    ("_case", "text", "found"),
    [
        ("a setting", "PBX_SIP=0.0.0.0:5060\n", {"PBX_SIP": "0.0.0.0:5060"}),
        ("comments and empty lines", "# PBX_SIP=x\n\n  # more\n", {}),
        ("spaces around", "  PBX_SIP = x  \n", {"PBX_SIP": "x"}),
        ("as a shell would have it", "export PBX_SIP=x", {"PBX_SIP": "x"}),
        ("quotes", "A='x # y'\nB=\"x y\"", {"A": "x # y", "B": "x y"}),
        ("a quote within", "A=it's", {"A": "it's"}),
        ("a comment behind", "A=x # y", {"A": "x"}),
        ("a code with a number sign", "PBX_PICKUP_CODE=#33", {"PBX_PICKUP_CODE": "#33"}),
        ("an empty value", "A=", {"A": ""}),
        (
            "equal signs in the value",
            "DATABASE_URL=postgresql:///pbx?host=/x",
            {"DATABASE_URL": "postgresql:///pbx?host=/x"},
        ),
    ],
)
def test_lines_are_read_as_compose_reads_them(_case, text, found):
    assert dotenv.parse(text, ".env") == found


def test_a_line_that_cannot_be_read_is_named_without_what_it_says():
    with pytest.raises(dotenv.UnreadableLine) as refusal:
        dotenv.parse("A=1\nswordfish\n", "/srv/pbx/.env")

    assert str(refusal.value) == "/srv/pbx/.env, line 2: allowed are NAME=value and # comments."


def test_the_environment_wins_over_the_file(tmp_path):
    (tmp_path / ".env").write_text("A=file\nB=file\n")
    environ = {"A": "environment"}

    dotenv.load(environ, tmp_path)

    assert environ == {"A": "environment", "B": "file"}


def test_without_a_file_nothing_happens_and_an_empty_name_turns_it_off(tmp_path):
    environ: dict[str, str] = {}
    dotenv.load(environ, tmp_path)
    (tmp_path / ".env").write_text("A=file\n")
    dotenv.load(environ := {"PBX_ENV_FILE": ""}, tmp_path)

    assert environ == {"PBX_ENV_FILE": ""}


def test_a_file_that_was_named_must_be_there(tmp_path):
    with pytest.raises(dotenv.UnreadableLine, match="PBX_ENV_FILE is '/nowhere', and there is no such file"):
        dotenv.load({"PBX_ENV_FILE": "/nowhere"}, tmp_path)
