"""Sealing push tokens for the web side, on their way through the broker.

A token wakes a phone, and the broker is Redis: its memory, its append-only file and its copies would have it in clear for
as long as the job waits. So it is sealed with the public key that the web side has published, which alone can open it. (X25519, HKDF
and ChaCha20-Poly1305; a new key of ours for each token, so that the nonce need not vary.)
"""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .contract.jobs import SEAL_INFO, SEAL_NONCE, SEALED

__all__ = ["Sealer"]


class Sealer:
    """Seals with whatever key was published last."""

    def __init__(self) -> None:
        self._key: X25519PublicKey | None = None

    @property
    def has_key(self) -> bool:
        """Whether the web side has published its key, as far as is known."""
        return self._key is not None

    def use(self, published: str) -> None:
        """Seal for this key from now on: 64 hex digits. Anything else is no key."""
        try:
            self._key = X25519PublicKey.from_public_bytes(bytes.fromhex(published))
        except ValueError:
            self._key = None

    def seal(self, text: str) -> str:
        """Return the text, for the holder of the key alone. Raise LookupError while there is no key."""
        if self._key is None:
            raise LookupError("the web side has not published its key for push tokens")
        once = X25519PrivateKey.generate()
        public = once.public_key().public_bytes_raw()
        derived = HKDF(SHA256(), 32, salt=public + self._key.public_bytes_raw(), info=SEAL_INFO)
        sealed = ChaCha20Poly1305(derived.derive(once.exchange(self._key))).encrypt(SEAL_NONCE, text.encode(), None)
        return SEALED + base64.b64encode(public + sealed).decode("ascii")
