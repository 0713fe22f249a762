"""How long and how many: the bounds within which phones choose."""

from __future__ import annotations

from dataclasses import dataclass

from sipcore.errors import ConfigurationError

__all__ = ["MAX_INSTANCE_ID", "MAX_PATH", "MAX_USER_AGENT", "Limits"]

MAX_INSTANCE_ID = 256  # characters; a urn:uuid has 45
MAX_PATH = 10  # edge proxies between a phone and us
MAX_USER_AGENT = 128  # characters kept of what a phone calls itself


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a registration; seconds."""

    default_expires: int = 3600
    "When a phone asks for nothing (RFC 3261 §10.3 step 7)."
    min_expires: int = 60
    "Less than this is refused with 423, so that a phone cannot make us its keep-alive."
    max_expires: int = 7200
    "More is granted this."
    push_min_expires: int = 150
    """For a phone that is woken by push and does not refresh by itself: it has to be woken 120 s before it expires (RFC
    8599 §4.1.3), so less would be a push for each refresh, for ever."""
    push_max_expires: int = 86400
    "A phone that can be woken need not prove every hour that it is there."
    pnsreg: int = 130
    "How long before its expiry a phone that offered +sip.pnsreg shall refresh by itself; RFC 8599 §5.5 wants over 120."
    max_bindings: int = 10
    "Of one AoR; the one that has been silent longest makes room for an eleventh."

    def __post_init__(self) -> None:
        if not 0 < self.min_expires <= self.default_expires <= self.max_expires:
            raise ConfigurationError("registration: 0 < minimum <= default <= maximum expiry must hold")
        if not 120 < self.pnsreg < self.push_min_expires <= self.push_max_expires:
            raise ConfigurationError("registration: 120 < pnsreg < push minimum <= push maximum expiry must hold")
        if self.max_bindings < 1:
            raise ConfigurationError("registration: an AoR needs room for at least one binding")
