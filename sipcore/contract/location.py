"""Bindings: what a REGISTER leaves in the location service (RFC 3261 §10)."""

from __future__ import annotations

from .flow import Flow
from .records import Record

__all__ = ["Binding", "BindingChanges", "PushParameters"]


class PushParameters(Record, frozen=True):
    """The RFC 8599 parameters of a Contact, without the token itself."""

    provider: str
    "pn-provider: apns, fcm, webpush, acrobits, http …"
    param: str = ""
    "pn-param: the application or project."
    prid_hash: str = ""
    "SHA-256 of pn-prid, first 16 hex digits: enough to match, useless to send with. The token stays in Postgres."


class Binding(Record, frozen=True):
    """One contact of an address-of-record; shared by everybody who asks."""

    aor: str
    key: str
    "Which phone this is: instance id and reg-id, or push token hash, or the Contact URI. Unique within the AoR."
    contact: str
    "The Contact URI byte for byte as registered, less its pn-* parameters; the Request-URI of a branch."
    expires_at: float
    "Wall clock, epoch seconds."
    call_id: str
    cseq: int
    q: float = 1.0
    instance_id: str = ""
    reg_id: int = 0
    path: tuple[str, ...] = ()
    "Path header values of the REGISTER, topmost first (RFC 3327)."
    transport: str = "udp"
    host: str = ""
    port: int = 0
    connection: str = ""
    "transport, host, port, connection: the flow over which the REGISTER came, hence over which the phone is reached."
    worker: str = ""
    "The worker that holds that flow."
    socket: str = ""
    "proto:ip:port of the listener that took the REGISTER."
    user_agent: str = ""
    methods: tuple[str, ...] = ()
    "Methods that the contact says it takes (RFC 3840 `methods`); empty: not said."
    registered_at: float = 0.0
    "Wall clock of the first REGISTER of this binding."
    refreshed_at: float = 0.0
    push: PushParameters | None = None
    edge: str = ""
    "host:port over UDP where the worker, and any sibling that takes its place, is reached by other nodes."

    @property
    def flow(self) -> Flow:
        """The flow that the phone registered over."""
        return Flow(self.transport, self.host, self.port, self.connection)


class BindingChanges(Record, frozen=True):
    """What one REGISTER (or an expiry, or an administrator) does to an AoR's bindings."""

    aor: str
    bindings: tuple[Binding, ...]
    "All bindings once the change is made."
    inserted: tuple[Binding, ...] = ()
    updated: tuple[Binding, ...] = ()
    removed: tuple[Binding, ...] = ()
    removed_reason: str = "unregister"
    "unregister, expired, evicted, flow-lost, admin or replaced."

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes: a REGISTER that only asks."""
        return not (self.inserted or self.updated or self.removed)
