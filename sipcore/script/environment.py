"""What the words of the script work with; put together once, by the worker."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..contract.aor import make_aor
from ..contract.flow import Flow
from ..ebr.routing import EventRouting
from ..ports import CallBoard, Directory, EventBus, Jobs, LocationService
from ..proxy.core import ProxyCore
from ..registrar import Limits, Purrs
from ..syntax import Address, parse_address
from .dialogs import Dialogs
from .settings import ScriptSettings

if TYPE_CHECKING:
    from ..calls.tracker import CallTracker
    from ..contract.location import Binding
    from ..proxy.request import ServerRequest
    from .authentication import Authentication
    from .dialog_waking import DialogWaking
    from .durable import Durables
    from .pickups import Pickups

__all__ = ["Environment"]

REMEMBERED = 8192
"Addresses in To: AoRs that register here again and again."


@dataclass(slots=True)
class Environment:
    """The rooms that the words reach into. Nothing here is for the script itself, but `settings`."""

    worker: str
    core: ProxyCore
    location: LocationService
    directory: Directory
    bus: EventBus
    board: CallBoard
    jobs: Jobs
    tracker: CallTracker
    settings: ScriptSettings
    monotonic: Callable[[], float]
    "The clock of transactions, in seconds."
    epoch: Callable[[], float]
    "The wall clock, in seconds: bindings, and deadlines that cross processes."
    new_token: Callable[[], str]
    new_id: Callable[[], str]
    "Ids of events and subscriptions: unique, and sorted by time within this worker."
    run: Callable[[Coroutine[Any, Any, Any], str], None]
    "Runs a coroutine to its end, on behalf of the driver."
    failed: Callable[[Exception, ServerRequest], None]
    "Told of what a branch or reply route raised, on behalf of which request."
    touched: Callable[[], None]
    "Told after a word has given the core something to do outside of a turn of the driver."
    aliases: frozenset[str]
    "Names and addresses of this host, lower case, which count as the first domain."
    socket_of: Callable[[Flow], str]
    "The listener behind a flow, as proto:ip:port."
    is_connected: Callable[[Flow], bool]
    "Whether the connection of a stream flow is open, here or at a sibling."
    limits: Limits = field(default_factory=Limits)
    edge: str = ""
    "Where other nodes reach this one, as host:port; siblings have the same."
    push_providers: tuple[str, ...] = ()
    "Providers announced to phones in Feature-Caps (RFC 8599)."
    vapid: str = ""
    "The public key that browsers subscribe with, announced beside Web Push."
    aor_in: Callable[[str], str | None] = field(init=False)
    "As `aor_of`, of an address as text: a phone registers with the same To each time."
    routing: EventRouting = field(init=False)
    "This and the next are made with the environment, right after it: see `assembly.py`."
    authentication: Authentication = field(init=False)
    pickups: Pickups = field(init=False)
    durables: Durables = field(init=False)
    dialog_waking: DialogWaking = field(init=False)
    purrs: Purrs = field(init=False)
    dialogs: Dialogs = field(default_factory=Dialogs)

    def is_elsewhere(self, edge: str) -> bool:
        """Whether a phone that registered at an edge is reached by way of it, and not from here.

        A worker that is alone holds all flows, also those from before its address changed.
        """
        return edge != self.edge and bool(edge) and self.bus.has_peers

    def __post_init__(self) -> None:
        self.aor_in = lru_cache(REMEMBERED)(lambda text: self.aor_of(parse_address(text)))

    def aor_of(self, address: Address) -> str | None:
        """Return the AoR that an address stands for, None when its domain is not served here."""
        uri = address.uri
        domain = self.domain_of(uri.host)
        return None if domain is None else make_aor(uri.user or "", domain)

    def may_reach(self, binding: Binding) -> bool:
        """Whether a phone can be called; not one whose connection died with the worker that had it. It will come back."""
        return not binding.connection or self.is_elsewhere(binding.edge) or self.is_connected(binding.flow)

    def domain_of(self, host: str) -> str | None:
        """Return the served domain that a host stands for, None when it is none of ours.

        The port is not looked at: some tools cut a five-digit port or leave it out.
        """
        if host in self.settings.domains and host not in self.aliases:  # written as we write it, nearly always
            return host
        host = host.lower()
        if host in self.aliases:
            return self.settings.realm
        return host if host in self.settings.domains else None
