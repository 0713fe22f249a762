"""Proxy Unique Registration References (RFC 8599 §6.1.4, §6.2): how a request within a dialog names a phone that is asleep.

A phone puts the reference that it was given into the Contact of its dialogs, as `pn-purr`. The other side sends it back in
the Request-URI and learns nothing by it: a reference is a keyed hash over the binding and the day. Nothing is stored. Who
has to find the phone of a reference knows whose phone it is, for the request names him in To, and tries his few bindings.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import blake2b
from hmac import compare_digest

from sipcore.contract.location import Binding

__all__ = ["Purrs"]

PERIOD = 86_400  # seconds after which a phone is given another reference; it hears of it with its next REGISTER
VALID_PERIODS = 2  # this one and the one before: a call that began under an old reference may last half a day
_SIZE = 15  # octets, which make 20 characters without padding


class Purrs:
    """Makes references and recognises them; the same for all workers that share the secret."""

    __slots__ = ("_keyed",)

    def __init__(self, secret: bytes) -> None:
        self._keyed = blake2b(key=secret[: blake2b.MAX_KEY_SIZE], digest_size=_SIZE, person=b"sip.pnspurr")

    def make(self, aor: str, key: str, epoch: float) -> str:
        """The reference of the phone with that binding key, at that time."""
        return self._of_period(aor, key, int(epoch) // PERIOD)

    def find(self, purr: str, bindings: Iterable[Binding], epoch: float) -> Binding | None:
        """The binding that a reference stands for."""
        latest = int(epoch) // PERIOD
        for binding in bindings:
            for period in range(latest, latest - VALID_PERIODS, -1):
                if compare_digest(purr, self._of_period(binding.aor, binding.key, period)):
                    return binding
        return None

    def _of_period(self, aor: str, key: str, period: int) -> str:
        keyed = self._keyed.copy()
        keyed.update(f"{aor}\0{key}\0{period}".encode("utf-8", "surrogateescape"))
        return urlsafe_b64encode(keyed.digest()).decode("ascii")
