"""Reading the environment: every spelling that is allowed, and a sentence for every other."""

from __future__ import annotations

import stat
import threading

import pytest

from pbx import env


@pytest.fixture(autouse=True)
def no_mistakes(monkeypatch):
    monkeypatch.setattr(env, "MISTAKES", [])


@pytest.mark.parametrize(
    ("value", "expected"), [("on", True), ("YES", True), (" 1 ", True), ("off", False), ("0", False), ("", True)]
)
def test_a_flag_has_the_usual_spellings(value, expected, monkeypatch):
    monkeypatch.setenv("PBX_FLAG", value)

    assert env.flag("PBX_FLAG", default=True) is expected
    assert env.MISTAKES == []


def test_a_flag_that_is_none_is_named_with_what_is_allowed(monkeypatch):
    monkeypatch.setenv("PBX_FLAG", "perhaps")

    assert env.flag("PBX_FLAG") is False
    assert env.MISTAKES == ["PBX_FLAG is 'perhaps'; allowed are on and off."]


@pytest.mark.parametrize("value", ["-1", "11", "3.5", "ten", "٣", "1" * 5000])
def test_a_number_out_of_bounds_is_named_with_its_bounds(value, monkeypatch):
    monkeypatch.setenv("PBX_NUMBER", value)

    assert env.number("PBX_NUMBER", 5, least=1, most=10) == 5
    assert [f"PBX_NUMBER is {value!r}; allowed are whole numbers from 1 to 10."] == env.MISTAKES


def test_a_number_within_bounds(monkeypatch):
    monkeypatch.setenv("PBX_NUMBER", "10")

    assert env.number("PBX_NUMBER", 5, least=1, most=10) == 10


def test_a_list_has_no_empty_items(monkeypatch):
    monkeypatch.setenv("PBX_LIST", "a, b,,")

    assert env.words("PBX_LIST", "c") == ["a", "b"]


def test_a_secret_may_be_in_a_file(monkeypatch, tmp_path):
    path = tmp_path / "secret"
    path.write_text("from the file\n")
    monkeypatch.setenv("PBX_SECRET", "from the environment")
    monkeypatch.setenv("PBX_SECRET_FILE", str(path))

    assert env.secret("PBX_SECRET") == "from the file"


def test_a_secret_whose_file_is_missing_is_a_mistake_that_names_both(monkeypatch, tmp_path):
    monkeypatch.setenv("PBX_SECRET_FILE", str(tmp_path / "nothing"))

    assert env.secret("PBX_SECRET") == ""
    assert "PBX_SECRET_FILE" in env.MISTAKES[0]
    assert "nothing" in env.MISTAKES[0]


def test_what_the_supervisor_noted_counts_less_than_the_environment(monkeypatch, tmp_path):
    note = tmp_path / "run.env"
    note.write_text("# a comment=1\nREDIS_URL=unix:///noted?db=0\nDATABASE_URL=postgresql:///noted\n\nnonsense\n")
    monkeypatch.setattr(env, "_RUNNING", env._noted(note))
    monkeypatch.setenv("DATABASE_URL", "postgresql:///given")
    monkeypatch.delenv("REDIS_URL")

    assert env.word("DATABASE_URL") == "postgresql:///given"
    assert env.word("REDIS_URL") == "unix:///noted?db=0"


def test_without_a_note_there_is_nothing_noted(tmp_path):
    assert env._noted(tmp_path / "run.env") == {}


def test_our_own_secret_is_made_once_and_for_the_owner_alone(tmp_path):
    path = tmp_path / "keys" / "secret_key"

    first, second = env.kept_secret(path), env.kept_secret(path)

    assert first == second
    assert len(first) >= 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret_key"]


def test_processes_that_start_together_agree_on_the_secret(tmp_path):
    path, seen = tmp_path / "secret_key", []
    threads = [threading.Thread(target=lambda: seen.append(env.kept_secret(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 8
    assert len(set(seen)) == 1


@pytest.mark.parametrize(
    ("_case", "url", "expected"),
    [
        (
            "a socket",
            "postgresql://pbx@/pbx?host=/run/pg&port=5433",
            {"HOST": "/run/pg", "PORT": "5433", "USER": "pbx"},
        ),
        (
            "a server",
            "postgres://u:p%40ss@db:5432/tele%20phone",
            {"PASSWORD": "p@ss", "HOST": "db", "NAME": "tele phone"},
        ),
        ("options of libpq", "postgresql://db/pbx?sslmode=require", {"OPTIONS": {"sslmode": "require"}, "PORT": ""}),
        ("an address of version 6", "postgresql://[::1]:5432/pbx", {"HOST": "::1", "PORT": "5432"}),
    ],
)
def test_a_database_url_becomes_django_s_settings(_case, url, expected):
    settings = env.database(url)

    assert {name: settings[name] for name in expected} == expected
    assert env.MISTAKES == []


def test_another_database_is_a_mistake_that_is_named():
    env.database("sqlite:///pbx.db")

    assert env.MISTAKES == ["DATABASE_URL starts with 'sqlite'; allowed is postgresql://…."]


def test_this_host_is_reached_as_localhost_and_by_address():
    hosts = env.own_hosts()

    assert {"localhost", "127.0.0.1", "[::1]"} <= set(hosts)
    assert all(":" not in host or host.startswith("[") for host in hosts)


def test_a_secret_that_cannot_be_kept_is_a_mistake_and_no_traceback(tmp_path, monkeypatch):
    monkeypatch.setattr(env, "MISTAKES", [])
    (tmp_path / "file").touch()

    made = env.kept_secret(tmp_path / "file" / "secret_key")

    assert len(made) >= 32
    (mistake,) = env.MISTAKES
    assert mistake.startswith(f"PBX_DATA_DIR is '{tmp_path}/file', where no secret can be kept: ")
