"""The environment, read: words, flags, numbers, lists, secrets, and the database's address.

Values come from the process environment; what is missing there from `run.env` in the data directory, where the
supervisor notes the servers that it started, so that `manage.py import_subscribers` in another terminal finds them.
A wrong value is remembered in `MISTAKES` and the default used: `checks.py` reports all of them together, with the
variable's name, instead of the first one with a traceback.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = [
    "DATA_DIR",
    "MISTAKES",
    "database",
    "flag",
    "kept_secret",
    "number",
    "own_hosts",
    "secret",
    "word",
    "words",
]

MISTAKES: list[str] = []
"One sentence for each variable that could not be understood; E001 of the system checks."

DATA_DIR = Path(os.environ.get("PBX_DATA_DIR") or "var").resolve()

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def _noted(path: Path) -> Mapping[str, str]:
    """`KEY=value` lines of a file that may not be there."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


_RUNNING = _noted(DATA_DIR / "run.env")


def word(name: str, default: str = "") -> str:
    """The value, stripped; the default when unset or empty."""
    return os.environ.get(name, "").strip() or _RUNNING.get(name, "") or default


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list, without empty items."""
    return [item.strip() for item in word(name, default).split(",") if item.strip()]


def flag(name: str, *, default: bool = False) -> bool:
    """A yes or no, in the usual spellings."""
    value = word(name).lower()
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    if value:
        MISTAKES.append(f"{name} is {value!r}; allowed are on and off.")
    return default


def number(name: str, default: int, *, least: int = 0, most: int = 2**31) -> int:
    """A whole number within bounds."""
    value = word(name)
    if re.fullmatch(r"[0-9]{1,10}", value) and least <= int(value) <= most:
        return int(value)
    if value:
        MISTAKES.append(f"{name} is {value!r}; allowed are whole numbers from {least} to {most}.")
    return default


def secret(name: str) -> str:
    """The value, or the content of the file that `<name>_FILE` names (Docker and systemd hand secrets over so)."""
    path = word(f"{name}_FILE")
    if not path:
        return word(name)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        MISTAKES.append(f"{name}_FILE is {path!r}, which cannot be read: {error}.")
        return ""


def kept_secret(path: Path) -> str:
    """A secret of our own: made at first use, readable by the owner alone, the same ever after.

    Several processes may start at once; whoever links its file first wins and the others read that one. Where none can
    be kept the mistake is noted, and the secret is this process' own.
    """
    try:
        return _kept_secret(path)
    except OSError as error:
        MISTAKES.append(f"PBX_DATA_DIR is {str(path.parent)!r}, where no secret can be kept: {error.strerror}.")
        return secrets.token_urlsafe(48)


def _kept_secret(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="utf-8").strip()


def database(url: str) -> dict[str, Any]:
    """Django's DATABASES entry for `postgresql://user:password@host:port/name?option=value`.

    A unix socket is written `?host=/directory`, as libpq has it; other options are handed to libpq as they are.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        if url:
            MISTAKES.append(f"DATABASE_URL starts with {parts.scheme!r}; allowed is postgresql://….")
        parts = urlsplit("postgresql://pbx@/pbx")
    options: dict[str, Any] = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "pbx",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", None) or parts.hostname or "",
        "PORT": options.pop("port", None) or str(parts.port or ""),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }


def own_hosts() -> list[str]:
    """Names and addresses by which this host is probably reached on its network."""
    name = socket.gethostname().lower()
    found = {"localhost", "127.0.0.1", "[::1]", name, f"{name.partition('.')[0]}.local"}
    with suppress(OSError):  # a host that cannot resolve its own name is common, and not ours to mend
        found |= {info[4][0] for info in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        # Connecting a datagram socket sends nothing; it only asks which address would be used.
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            found.add(probe.getsockname()[0])
    return sorted(f"[{host}]" if ":" in host and not host.startswith("[") else host for host in found)
