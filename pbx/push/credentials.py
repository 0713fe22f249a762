"""What the settings say about who we are to each provider: read, checked, and refused with a sentence.

Each reader returns None when nothing is set, and raises WrongCredentials, which names the variable, when what is set
cannot be used. The system checks call the same readers, so a wrong key stops the start and not the first call.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

__all__ = [
    "ApnsKey",
    "ServiceAccount",
    "VapidKey",
    "WrongCredentials",
    "apns_key",
    "fcm_account",
    "vapid_key",
]

FILE_BYTES = 64 * 1024
TEN_LETTERS = re.compile(r"[A-Z0-9]{10}")
BUNDLE = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class WrongCredentials(ValueError):
    """A sentence for people, with the variable's name in it."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A Google service account, as its JSON file describes it."""

    project: str
    email: str
    key_id: str
    token_uri: str
    key: rsa.RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApnsKey:
    """An Apple key for token-based sign-in, and the app that it pushes by default."""

    key_id: str
    team_id: str
    topic: str
    "The bundle id, without `.voip`; empty when every phone brings its own."
    key: ec.EllipticCurvePrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class VapidKey:
    """The key pair that browsers know us by (RFC 8292)."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def public(self) -> str:
        """The uncompressed point in base64url, as browsers and `+sip.vapid` want it."""
        return base64url(self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def fcm_account(text: str) -> ServiceAccount | None:
    """Read PBX_FCM_CREDENTIALS: a service account's JSON, or the path of the file with it."""
    if not text:
        return None
    name = "PBX_FCM_CREDENTIALS"
    try:
        values = json.loads(_content(name, text, begins="{"))
    except ValueError as error:
        raise WrongCredentials(f"{name} is no JSON: {error}.") from None
    needed = ("project_id", "client_email", "private_key", "token_uri")
    missing = [key for key in needed if not isinstance(values, dict) or not isinstance(values.get(key), str)]
    if missing:
        raise WrongCredentials(f"{name} is no service account: {', '.join(missing)} is missing.")
    key = _private_key(name, values["private_key"])
    if not isinstance(key, rsa.RSAPrivateKey):
        raise WrongCredentials(f"{name} has a private_key that is no RSA key.")
    if urlsplit(values["token_uri"]).scheme not in {"http", "https"}:
        raise WrongCredentials(f"{name} has a token_uri that is no https://… address.")
    about = (values["project_id"], values["client_email"], str(values.get("private_key_id", "")), values["token_uri"])
    return ServiceAccount(*about, key)


def apns_key(text: str, key_id: str, team_id: str, topic: str) -> ApnsKey | None:
    """Read PBX_APNS_KEY, a .p8 file's content or its path, and what belongs to it."""
    if not text:
        return None
    key = _private_key("PBX_APNS_KEY", _content("PBX_APNS_KEY", text, begins="-----BEGIN"))
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise WrongCredentials("PBX_APNS_KEY is no P-256 key; allowed is the .p8 file that Apple gave.")
    for name, value in (("PBX_APNS_KEY_ID", key_id), ("PBX_APNS_TEAM_ID", team_id)):
        if not TEN_LETTERS.fullmatch(value):
            found = f"is {value!r}" if value else "is not set"
            raise WrongCredentials(f"{name} {found}; allowed are the ten letters and digits that Apple gave.")
    topic = topic.removesuffix(".voip")
    if topic and not BUNDLE.fullmatch(topic):
        raise WrongCredentials(
            f"PBX_APNS_TOPIC is {topic!r}; allowed is the app's bundle id, such as org.example.phone."
        )
    return ApnsKey(key_id, team_id, topic, key)


def vapid_key(text: str) -> VapidKey | None:
    """Read PBX_VAPID_KEY: a PEM file's content or path, or the 32 bytes of the key in base64url."""
    if not text:
        return None
    name = "PBX_VAPID_KEY"
    if re.fullmatch(r"[A-Za-z0-9_-]{43}=?", text):
        try:
            return VapidKey(ec.derive_private_key(int.from_bytes(from_base64url(text)), ec.SECP256R1()))
        except ValueError:
            raise WrongCredentials(f"{name} is no private key of the curve P-256.") from None
    key = _private_key(name, _content(name, text, begins="-----BEGIN"))
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise WrongCredentials(f"{name} is no P-256 key.")
    return VapidKey(key)


def base64url(raw: bytes) -> str:
    """Base64url without padding (RFC 7515)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Its reverse, padded or not; raise ValueError for anything else."""
    try:
        return urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _content(name: str, text: str, *, begins: str) -> str:
    """The value itself when it looks like the content, else the file that it names."""
    if text.lstrip().startswith(begins):
        return text.replace("\\n", "\n") if begins.startswith("-") else text
    # Not shown when it may be a key that lost its first line on the way.
    found = f"is {text!r}" if re.search(r"\.(json|p8|pem|key)\Z", text) else "names a file"
    try:
        raw = Path(text).read_bytes()
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or "no file name"
        raise WrongCredentials(f"{name} {found}, which cannot be read: {words}.") from None
    if len(raw) > FILE_BYTES:
        raise WrongCredentials(f"{name} {found}, which is too large to be a key.")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise WrongCredentials(f"{name} {found}, which is no text.") from None


def _private_key(name: str, pem: str):
    try:
        return load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        raise WrongCredentials(f"{name} has no private key in PEM form, or one behind a password.") from None
    except UnsupportedAlgorithm as error:
        raise WrongCredentials(f"{name} is a key of an unknown kind: {error}.") from None
