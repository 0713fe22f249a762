"""Push tokens at rest: sealed with a key derived from SECRET_KEY.

Whoever holds a token and the provider's credentials can make a phone ring, so a copy of the database alone must not
give them away. SECRET_KEY_FALLBACKS keep old tokens readable after SECRET_KEY was changed.
"""

from __future__ import annotations

import base64
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

__all__ = ["Unreadable", "seal", "unseal"]


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


@cache
def _box(*secrets: str) -> MultiFernet:
    return MultiFernet([Fernet(_key(secret)) for secret in secrets])


def _key(secret: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"pbx push tokens").derive(secret.encode())
    return base64.urlsafe_b64encode(derived)
