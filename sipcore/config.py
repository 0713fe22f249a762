"""The configuration of a worker: one object, read from the environment once, refused whole when anything in it is wrong."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from . import config_values as values
from .contract.broker import broker_beside
from .contract.event_log import (
    KEEP_ENTRIES,
    KEEP_HOURS,
    LEAST_AND_MOST_ENTRIES,
    LEAST_AND_MOST_HOURS,
    USUAL_RETENTION,
    Retention,
)

if TYPE_CHECKING:
    from .script.settings import ScriptSettings

__all__ = ["WorkerConfig", "default_route_address"]

MOST_WORKERS = 64
SHIPPED_ROUTES = Path(__file__).parent / "routes" / "pbx.py"
HOLDS = ("auto", "always", "push")
WAITINGS = ("auto", "100", "180", "182", "183")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOCALHOST = "127.0.0.1"
PUSH_SETTINGS = {
    "acrobits": "PBX_ACROBITS_URL",
    "apns": "PBX_APNS_KEY",
    "apns.dev": "PBX_APNS_KEY",
    "fcm": "PBX_FCM_CREDENTIALS",
    "http": "PBX_PUSH_HTTP_URL",
    "webpush": "PBX_VAPID_KEY",
}
"The variable that sets a push provider up on the web side; it is promised to phones then."


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """All that a worker is told from outside."""

    worker_id: str
    "PBX_WORKER_ID: names this worker in Via branches, bindings and heartbeats; generated, so new at each start."
    sip_host: str
    "PBX_SIP: where UDP and TCP are listened on; an address, without brackets."
    sip_port: int
    "PBX_SIP: the port of both."
    advertised: Mapping[str, tuple[str, int]]
    "PBX_ADVERTISE: host and port for Via and Record-Route by transport; found out where a wildcard is listened on."
    listening: frozenset[tuple[str, int]]
    "Addresses that mean this host besides the advertised one."
    domains: tuple[str, ...]
    "PBX_DOMAINS: SIP domains served; the first one is the realm. Where none is given, the host's names and addresses."
    aliases: frozenset[str]
    "Names and addresses of this host, which count as the first domain whether or not they are among the domains."
    routes: Path
    "PBX_ROUTES: the routing script."
    redis_url: str = field(repr=False)
    "REDIS_URL: redis, rediss or unix; may hold a password."
    broker_url: str = field(repr=False)
    "PBX_BROKER_URL: Celery's broker; the next database of the same server where not given."
    kept_routes: Path | None = None
    "Below PBX_DATA_DIR: where the routing script that was good last is kept; nowhere where that is not given."
    sip_workers: int = 1
    "PBX_SIP_WORKERS: processes behind the same port."
    siblings: Path = Path()
    "PBX_SIP_SIBLINGS: where they meet; a directory of this account alone, named after the port where not given."
    wake_seconds: float = 20.0
    "PBX_WAKE_SECONDS: how long a call waits for phones to register."
    ring_seconds: float = 60.0
    "PBX_RING_SECONDS: how long a phone may ring."
    hold: str = "auto"
    "PBX_HOLD: when a call waits for phones that are not there yet: auto, always or push."
    waiting: str = "auto"
    "PBX_WAITING: what a caller hears while a phone is being woken: auto, 100, 180, 182 or 183."
    keep_message_hours: int = 0
    "PBX_KEEP_MESSAGES_HOURS: how long a message is kept for phones that are away; 0: it is refused."
    pickup_codes: tuple[str, ...] = ("33", "*8")
    "PBX_PICKUP_CODE: dialled for group pickup."
    pickup_directed: str = "**"
    "PBX_PICKUP_DIRECTED: dialled in front of an extension for directed pickup; empty when off."
    global_decline: bool = False
    "PBX_GLOBAL_DECLINE: whether 603 of one phone stops the others, as the RFC has it."
    trusted_sources: tuple[str, ...] = ()
    "PBX_TRUSTED_SOURCES: networks whose requests are not challenged."
    push_providers: tuple[str, ...] = ()
    "PBX_PUSH_PROVIDERS: announced to phones (RFC 8599); those that are set up where not given."
    retention: Retention = USUAL_RETENTION
    "PBX_KEEP_EVENTS and PBX_KEEP_EVENTS_HOURS: how much of the event log is kept."
    vapid: str = ""
    "The public part of PBX_VAPID_KEY, which browsers are told with the promise of Web Push (RFC 8599 §8.2)."
    log_level: int = logging.INFO
    "PBX_LOG_LEVEL: debug, info, warning or error."

    @property
    def realm(self) -> str:
        """The digest realm: the first domain."""
        return self.domains[0]

    @property
    def share_port(self) -> bool:
        """Whether other workers listen on the same port."""
        return self.sip_workers > 1

    def script_settings(self) -> ScriptSettings:
        """What the routing script may know of this."""
        from .script.settings import ScriptSettings  # only a worker has a script to tell

        return ScriptSettings(
            domains=self.domains,
            wake_seconds=self.wake_seconds,
            ring_seconds=self.ring_seconds,
            hold=self.hold,
            waiting=self.waiting,
            keep_message_seconds=self.keep_message_hours * 3600,
            pickup_codes=self.pickup_codes,
            pickup_directed=self.pickup_directed,
            trusted_sources=self.trusted_sources,
        )

    @classmethod
    def from_environment(
        cls,
        environ: Mapping[str, str],
        *,
        own_address: Callable[[int], str] | None = None,
        own_name: Callable[[], str] = socket.gethostname,
    ) -> WorkerConfig:
        """Read the variables of spec and `.env.example`; empty ones count as unset.

        Raise ConfigurationError with one sentence for each variable that is wrong, all of them together. `own_address`
        and `own_name` ask the host; tests answer for it.
        """
        read = values.Reader(environ)
        host, port = read("PBX_SIP", values.read_listener, "0.0.0.0:5060")
        advertised = read("PBX_ADVERTISE", values.read_host_port, "") or (
            (own_address or default_route_address)(socket.AF_INET6 if ":" in host else socket.AF_INET)
            if host in values.WILDCARDS
            else host,
            None,
        )
        address = (values.in_brackets(advertised[0]), advertised[1] or port)
        reached_at = (LOCALHOST, "::1") if host in values.WILDCARDS else (host,)
        listening = frozenset((values.in_brackets(name), port) for name in reached_at)
        given = read("PBX_DOMAINS", values.read_domains, "")
        found = (address[0], own_name().lower(), "localhost", *sorted(name for name, _ in listening))
        redis_url = read.secret("REDIS_URL", values.read_redis_url)
        workers = read("PBX_SIP_WORKERS", values.whole(1, MOST_WORKERS), "1")
        siblings = read("PBX_SIP_SIBLINGS", values.read_directory, "")
        codes = read("PBX_PICKUP_CODE", values.read_codes, "33,*8")
        directed = read("PBX_PICKUP_DIRECTED", values.read_prefix, "**")
        if directed and directed in codes:
            read.refuse("PBX_PICKUP_DIRECTED", directed, "something that is not a code of PBX_PICKUP_CODE as well")
        configured = tuple(name for name, variable in PUSH_SETTINGS.items() if is_set(environ, variable))
        broker_url = read.secret("PBX_BROKER_URL", values.read_broker_url, required=False)
        config = cls(
            worker_id=read("PBX_WORKER_ID", values.read_worker_id, f"w{secrets.token_hex(4)}"),
            sip_host=host,
            sip_port=port,
            advertised=MappingProxyType(dict.fromkeys(("udp", "tcp"), address)),
            listening=listening,
            domains=tuple(dict.fromkeys((*given, *(name for name in found if values.is_domain(name))))),
            aliases=frozenset((*found, *(name for name in given if values.is_address(name)))),
            routes=read("PBX_ROUTES", values.read_file, "") or SHIPPED_ROUTES,
            kept_routes=Path(data) / "routes" if (data := environ.get("PBX_DATA_DIR", "").strip()) else None,
            redis_url=redis_url,
            broker_url=broker_url or (broker_beside(redis_url) if redis_url else ""),
            sip_workers=workers,
            siblings=siblings or Path(tempfile.gettempdir()) / f"pbx-{os.geteuid()}-sip-{port}",
            wake_seconds=read("PBX_WAKE_SECONDS", values.seconds(0, 600), "20"),
            ring_seconds=read("PBX_RING_SECONDS", values.seconds(1, 3600), "60"),
            hold=read("PBX_HOLD", values.one_of(HOLDS), "auto"),
            waiting=read("PBX_WAITING", values.one_of(WAITINGS), "auto"),
            keep_message_hours=read("PBX_KEEP_MESSAGES_HOURS", values.whole(0, 24), "0"),
            pickup_codes=codes,
            pickup_directed=directed,
            global_decline=read("PBX_GLOBAL_DECLINE", values.read_flag, "off"),
            trusted_sources=read("PBX_TRUSTED_SOURCES", values.read_networks, ""),
            push_providers=read("PBX_PUSH_PROVIDERS", values.read_providers, "") or configured,
            retention=Retention(
                read("PBX_KEEP_EVENTS", values.whole(*LEAST_AND_MOST_ENTRIES), str(KEEP_ENTRIES)),
                read("PBX_KEEP_EVENTS_HOURS", values.whole(*LEAST_AND_MOST_HOURS), str(KEEP_HOURS)),
            ),
            vapid=read.key("PBX_VAPID_KEY", values.read_vapid_key),
            log_level=logging.getLevelNamesMapping()[read("PBX_LOG_LEVEL", values.one_of(LOG_LEVELS), "info").upper()],
        )
        read.raise_refusals()
        return config


def is_set(environ: Mapping[str, str], variable: str) -> bool:
    """Whether a variable has a value, here or in the file that its `_FILE` names."""
    return any(environ.get(name, "").strip() for name in (variable, f"{variable}_FILE"))


def default_route_address(family: int) -> str:
    """The address this host would use towards the rest of the world, its loopback one when it has no way there."""
    for kind, far in ((socket.AF_INET6, "2001:db8::1"), (socket.AF_INET, "192.0.2.1")):
        # Connecting a datagram socket sends nothing, it only asks for the route. The far ends: RFC 3849, RFC 5737.
        if kind == family or kind == socket.AF_INET:
            with suppress(OSError), socket.socket(kind, socket.SOCK_DGRAM) as probe:
                probe.connect((far, 9))
                return str(probe.getsockname()[0])
    return LOCALHOST
