"""HA1, the only form in which a SIP password is kept (RFC 2617 §3.2.2.2, RFC 8760)."""

from __future__ import annotations

import hashlib

__all__ = ["ALGORITHMS", "ha1"]

ALGORITHMS = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


def ha1(algorithm: str, username: str, realm: str, password: str) -> str:
    """Return H(username ":" realm ":" password) as lower-case hex. `algorithm` is a key of ALGORITHMS."""
    return ALGORITHMS[algorithm](f"{username}:{realm}:{password}".encode()).hexdigest()
