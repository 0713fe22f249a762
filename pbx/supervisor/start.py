"""From nothing to a product that serves, and to its end: the order of things."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from . import host, product
from .child import ChildSpec
from .configuration import Configuration
from .errors import CannotStart
from .identity import choose_identity, settle
from .layout import Layout
from .postgres import EmbeddedPostgres
from .programs import find_postgres, find_valkey
from .readiness import Readiness
from .report import OURSELVES, Report
from .supervisor import Supervisor
from .valkey import EmbeddedValkey
from .welcome import welcome

__all__ = ["run"]

SERVERS_SECONDS = 60.0  # after a crash PostgreSQL replays its log before it serves
REMIND_SECONDS = 20.0


def run(configuration: Configuration, environ: Mapping[str, str], stream=sys.stdout) -> None:
    """Run the product until a signal asks for the end. Raises CannotStart."""
    begun = time.monotonic()
    layout = Layout(configuration.data)
    layout.make()
    host.check_room(layout.data)
    host.check_ports(configuration.listeners)
    report = Report(stream, layout.logs / "pbx.log")
    try:
        with Supervisor(report, children_file=layout.children) as supervisor:
            domains = configuration.domains or host.own_domains(layout, configuration.sip[0])
            shared = product.addresses(configuration, layout, domains)
            _start_servers(supervisor, report, configuration, environ, layout)
            note_addresses(layout, configuration, shared)
            said = _prepare(supervisor, configuration, environ, shared)
            if supervisor.stop_requested:
                return
            for spec in product.parts(configuration, environ, shared):
                supervisor.start(spec)
            _reload_on_hangup(supervisor, stream)
            _serve(supervisor, report, configuration, begun, welcome(configuration, domains[0], said))
            report.line(OURSELVES, "Stopping.")
        report.line(OURSELVES, "Stopped.")
    finally:
        report.close()


def note_addresses(layout: Layout, configuration: Configuration, shared: Mapping[str, str]) -> None:
    """Write `run.env`, by which `manage.py` in another terminal finds what runs here.

    What was given in the environment is left out: it may hold a password, and belongs to where it was given.
    """
    given = {
        "DATABASE_URL": configuration.database_url,
        "REDIS_URL": configuration.redis_url,
        "PBX_BROKER_URL": configuration.broker_url or configuration.redis_url,
        "PBX_DATA_DIR": "the file lies in it",
    }
    lines = [f"{name}={value}\n" for name, value in shared.items() if not given.get(name)]
    draft = layout.run_env.with_suffix(".new")
    draft.write_text("# Written at each start by manage.py runpbx.\n" + "".join(lines), encoding="utf-8")
    draft.chmod(0o600)
    draft.replace(layout.run_env)


def _start_servers(
    supervisor: Supervisor, report: Report, configuration: Configuration, environ: Mapping[str, str], layout: Layout
) -> None:
    """Start those embedded servers that are needed and not given."""
    want_postgres = configuration.needs_database and not configuration.database_url
    want_valkey = not configuration.redis_url
    if not (want_postgres or want_valkey):
        return
    descriptor = host.lock(layout)
    if descriptor is None:
        _attach(configuration, layout, want_postgres=want_postgres, want_valkey=want_valkey)
        return
    specs: list[ChildSpec] = []
    postgres = None
    if want_valkey:
        valkey = EmbeddedValkey(find_valkey(environ), layout)
        specs.append(valkey.child(stop_stage=product.STAGE_STORE, inherits=(descriptor,)))
    if want_postgres:
        identity = choose_identity(environ)
        programs = settle(identity, layout, find_postgres(environ))
        postgres = EmbeddedPostgres(programs, layout, identity)
        if postgres.prepare():
            report.line(OURSELVES, f"Made a database in {layout.postgres}.")
        specs.append(postgres.child(stop_stage=product.STAGE_DATABASE, inherits=(descriptor,)))
    supervisor.start_and_await(specs, SERVERS_SECONDS)
    if postgres is not None and not supervisor.stop_requested:
        postgres.create_database()


def _attach(configuration: Configuration, layout: Layout, *, want_postgres: bool, want_valkey: bool) -> None:
    """With `--only`, another runpbx may be the one that has the servers."""
    served = (not want_valkey or EmbeddedValkey(Path(), layout).is_ready()) and (
        not want_postgres or EmbeddedPostgres.answers(layout)
    )
    if len(configuration.parts) == 3 or not served:
        raise CannotStart(
            f"PBX_DATA_DIR is {str(layout.data)!r}, which another bin/run uses. End that one, or choose another directory "
            "(and other ports) for this one."
        )


def _prepare(
    supervisor: Supervisor, configuration: Configuration, environ: Mapping[str, str], shared: Mapping[str, str]
) -> list[str]:
    """Bring the database up to date, for parts that use it; return what was said."""
    if not configuration.needs_database or supervisor.stop_requested:
        return []
    status, said = supervisor.run_once(product.preparation(environ, shared))
    if status:
        raise CannotStart("The database could not be prepared; the last lines of setup above say why.")
    return said


def _reload_on_hangup(supervisor: Supervisor, stream) -> None:
    """Away from a terminal SIGHUP has its other meaning: the SIP workers read the routing script again."""
    if stream.isatty():
        return

    def reload() -> None:
        for name, pid in supervisor.running.items():
            if name.partition("-")[0] == "sip":
                os.kill(pid, 1)

    supervisor.on_hangup(reload)


def _serve(supervisor: Supervisor, report: Report, configuration: Configuration, begun: float, text: str) -> None:
    """Watch over the children; say once when everything serves, and until then what does not."""
    if "web" not in configuration.parts:
        supervisor.run()
        return
    path = "/readyz" if len(configuration.parts) == 3 else "/healthz"
    readiness = Readiness(configuration.http, path, supervisor.wake)
    readiness.start()
    remind_at, told = time.monotonic() + REMIND_SECONDS, False

    def each_turn() -> None:
        nonlocal remind_at, told
        if told:
            return
        now = time.monotonic()
        if readiness.ready:
            told = True
            report.line(OURSELVES, f"Ready after {now - begun:.1f} s.")
            report.banner(text)
        elif now > remind_at:
            remind_at = now + REMIND_SECONDS
            report.line(OURSELVES, f"Not ready yet: {', '.join(readiness.missing) or 'no answer'}.")

    try:
        supervisor.run(each_turn)
    finally:
        readiness.end()
