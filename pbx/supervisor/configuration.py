"""What the supervisor reads from the environment, judged as a whole before anything is started.

Each part of the product judges its own variables too; here are those that decide what is started, where it listens, and
what every part must be told alike.
"""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from .errors import CannotStart, WrongSetting

__all__ = ["PARTS", "Configuration", "Listener"]

PARTS = ("web", "sip", "celery")
MOST_WORKERS = 64
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z")

# What SIP workers listen at: the setting, its default, and whether over UDP as well. An empty default is off.
SIP_LISTENERS = (("PBX_SIP", "0.0.0.0:5060", True),)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Listener:
    """An address to listen at, and the setting that says so."""

    setting: str
    host: str
    port: int
    udp: bool = False
    "Over UDP as well as TCP."

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def everywhere(self) -> bool:
        """Whether it is every address of the host, rather than one of them."""
        return ipaddress.ip_address(self.host).is_unspecified


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything the supervisor acts on."""

    data: Path
    "PBX_DATA_DIR."
    http: Listener
    "PBX_HTTP."
    sip: tuple[Listener, ...]
    "PBX_SIP first."
    sip_workers: int = 1
    "PBX_SIP_WORKERS: processes behind the same port."
    domains: tuple[str, ...] = ()
    "PBX_DOMAINS; empty: to be found out."
    advertise: str = ""
    "PBX_ADVERTISE: what phones are told; judged by the workers."
    database_url: str = field(default="", repr=False)
    "DATABASE_URL; empty: embedded."
    redis_url: str = field(default="", repr=False)
    "REDIS_URL; empty: embedded."
    broker_url: str = field(default="", repr=False)
    "PBX_BROKER_URL; empty: the next database of the Redis server."
    parts: tuple[str, ...] = PARTS

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], data: Path, parts: Sequence[str] = PARTS) -> Configuration:
        """Read everything. Raises CannotStart with a sentence for each variable that cannot be used."""
        refusals: list[CannotStart] = []

        def read(reader: Callable[..., Value], *arguments: object, otherwise: Value) -> Value:
            try:
                return reader(*arguments)
            except CannotStart as refusal:
                refusals.append(refusal)
                return otherwise

        nowhere = Listener("", "0.0.0.0", 0)  # noqa: S104 - stands in for a refused value
        http = read(_listener, environ, "PBX_HTTP", "0.0.0.0:8000", otherwise=nowhere)
        sip = [
            read(_listener, environ, name, default, udp, otherwise=nowhere)
            for name, default, udp in SIP_LISTENERS
            if default or environ.get(name, "").strip()
        ]
        found = cls(
            data=data,
            http=http,
            sip=tuple(sip),
            sip_workers=read(_workers, environ, otherwise=1),
            domains=read(_domains, environ, otherwise=()),
            advertise=environ.get("PBX_ADVERTISE", "").strip(),
            database_url=read(_url, environ, "DATABASE_URL", ("postgresql", "postgres"), otherwise=""),
            redis_url=read(_url, environ, "REDIS_URL", ("redis", "rediss", "unix"), otherwise=""),
            broker_url=read(_url, environ, "PBX_BROKER_URL", ("redis", "rediss", "redis+socket"), otherwise=""),
            parts=read(_parts, parts, otherwise=PARTS),
        )
        if refusals:
            raise CannotStart(*(sentence for refusal in refusals for sentence in refusal.sentences))
        return found

    @property
    def needs_database(self) -> bool:
        """Whether a part is started that speaks to Postgres; SIP workers never do."""
        return "web" in self.parts or "celery" in self.parts

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Those of the parts that are started."""
        return (*((self.http,) if "web" in self.parts else ()), *(self.sip if "sip" in self.parts else ()))


def _listener(environ: Mapping[str, str], name: str, default: str, udp: bool = False) -> Listener:
    text = environ.get(name, "").strip() or default
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    allowed = "an IP address and a port, such as 0.0.0.0:5060 or [::]:5060"
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise WrongSetting(name, text, allowed) from None
    if not colon or not re.fullmatch(r"\d{1,5}", port) or not 1 <= int(port) <= 65535:
        raise WrongSetting(name, text, allowed)
    return Listener(name, host, int(port), udp)


def _workers(environ: Mapping[str, str]) -> int:
    text = environ.get("PBX_SIP_WORKERS", "").strip() or "1"
    if not re.fullmatch(r"[0-9]{1,2}", text) or not 1 <= int(text) <= MOST_WORKERS:
        raise WrongSetting("PBX_SIP_WORKERS", text, f"a whole number from 1 to {MOST_WORKERS}")
    if int(text) > 1 and sys.platform != "linux":
        raise WrongSetting(
            "PBX_SIP_WORKERS", text, "1; only Linux spreads what arrives at one port over several processes"
        )
    return int(text)


def _domains(environ: Mapping[str, str]) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in environ.get("PBX_DOMAINS", "").split(",") if name.strip())
    for name in names:
        if not _DOMAIN.match(name):
            raise WrongSetting("PBX_DOMAINS", name, "host names or IPv4 addresses, separated by commas")
    return names


def _url(environ: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str:
    """An address that may hold a password, so a refusal quotes its scheme alone."""
    path = environ.get(f"{name}_FILE", "").strip()
    text = environ.get(name, "").strip()
    if path:
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise WrongSetting(f"{name}_FILE", path, f"a file that can be read ({error})") from None
    if text and urlsplit(text).scheme not in schemes:
        raise WrongSetting(
            name, f"{urlsplit(text).scheme}:…", f"an address with {' or '.join(f'{s}://' for s in schemes)}"
        )
    return text


def _parts(parts: Sequence[str]) -> tuple[str, ...]:
    unknown = [part for part in parts if part not in PARTS]
    if unknown or not parts:
        raise WrongSetting("--only", ",".join(parts), f"one or more of {', '.join(PARTS)}, separated by commas")
    return tuple(part for part in PARTS if part in parts)
