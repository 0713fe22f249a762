"""A PostgreSQL and a Valkey of the test session's own, in place before pytest-django reads the settings.

Loaded by `addopts` in `pytest.ini`, since a conftest.py comes too late for that. What a run does not need is not
started: no PostgreSQL for the SIP side's tests or with `-p no:django`, nothing at all with `PBX_TEST_SERVERS=0`.

With xdist the controller's PostgreSQL is shared (pytest-django gives each worker its own database), and each worker has
a Valkey of its own, since a published message reaches every database of a server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from pbx.supervisor import launcher
from pbx.supervisor.child import ChildSpec
from pbx.supervisor.identity import choose_identity, settle
from pbx.supervisor.layout import Layout
from pbx.supervisor.postgres import EmbeddedPostgres
from pbx.supervisor.programs import find_postgres, find_valkey
from pbx.supervisor.valkey import EmbeddedValkey

ROOT = Path(__file__).resolve().parent.parent
WITHOUT_POSTGRES = [ROOT / "tests" / name for name in ("architecture", "contract", "routes", "sipcore", "torture")]
KEPT = {"PBX_PG_BIN", "PBX_REDIS_BIN", "PBX_USER_NAMESPACE"}  # which programs to test with is the caller's choice
START_SECONDS = 20.0


class Servers:
    """The servers of this process, and their end."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="pbx-test-"))
        self.layout = Layout(self._directory)
        self.layout.make()
        self._running: list[tuple[ChildSpec, subprocess.Popen[bytes]]] = []

    def start_valkey(self) -> None:
        """Start Valkey and point the environment to it."""
        valkey = EmbeddedValkey(find_valkey(os.environ), self.layout, durable=False)
        self._start(valkey.child())
        os.environ["REDIS_URL"] = self.layout.redis_url
        os.environ["PBX_BROKER_URL"] = self.layout.broker_url

    def start_postgres(self) -> None:
        """Make a cluster, start it and point the environment to it."""
        identity = choose_identity(os.environ)
        programs = settle(identity, self.layout, find_postgres(os.environ))
        postgres = EmbeddedPostgres(programs, self.layout, identity, durable=False)
        postgres.prepare()
        self._start(postgres.child())
        postgres.create_database()
        os.environ["DATABASE_URL"] = self.layout.database_url

    def stop(self) -> None:
        """End what was started, last first, and remove every trace."""
        for spec, process in reversed(self._running):
            process.send_signal(spec.stop_signal)
        for spec, process in reversed(self._running):
            try:
                process.wait(spec.grace)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _start(self, spec: ChildSpec) -> None:
        log = self.layout.logs / f"{spec.name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                launcher.command_line(spec.argv, death_signal=spec.stop_signal, who=spec.identity.arguments()),
                env=dict(spec.environment),
                cwd=spec.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append((spec, process))
        deadline = time.monotonic() + START_SECONDS
        while not spec.is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise pytest.UsageError(f"{spec.name} does not serve:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.01)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Start what this run needs; the environment carries the addresses, to xdist's workers as well."""
    in_worker = "PYTEST_XDIST_WORKER" in os.environ
    if not in_worker:
        _forget_the_callers_environment()
    if os.environ.get("PBX_TEST_SERVERS") == "0" or {"--help", "-h", "--version", "-V"} & set(args):
        return
    servers = Servers()
    early_config.add_cleanup(servers.stop)
    if not in_worker:
        os.environ["PBX_DATA_DIR"] = str(servers.layout.data)
    servers.start_valkey()
    if not in_worker and needs_postgres(args):
        servers.start_postgres()


def needs_postgres(args: Sequence[str]) -> bool:
    """Whether a run with these arguments may meet a test of the web side."""
    if "no:django" in args or "-pno:django" in args:
        return False
    paths = [Path(arg.partition("::")[0]).resolve() for arg in args if not arg.startswith("-")]
    paths = [path for path in paths if path.exists()]
    return not paths or not all(any(path.is_relative_to(place) for place in WITHOUT_POSTGRES) for path in paths)


def _forget_the_callers_environment() -> None:
    """Tests behave the same on every machine: settings of a product that runs beside them do not reach them."""
    for name in list(os.environ):
        if name.startswith(("PBX_", "CELERY_")) and name not in KEPT and not name.startswith("PBX_TEST_"):
            del os.environ[name]
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    os.environ["SECRET_KEY"] = "for-tests-only-" + "0123456789abcdef" * 3
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
