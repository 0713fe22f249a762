"""What the values of environment variables may look like: one reader for each kind, and a sentence for each that is wrong."""

from __future__ import annotations

import ipaddress
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from .errors import ConfigurationError

__all__ = ["WILDCARDS", "Reader", "WrongValue", "in_brackets", "is_address", "is_domain"]

REDIS_URLS = "redis://host:port/0, rediss://host:port/0 or unix:///path?db=0"
LONGEST_SOCKET_DIRECTORY = 95  # bytes; the path of a socket may have 107, of which its name takes 12
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
_TRUE, _FALSE = ("on", "1", "true", "yes"), ("off", "0", "false", "no")
_DOMAIN = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]")
_WORKER_ID = re.compile(r"[A-Za-z0-9_~-]{1,32}")
_DIALLED = re.compile(r"[0-9A-Za-z*#+_.-]{1,32}")
_VAPID_PUBLIC = re.compile(r"B[A-Za-z0-9_-]{86}")  # begins with 0x04: an uncompressed point
_PROVIDER = re.compile(r"[a-z0-9_.-]{1,32}")

_T = TypeVar("_T")


def in_brackets(host: str) -> str:
    """Write an IPv6 address as a reference, as it stands in URIs and Via; leave all else."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def is_domain(name: str) -> bool:
    """Whether `name` can be the domain of an AoR: a host name or an address, lower case."""
    return _DOMAIN.fullmatch(name) is not None


def is_address(name: str) -> bool:
    """Whether `name` is an IP address, as a number."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


class WrongValue(Exception):
    """A value that cannot be used; the argument says what is allowed."""


class Reader:
    """Reads variables one by one and remembers a sentence for each that is wrong, going on with its default."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._refusals: list[str] = []

    def __call__(self, name: str, read: Callable[[str], _T], default: str) -> _T:
        text = self._environ.get(name, "").strip()
        if text:
            try:
                return read(text)
            except WrongValue as wrong:
                self.refuse(name, text, str(wrong))
        return read(default)

    def secret(self, name: str, read: Callable[[str], str], *, required: bool = True) -> str:
        """A URL that may hold a password, or the file that `<name>_FILE` names; a refusal does not quote it."""
        text = self._hidden(name)
        if text is None:
            return ""
        if not text:
            if required:
                self._refusals.append(f"{name} is not set; allowed is {REDIS_URLS}.")
            return ""
        try:
            return read(text)
        except WrongValue as wrong:
            scheme = text.partition(":")[0] if "://" in text else "something without a scheme"
            self._refusals.append(f"{name} begins with {scheme[:20]!r} or is incomplete; allowed is {wrong}.")
            return ""

    def key(self, name: str, read: Callable[[str], str]) -> str:
        """What is read from a key, or from the file that `<name>_FILE` names; a refusal does not quote it."""
        text = self._hidden(name)
        try:
            return read(text) if text else ""
        except WrongValue as wrong:
            self._refusals.append(f"{name} cannot be used; allowed is {wrong}.")
            return ""

    def _hidden(self, name: str) -> str | None:
        """The value, or the content of the file; None when there is a file that cannot be read, which is noted."""
        path = self._environ.get(f"{name}_FILE", "").strip()
        if not path:
            return self._environ.get(name, "").strip()
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            self._refusals.append(f"{name}_FILE is {path!r}, which cannot be read: {error}.")
            return None

    def refuse(self, name: str, found: str, allowed: str) -> None:
        self._refusals.append(f"{name} is {found!r}; allowed is {allowed}.")

    def raise_refusals(self) -> None:
        if self._refusals:
            raise ConfigurationError("\n".join(self._refusals))


def read_listener(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    allowed = "an IP address and a port from 1 to 65535, such as 0.0.0.0:5060 or [::]:5060"
    if (":" in host) != (host[:1] == "[" and host[-1:] == "]"):
        raise WrongValue(allowed)
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise WrongValue(allowed) from None
    return str(address), _port(port, allowed)


def read_host_port(text: str) -> tuple[str, int | None] | None:
    allowed = "a host name or an address that phones can reach, with or without a port, such as pbx.example.org:5060"
    if not text:
        return None
    host, colon, port = text.lower().rpartition(":")
    if not colon or text.endswith("]") or (text.count(":") > 1 and "[" not in text):
        host, port = text.lower(), ""
    bare = host.strip("[]")
    if ":" in bare:
        try:
            ipaddress.IPv6Address(bare)
        except ValueError:
            raise WrongValue(allowed) from None
    if bare in WILDCARDS or not _DOMAIN.fullmatch(in_brackets(bare)):
        raise WrongValue(allowed)
    return bare, _port(port, allowed) if port else None


def _port(text: str, allowed: str) -> int:
    if re.fullmatch(r"[0-9]{1,5}", text) and 1 <= int(text) <= 65535:
        return int(text)
    raise WrongValue(allowed)


def read_domains(text: str) -> tuple[str, ...]:
    names = tuple(item.lower() for item in _list(text))
    if not all(_DOMAIN.fullmatch(name) for name in names):
        raise WrongValue("host names or addresses, separated by commas")
    return names


def read_redis_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        complete = bool(parts.path) if parts.scheme == "unix" else bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise WrongValue(REDIS_URLS) from None
    if not complete or parts.scheme not in ("redis", "rediss", "unix"):
        raise WrongValue(REDIS_URLS)
    return text


def read_broker_url(text: str) -> str:
    if urlsplit(text).scheme not in ("redis", "rediss", "redis+socket"):
        raise WrongValue("redis://host:port/1, rediss://host:port/1 or redis+socket:///path?virtual_host=1")
    return text


def read_file(text: str) -> Path | None:
    if not text:
        return None
    path = Path(text)
    if not path.is_file():
        raise WrongValue("the path of a routing script that exists")
    return path


def read_directory(text: str) -> Path | None:
    if text and (not os.path.isabs(text) or len(os.fsencode(text)) > LONGEST_SOCKET_DIRECTORY):
        raise WrongValue(
            f"the whole path of a directory, of at most {LONGEST_SOCKET_DIRECTORY} bytes since sockets are made in it"
        )
    return Path(text) if text else None


def read_worker_id(text: str) -> str:
    if not _WORKER_ID.fullmatch(text):
        raise WrongValue("up to 32 letters, digits, - _ and ~")
    return text


def whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,9}", text) and least <= int(text) <= most:
            return int(text)
        raise WrongValue(f"a whole number from {least} to {most}")

    return read


def seconds(least: int, most: int) -> Callable[[str], float]:
    def read(text: str) -> float:
        if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text) and least <= float(text) <= most:
            return float(text)
        raise WrongValue(f"a number of seconds from {least} to {most}")

    return read


def one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() in words:
            return text.lower()
        raise WrongValue(f"{', '.join(words[:-1])} or {words[-1]}")

    return read


def read_flag(text: str) -> bool:
    word = text.lower()
    if word not in _TRUE and word not in _FALSE:
        raise WrongValue("on or off")
    return word in _TRUE


def read_codes(text: str) -> tuple[str, ...]:
    if text.lower() == "off":
        return ()
    codes = _list(text)
    if not codes or not all(_DIALLED.fullmatch(code) for code in codes):
        raise WrongValue("what can be dialled, several separated by commas, such as 33,*8, or off")
    return codes


def read_prefix(text: str) -> str:
    if text.lower() == "off":
        return ""
    if not _DIALLED.fullmatch(text):
        raise WrongValue("what can be dialled in front of an extension, such as **, or off")
    return text


def read_networks(text: str) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(item)) for item in _list(text))
    except ValueError:
        raise WrongValue("addresses and networks, separated by commas, such as 192.0.2.0/24,2001:db8::1") from None


def read_providers(text: str) -> tuple[str, ...]:
    providers = tuple(item.lower() for item in _list(text))
    if not all(_PROVIDER.fullmatch(provider) for provider in providers):
        raise WrongValue("names of push providers, separated by commas, such as http,fcm")
    return providers


def read_vapid_key(text: str) -> str:
    """The public part, as RFC 8599 §8.2 announces it, of a private key in PEM form, its file, or its 32 bytes in base64url.

    The web side signs with it and reads it likewise (pbx.push.credentials); this side tells phones whom to subscribe to. So
    the public part alone is enough here, as 65 bytes in base64url.
    """
    if _VAPID_PUBLIC.fullmatch(text):
        return text
    from cryptography.exceptions import UnsupportedAlgorithm  # only a PBX with Web Push pays for it
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    allowed = "a private key of the curve P-256, as a PEM file or in base64url"
    try:
        if re.fullmatch(r"[A-Za-z0-9_-]{43}=?", text):
            number = int.from_bytes(urlsafe_b64decode(text[:43] + "="))
            key: object = ec.derive_private_key(number, ec.SECP256R1())
        else:
            pem = text.replace("\\n", "\n") if text.startswith("-----BEGIN") else Path(text).read_text(encoding="utf-8")
            key = load_pem_private_key(pem.encode(), password=None)
    except (OSError, TypeError, ValueError, UnsupportedAlgorithm):
        raise WrongValue(allowed) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise WrongValue(allowed)
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(point).rstrip(b"=").decode()


def _list(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.strip() for item in text.split(",") if item.strip()))
