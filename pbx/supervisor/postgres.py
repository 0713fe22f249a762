"""The embedded PostgreSQL: made at the first start, reached by a unix socket alone, kept per major version."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql

from . import launcher
from .child import ChildSpec
from .errors import CannotStart
from .identity import Identity
from .layout import Layout
from .programs import PostgresPrograms

__all__ = ["EmbeddedPostgres"]

ROLE = DATABASE = "pbx"
LEFTOVER_SECONDS = 15.0  # how long a server that outlived its supervisor may take to end
WITHOUT_DURABILITY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class EmbeddedPostgres:
    """A cluster below the data directory, and the command that serves it.

    `durable=False` is for tests: what is written need not survive a power failure.
    """

    def __init__(self, programs: PostgresPrograms, layout: Layout, identity: Identity, *, durable: bool = True) -> None:
        self._programs = programs
        self._layout = layout
        self._identity = identity
        self._durable = durable
        self._cluster = layout.postgres / str(programs.major)

    def prepare(self) -> bool:
        """Make the cluster unless there is one; return whether it was made.

        Raises CannotStart when the data is of another major version, or in use.
        """
        if self._cluster.exists():
            self._clear_stale_lock()
            return False
        self._refuse_other_version()
        # Under another name until it is whole: an interrupted initdb is not taken for a cluster.
        draft = self._layout.postgres / f"{self._programs.major}.new"
        if draft.exists():
            shutil.rmtree(draft)
        made = subprocess.run(  # noqa: S603 - our own arguments
            launcher.command_line(
                [
                    str(self._programs.bin / "initdb"),
                    "--pgdata",
                    str(draft),
                    "--username",
                    ROLE,
                    "--auth-local=trust",  # whoever may enter the socket's directory, which is 0700
                    "--auth-host=reject",
                    "--encoding=UTF8",
                    "--locale=C.UTF-8",
                    *([] if self._durable else ["--no-sync"]),
                ],
                death_signal=signal.SIGTERM,
                who=self._identity.arguments(),
            ),
            cwd=self._layout.postgres,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if made.returncode != 0:
            said = (made.stderr.strip() or made.stdout.strip()).splitlines()
            raise CannotStart(
                f"The database could not be made in {self._cluster}: {said[-1] if said else 'initdb failed'}.",
                *said[:-1][-8:],
            )
        draft.rename(self._cluster)
        return True

    def child(self, **more: object) -> ChildSpec:
        """The server process."""
        options = (
            "listen_addresses=",
            f"unix_socket_directories={self._layout.postgres_sockets}",
            "log_line_prefix=",
            "log_checkpoints=off",
            # Statements and the DETAIL of an error hold values, and values hold credentials.
            "log_min_error_statement=panic",
            "log_error_verbosity=terse",
            *(() if self._durable else WITHOUT_DURABILITY),
        )
        return ChildSpec(
            name="postgres",
            argv=(
                str(self._programs.bin / "postgres"),
                "-D",
                str(self._cluster),
                *(part for option in options for part in ("-c", option)),
            ),
            environment=_environment(),
            stop_signal=signal.SIGINT,  # "fast": sessions are ended, the data is flushed
            grace=30.0,
            identity=self._identity,
            directory=str(self._cluster),
            is_ready=self.is_ready,
            **more,  # type: ignore[arg-type]
        )

    def is_ready(self) -> bool:
        """Whether it accepts connections, by its own account: a connection that comes too early is logged as fatal."""
        lock = self._cluster / "postmaster.pid"
        pid = _first_number(lock)
        return pid is not None and _is_postgres(pid) and _status(lock) == "ready"

    @staticmethod
    def answers(layout: Layout) -> bool:
        """Whether a server, of whoever's making, accepts connections for this data directory."""
        if not (layout.postgres_sockets / ".s.PGSQL.5432").exists():
            return False
        try:
            _connect(layout).close()
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self) -> None:
        """Make the product's database unless there is one."""
        with _connect(self._layout) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if found is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _refuse_other_version(self) -> None:
        """An empty database in place of the one that was there would look like a loss of everything."""
        others = sorted(
            place.parent.name for place in self._layout.postgres.glob("*/PG_VERSION") if place.parent.suffix != ".new"
        )
        if others:
            raise CannotStart(
                f"PBX_DATA_DIR holds data of PostgreSQL {', '.join(others)} ({self._layout.postgres}), and the program "
                f"found is {self._programs.version}. Set PBX_PG_BIN to the programs of that version; to upgrade, dump "
                "with them (pg_dump), move the directory away, start anew and restore."
            )

    def _clear_stale_lock(self) -> None:
        """Remove a `postmaster.pid` whose process is not a PostgreSQL any more, and wait for one that still ends.

        The server itself only asks whether the number is in use. After a crash in a container the same small numbers
        are given out again, and it would refuse to start because of, say, Valkey.
        """
        lock = self._cluster / "postmaster.pid"
        deadline = time.monotonic() + LEFTOVER_SECONDS
        while (pid := _first_number(lock)) is not None:
            if not _is_postgres(pid):
                lock.unlink(missing_ok=True)
                return
            if time.monotonic() > deadline:
                raise CannotStart(f"The database in {self._cluster} is in use by process {pid}; end that one first.")
            time.sleep(0.1)


def _connect(layout: Layout) -> psycopg.Connection:
    return psycopg.connect(
        host=str(layout.postgres_sockets), port=5432, user=ROLE, dbname="postgres", connect_timeout=3, autocommit=True
    )


def _status(lock: Path) -> str:
    """The eighth line of `postmaster.pid`, which pg_ctl waits for too: starting, stopping, ready or standby."""
    try:
        return lock.read_text(encoding="utf-8").splitlines()[7].strip()
    except (OSError, IndexError):
        return ""


def _environment() -> dict[str, str]:
    """Nothing of ours: PG* and LC_* variables would change what the programs do."""
    kept = {name: os.environ[name] for name in ("PATH", "TZ", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def _first_number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _is_postgres(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == "postgres"
    except OSError:
        return True  # no /proc, as on macOS: believe the number
