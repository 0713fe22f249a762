"""What a push provider is to the rest of the product: one word, `send`, and a result that means the same for all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Self

import httpx2

__all__ = ["PushProvider", "PushResult", "Recipient", "Wakeup"]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where one push goes: a device as the provider knows it."""

    key: str
    "The key of the phone's binding, by which the SIP side knows it again."
    provider: str
    param: str
    "pn-param of RFC 8599: the application, project or topic."
    token: str = field(repr=False)
    platform: str = ""


@dataclass(frozen=True, slots=True)
class Wakeup:
    """Why a phone is woken up: the call, in the words that its app gets to read. Times are epoch seconds."""

    push_id: str
    "The same for every try of one push: providers and apps drop the second of two."
    kind: str
    "call, or test."
    aor: str
    call_uid: str
    call_id: str
    "The Call-ID of the INVITE that the woken phone will get."
    caller: str
    caller_name: str
    sent_at: float
    deadline: float
    "After this nobody waits for the phone any more."

    def fields(self) -> dict[str, str]:
        """The payload, flat and textual as the strictest of the providers (FCM) wants it.

        Always to be serialized, never formatted into a template: the caller chooses his own display name.
        """
        return {
            "type": self.kind,
            "push_id": self.push_id,
            "aor": self.aor,
            "uuid": self.call_uid,
            "call_id": self.call_id,
            "from_uri": self.caller,
            "display_name": self.caller_name,
            "sent_at": str(int(self.sent_at * 1000)),
            "expires_at": str(int(self.deadline * 1000)),
        }


@dataclass(frozen=True, slots=True)
class PushResult:
    """What the provider said to one try."""

    status: int = 0
    "The HTTP status; 0 when there was no answer."
    accepted: bool = False
    reason: str = ""
    "The provider's word for a refusal, or ours for a silence; never contains the token."
    retry_after: float = 0.0
    "Seconds that the provider asked to be left alone."
    token_invalid: bool = False
    "The token will never work again."
    invalid_since: float = 0.0
    "Epoch seconds since when, where the provider says so (APNs); a token that was registered later is kept."
    ms: int = 0

    @property
    def is_temporary(self) -> bool:
        """Whether trying again may help: no answer, throttled, or the provider is in trouble."""
        return not self.accepted and not self.token_invalid and (self.status in (0, 429) or self.status >= 500)

    @property
    def blames_provider(self) -> bool:
        """Whether this says that the provider is down, rather than something about a device or our credentials."""
        return self.status == 0 or self.status >= 500


class PushProvider(ABC):
    """One way to reach phones. An instance lives as long as its process and keeps its connections open."""

    name: ClassVar[str]
    "The pn-provider value of RFC 8599 that it serves."

    @classmethod
    @abstractmethod
    def from_settings(cls, client: httpx2.AsyncClient) -> Self | None:
        """Build it from Django's settings; None when it is not configured."""

    @abstractmethod
    async def send(self, recipient: Recipient, wakeup: Wakeup) -> PushResult:
        """Try once. Whatever the provider or the network does becomes a PushResult; nothing is raised for it."""
