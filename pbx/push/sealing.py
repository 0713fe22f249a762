"""Push tokens at rest, and on their way here: sealed with keys derived from SECRET_KEY.

Whoever holds a token and the provider's credentials can make a phone ring, so a copy of the database alone must not
give them away. SECRET_KEY_FALLBACKS keep old tokens readable after SECRET_KEY was changed.

A SIP worker that has learnt one hands it over in a job, sealed for the public key that is published for it
(`sipcore/sealing.py`): the broker is Redis, and has nothing to read.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from pbx.store import store
from sipcore.contract import jobs, keys

__all__ = ["Unreadable", "opened", "public_key", "publish_key", "seal", "unseal"]


class Unreadable(Exception):
    """The token was sealed with a SECRET_KEY that is no longer known; the phone's next REGISTER brings it again."""


def seal(token: str) -> str:
    """Return the token, encrypted and authenticated."""
    return _box(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS).encrypt(token.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the token. Raise Unreadable when no key opens it."""
    try:
        return _box(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Unreadable from None


def public_key() -> str:
    """What SIP workers seal tokens with: 64 hex digits."""
    return _private_key(settings.SECRET_KEY).public_key().public_bytes_raw().hex()


def publish_key() -> None:
    """Tell the SIP workers. Raises StoreError when Redis is away."""
    key = public_key()
    if store().get(keys.PUSH_SEALING_KEY) != key:
        store().pipeline().set(keys.PUSH_SEALING_KEY, key).publish(keys.DIRECTORY_CHANGED, "push-key").execute()


def opened(sealed: str) -> str:
    """Return a token out of a job. Raise Unreadable when it was sealed for another key."""
    try:
        data = base64.b64decode(sealed.removeprefix(jobs.SEALED), validate=True)
        sender, content = data[:32], data[32:]
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
            ours = _private_key(secret)
            salt = sender + ours.public_key().public_bytes_raw()
            key = HKDF(SHA256(), 32, salt, jobs.SEAL_INFO).derive(
                ours.exchange(X25519PublicKey.from_public_bytes(sender))
            )
            with suppress(InvalidTag):
                return ChaCha20Poly1305(key).decrypt(jobs.SEAL_NONCE, content, None).decode()
    except ValueError:
        pass
    raise Unreadable


@cache
def _private_key(secret: str) -> X25519PrivateKey:
    derived = HKDF(SHA256(), 32, salt=None, info=jobs.SEAL_INFO).derive(secret.encode())
    return X25519PrivateKey.from_private_bytes(derived)


@cache
def _box(*secrets: str) -> MultiFernet:
    return MultiFernet([Fernet(_key(secret)) for secret in secrets])


def _key(secret: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"pbx push tokens").derive(secret.encode())
    return base64.urlsafe_b64encode(derived)
