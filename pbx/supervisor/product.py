"""Which processes the product is made of, what each is told, and in which order they end."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pbx.push.credentials import WrongCredentials, vapid_key

from .child import ChildSpec
from .configuration import Configuration
from .layout import Layout

__all__ = ["ROOT", "STAGE_DATABASE", "STAGE_STORE", "addresses", "parts", "preparation"]

ROOT = Path(__file__).resolve().parent.parent.parent

# Calls end first and may still record what they were; the servers end when nobody needs them any more.
STAGE_SIP, STAGE_WEB, STAGE_STORE, STAGE_DATABASE = range(4)

CELERY_THREADS = 32  # a push waits for its provider in one of them; at 50 pushes a second, 0.6 s for each
# Secrets that a SIP worker, which speaks with the whole world, has no use for.
NOT_FOR_SIP = ("DATABASE_URL", "SECRET_KEY", "PBX_ADMIN_PASSWORD", "PBX_PUSH_HTTP_SECRET")
# Those of which it wants to know that they are set: it promises phones the push (sipcore.config.PUSH_SETTINGS).
SET_FOR_SIP = ("PBX_FCM_CREDENTIALS", "PBX_APNS_KEY")


def addresses(configuration: Configuration, layout: Layout, domains: tuple[str, ...]) -> dict[str, str]:
    """The variables that every part must agree on, whether they were given or are ours."""
    shared = {
        "DATABASE_URL": configuration.database_url or layout.database_url,
        "REDIS_URL": configuration.redis_url or layout.redis_url,
        "PBX_BROKER_URL": configuration.broker_url or ("" if configuration.redis_url else layout.broker_url),
        "PBX_DOMAINS": ",".join(domains),
        "PBX_DATA_DIR": str(layout.data),
        "PBX_SIP_SIBLINGS": str(layout.siblings) if configuration.sip_workers > 1 else "",
    }
    return {name: value for name, value in shared.items() if value}


def preparation(environ: Mapping[str, str], shared: Mapping[str, str]) -> ChildSpec:
    """The one-shot child that brings the database up to date; its lines may hold the one-time password."""
    return ChildSpec(
        name="setup",
        argv=(sys.executable, str(ROOT / "manage.py"), "prepare", "--no-color"),
        environment=_environment(environ, shared),
        directory=str(ROOT),
        once=True,
        private=True,
        grace=30.0,
    )


def parts(configuration: Configuration, environ: Mapping[str, str], shared: Mapping[str, str]) -> list[ChildSpec]:
    """The children of the parts that were asked for."""
    makers = {"web": _web, "sip": _sip, "celery": _celery}
    return [spec for part in configuration.parts for spec in makers[part](configuration, _environment(environ, shared))]


def _web(configuration: Configuration, environment: dict[str, str]) -> list[ChildSpec]:
    return [
        ChildSpec(
            name="web",
            argv=(
                *(sys.executable, "-m", "daphne"),
                *("-b", configuration.http.host, "-p", str(configuration.http.port)),
                *("--verbosity", "0"),  # no access log: addresses of pages may hold what a log should not
                "--no-server-name",
                *("--application-close-timeout", "3"),
                "pbx.asgi:application",
            ),
            environment=environment,
            directory=str(ROOT),
            stop_stage=STAGE_WEB,
        )
    ]


def _sip(configuration: Configuration, environment: dict[str, str]) -> list[ChildSpec]:
    environment = _without_secrets(environment)
    count = configuration.sip_workers
    return [
        ChildSpec(
            name="sip" if count == 1 else f"sip-{number}",
            argv=(sys.executable, "-m", "sipcore"),
            environment=environment if count == 1 else {**environment, **_worker_id(environment, number)},
            directory=str(ROOT),
            open_files=True,
            stop_stage=STAGE_SIP,
        )
        for number in range(1, count + 1)
    ]


def _without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """What a SIP worker is told: no key with which anybody is pushed, signed in or read."""
    told = {name: value for name, value in environment.items() if name.removesuffix("_FILE") not in NOT_FOR_SIP}
    for name in SET_FOR_SIP:
        given = [told.pop(each, "").strip() for each in (name, f"{name}_FILE")]
        if any(given):
            told[name] = "set"
    if key := told.get("PBX_VAPID_KEY", "").strip():
        with suppress(WrongCredentials):  # the worker says so in its own words
            told["PBX_VAPID_KEY"] = vapid_key(key).public
    return told


def _worker_id(environment: Mapping[str, str], number: int) -> dict[str, str]:
    """Workers that were given one name get a number each: it tells them apart in Via branches and bindings."""
    given = environment.get("PBX_WORKER_ID", "")
    return {"PBX_WORKER_ID": f"{given}-{number}"} if given else {}


def _celery(configuration: Configuration, environment: dict[str, str]) -> list[ChildSpec]:
    # Running as root is what the operator chose, and what arrives is JSON, which cannot name code to run.
    quiet = ("-W", "ignore:You're running the worker with superuser privileges")
    celery = (sys.executable, *quiet, "-m", "celery", "--app", "pbx.celery", "--quiet")
    return [
        ChildSpec(
            name="celery",
            argv=(
                *(*celery, "worker", "--loglevel", "WARNING"),  # at INFO two lines for each heartbeat
                *("--pool", "threads", "--concurrency", str(CELERY_THREADS)),
                *("--queues", "push,celery"),
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ),
            environment=environment,
            directory=str(ROOT),
            stop_stage=STAGE_WEB,
        ),
        ChildSpec(
            name="beat",
            argv=(*celery, "beat", "--loglevel", "WARNING", "--pidfile", ""),
            environment=environment,
            directory=str(ROOT),
            stop_stage=STAGE_WEB,
        ),
    ]


def _environment(environ: Mapping[str, str], shared: Mapping[str, str]) -> dict[str, str]:
    """Ours, with the addresses resolved, and lines that appear when they are written."""
    resolved = {f"{name}_FILE" for name in shared}
    kept = {name: value for name, value in environ.items() if name not in resolved}
    return {**kept, **shared, "PYTHONUNBUFFERED": "1", "PATH": kept.get("PATH", os.defpath)}
