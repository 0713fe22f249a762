"""The handles for routes that belong to no request: those of durable subscriptions, and of registrations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import TransactionGone
from .event_words import EventWords
from .messages import deliver_message
from .phones import taking

if TYPE_CHECKING:
    from ..contract.directory import PickupGroupRecord, SubscriberRecord
    from ..contract.location import Binding
    from .environment import Environment
    from .settings import ScriptSettings

__all__ = ["RegistrationRef", "ServerRef"]


class ServerRef(EventWords):
    """The server itself: the words that need no request. What is subscribed with it is durable, unless told otherwise."""

    __slots__ = ("__weakref__", "_environment")

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    @property
    def settings(self) -> ScriptSettings:
        """What the operator has set."""
        return self._environment.settings

    @property
    def _usual_bind(self) -> str:
        return "none"

    def _bound_to(self, bind: str) -> object:
        return self if bind == "none" else super()._bound_to(bind)

    async def subscriber(self, aor: str | None) -> SubscriberRecord | None:
        """Return the subscriber of an AoR, None when there is none."""
        return await self._environment.directory.subscriber(aor) if aor else None

    async def group(self, group_id: str) -> PickupGroupRecord | None:
        """Return a pickup group, None when there is none."""
        return await self._environment.directory.group(group_id)

    async def lookup(self, aor: str, *, method: str = "", limit: int | None = None) -> tuple[Binding, ...]:
        """Return the bindings of an AoR whose phones take `method`, best q first, at most `limit`."""
        return taking(await self._environment.location.lookup(aor), method, limit)

    async def send_message(self, phone: Binding, content: Mapping[str, Any]) -> int:
        """Send a phone a message that was kept for it, and return the status that it answers; 408 when it is silent."""
        return await deliver_message(self._environment, phone, content)

    def seconds_left(self, content: Mapping[str, Any], seconds: float) -> float:
        """What is left of the time that a message is kept for."""
        sent_at: float = content["sent_at"]
        return sent_at + seconds - self._environment.epoch()


class RegistrationRef(ServerRef):
    """One registered phone; what is bound to it ends when its binding is removed."""

    __slots__ = ("aor", "key")

    def __init__(self, environment: Environment, aor: str, key: str) -> None:
        super().__init__(environment)
        self.aor = aor
        self.key = key

    @property
    def _usual_bind(self) -> str:
        return "registration"

    def _bound_to(self, bind: str) -> object:
        return self if bind == "registration" else super()._bound_to(bind)

    async def _registered_phone(self) -> Binding:
        for binding in await self._environment.location.lookup(self.aor):
            if binding.key == self.key:
                return binding
        raise TransactionGone(f"{self.aor} has no such binding any more")

    def ended(self) -> None:
        """The binding has been removed."""
        self._environment.routing.release(self, "registration-ended")
