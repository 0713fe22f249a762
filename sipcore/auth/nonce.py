"""Nonces that need no memory, and the little memory that replays need.

A nonce says when it was made and proves with an HMAC that we made it, so every worker that has the secret can check
every other's and a flood of challenges costs nothing to keep (RFC 7616 §3.3, §5.4). What cannot be told from the nonce
is whether a nonce count has been used before; `NonceCounts` remembers that, for nonces that came back with the right
password only.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256

__all__ = ["MAX_NONCE", "NONCE_LIFETIME", "NonceCounts", "Nonces"]

NONCE_LIFETIME = 300.0  # seconds; a phone that refreshes later than that pays one more round trip, marked stale
MAX_NONCE = 200  # characters; ours have about 70, anything longer is not worth an HMAC
WINDOW = 32  # nonce counts that may arrive out of order, as datagrams do (the anti-replay window of RFC 4303 §3.4.3)

_WINDOW_MASK = (1 << WINDOW) - 1


class Nonces:
    """Makes nonces and recognises them."""

    __slots__ = ("_inner", "_lifetime", "_new_token", "_outer")

    def __init__(self, secret: bytes, lifetime: float = NONCE_LIFETIME, *, new_token: Callable[[], str]) -> None:
        """`secret` is shared by all workers and signs other things too, hence a key of its own is derived from it.

        `new_token` returns unguessable letters and digits, as it does for branches and tags.
        """
        if len(secret) < 16:
            raise ValueError("a secret of fewer than 16 bytes can be guessed")
        # HMAC (RFC 2104 §2) with the key hashed in once: `hmac.digest` looks its algorithm up and schedules the key each
        # time, which takes four times as long as the rest.
        key = hmac.digest(secret, b"digest nonce", "sha256").ljust(sha256().block_size, b"\0")
        self._inner = sha256(bytes(octet ^ 0x36 for octet in key))
        self._outer = sha256(bytes(octet ^ 0x5C for octet in key))
        self._lifetime = lifetime
        self._new_token = new_token

    def __repr__(self) -> str:
        return f"<Nonces lifetime={self._lifetime:g}>"

    def issue(self, epoch: float) -> str:
        """Return a new nonce: time in hex milliseconds, random part, seal. Letters, digits and dots only."""
        body = f"{int(epoch * 1000):x}.{self._new_token()}"
        return f"{body}.{self._seal(body)}"

    def check(self, nonce: str, epoch: float) -> str:
        """Return `valid`, `stale` (ours, but too old or ahead of the clock) or `forged` (not ours)."""
        body, dot, seal = nonce.rpartition(".")
        if not dot or len(nonce) > MAX_NONCE or not nonce.isascii():
            return "forged"
        if not hmac.compare_digest(seal, self._seal(body)):
            return "forged"
        age = epoch - _issued_at(nonce) / 1000
        # A sibling's clock may be a little ahead of ours; a clock that was set back makes all its nonces stale.
        return "valid" if -5.0 <= age < self._lifetime else "stale"

    def _seal(self, body: str) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(body.encode())
        outer.update(inner.digest())
        return outer.digest()[:16].hex()


class NonceCounts:
    """Which nonce counts have been used; refuses those that were (RFC 7616 §3.4, `nc`).

    One per worker: a replay against another worker is bounded by the lifetime of the nonce alone. Ask only once the
    digest has been found right, so that nobody fills this without a password.
    """

    __slots__ = ("_horizon", "_limit", "_used")

    def __init__(self, limit: int = 65536) -> None:
        self._limit = limit
        # nonce -> highest count << WINDOW | which of the WINDOW counts up to it have been used; least recent first
        self._used: dict[str, int] = {}
        # When the youngest nonce was made that has been forgotten for want of room.
        self._horizon = -1

    def __len__(self) -> int:
        return len(self._used)

    def accept(self, nonce: str, count: int) -> bool:
        """Note the use of a valid nonce with that count; False when it is a replay, to be answered as stale.

        Count 0 stands for credentials without `nc` (RFC 2069 clients): those get one use out of a nonce, for there is
        nothing else that would tell a replay. Once a nonce had to be forgotten, one that was made before it and is not
        known counts as used: forgetting must not make a replay possible.
        """
        used = self._used
        seen = used.pop(nonce, None)
        if seen is None:
            if _issued_at(nonce) <= self._horizon:
                return False
            if len(used) >= self._limit:
                oldest = next(iter(used))
                del used[oldest]
                self._horizon = max(self._horizon, _issued_at(oldest))
            used[nonce] = count << WINDOW | 1
            return True
        highest = seen >> WINDOW
        if count > highest:
            used[nonce] = (
                count << WINDOW | (seen << (count - highest) & _WINDOW_MASK if count - highest < WINDOW else 0) | 1
            )
            return True
        bit = 1 << (highest - count) if highest - count < WINDOW else 0
        used[nonce] = seen | bit
        return bool(bit) and not seen & bit


def _issued_at(nonce: str) -> int:
    """Read the time out of a nonce whose seal was found right."""
    return int(nonce.partition(".")[0], 16)
