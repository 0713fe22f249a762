"""Octets to and from the network: UDP, TCP and whatever other stream is added; flows (RFC 3261 §18, RFC 5626).

`Transports` is all that others use. Nothing in here knows transactions: what could not be sent is reported back with the
object that came with it.
"""

from __future__ import annotations

from .limits import TransportLimits
from .transports import Transports, TransportSettings

__all__ = ["TransportLimits", "TransportSettings", "Transports"]
