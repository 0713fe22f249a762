"""The payload of a Web Push, encrypted for one browser: RFC 8291 with the content coding of RFC 8188.

The push service in the middle reads nothing of it: who calls whom is nobody else's business.
"""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..credentials import from_base64url

__all__ = ["BrowserKeys", "encrypt"]

RECORD_SIZE = 4096  # push services take no more, so there is one record
PADDING = b"\x02"  # delimiter of the last record
AUTH_BYTES = 16


class BrowserKeys(NamedTuple):
    """What a browser's subscription says of itself: `p256dh` and `auth`."""

    public: ec.EllipticCurvePublicKey
    auth: bytes

    @classmethod
    def read(cls, p256dh: str, auth: str) -> BrowserKeys:
        """From base64url; raise ValueError when they cannot be used."""
        secret = from_base64url(auth)
        if len(secret) != AUTH_BYTES:
            raise ValueError(f"auth has {len(secret)} bytes")
        return cls(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_base64url(p256dh)), secret)


def encrypt(
    plain: bytes,
    browser: BrowserKeys,
    *,
    ours: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """Return the body of a push. `ours` and `salt` are made anew for each, and given only by a test vector."""
    ours = ours or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(16)
    point, theirs = _point(ours.public_key()), _point(browser.public)
    shared = ours.exchange(ec.ECDH(), browser.public)
    material = _derive(shared, 32, salt=browser.auth, info=b"WebPush: info\0" + theirs + point)  # RFC 8291 §3.4
    key = _derive(material, 16, salt=salt, info=b"Content-Encoding: aes128gcm\0")
    nonce = _derive(material, 12, salt=salt, info=b"Content-Encoding: nonce\0")
    header = salt + struct.pack("!IB", RECORD_SIZE, len(point)) + point  # RFC 8188 §2.1
    return header + AESGCM(key).encrypt(nonce, plain + PADDING, None)


def _derive(secret: bytes, length: int, *, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
