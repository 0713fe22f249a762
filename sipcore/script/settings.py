"""What the operator has set, as the routing script reads it: `request.settings`."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ScriptSettings"]


@dataclass(frozen=True, slots=True)
class ScriptSettings:
    """The settings that routing policy depends on; names as in the environment, less the prefix."""

    domains: tuple[str, ...]
    "SIP domains served, lower case; the first one is the realm."
    wake_seconds: float = 20.0
    "How long a call waits for phones to register."
    ring_seconds: float = 60.0
    "How long a phone may ring."
    hold: str = "auto"
    "When a call waits for phones that are not there yet: auto, always or push."
    waiting: str = "auto"
    """What the caller hears while a phone is being woken: `100` nothing, `182` or `183` at once, `180` once a push was
    accepted, `auto` that 180 where no phone of the callee is registered."""
    keep_message_seconds: float = 0.0
    "How long a message is kept for phones that are away; 0: not at all."
    pickup_codes: tuple[str, ...] = ("33", "*8")
    pickup_directed: str = "**"
    trusted_sources: tuple[str, ...] = ()
    "Networks (CIDR) whose requests are not challenged: a trunk, a load balancer."

    @property
    def realm(self) -> str:
        """The digest realm, which is the first domain."""
        return self.domains[0]

    @property
    def call_seconds(self) -> float:
        """The longest that a call may wait and ring together."""
        return self.wake_seconds + self.ring_seconds
