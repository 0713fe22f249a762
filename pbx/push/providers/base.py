"""What a push provider is to the rest of the product: `send`, `check`, and a result that means the same for all."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import httpx2

from ..answers import Verdict, meaning_of
from .exchange import Reply

__all__ = ["PushProvider", "PushResult", "Recipient", "Wakeup"]

NO_CLIENT = httpx2.AsyncClient(
    verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
)  # trusts nobody, and nothing is sent over it
NAME_LENGTH = 120  # characters of the caller's name; he chooses it, and a push has 4 KB


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
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    "What else the provider needs to reach it: p256dh and auth of a Web Push subscription."


@dataclass(frozen=True, slots=True)
class Wakeup:
    """Why a phone is woken up: the call, in the words that its app gets to read. Times are epoch seconds."""

    push_id: str
    "The same for every try of one push: providers and apps drop the second of two."
    kind: str
    "call; message, refresh or dialog, which are no new call; or test."
    aor: str
    call_uid: str
    call_id: str
    "The Call-ID of the INVITE that the woken phone will get."
    caller: str
    caller_name: str
    sent_at: float
    deadline: float
    "After this nobody waits for the phone any more."
    media: str = ""
    "audio or video, for a call."
    node: str = ""
    "The worker whose call waits, for an app that can choose where it registers."

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
            "display_name": self.caller_name[:NAME_LENGTH],
            "sent_at": str(int(self.sent_at * 1000)),
            "expires_at": str(int(self.deadline * 1000)),
            "media": self.media,
            "node": self.node,
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
    credentials_refused: bool = False
    "The provider does not believe us; no device will fare better."
    permanent: bool = False
    "This very push would end alike again."
    ms: int = 0

    @classmethod
    def refused(
        cls, provider: str, reply: Reply, reason: str, *, retry_after: float = 0.0, invalid_since: float = 0.0
    ) -> Self:
        """A refusal or a silence, judged by the dictionary of answers."""
        verdict = meaning_of(provider, reply.status, reason).verdict
        return cls(
            reply.status,
            reason=reason,
            retry_after=reply.retry_after or retry_after,
            token_invalid=verdict is Verdict.DEAD_TOKEN,
            invalid_since=invalid_since,
            credentials_refused=verdict is Verdict.CREDENTIALS,
            permanent=verdict is Verdict.PERMANENT,
            ms=reply.ms,
        )

    @property
    def token_is_gone(self) -> bool:
        """Whether the provider says that there is no such token any more, and not just that it is none for our key."""
        return self.token_invalid and self.status in (404, 410)

    @property
    def is_temporary(self) -> bool:
        """Whether trying again may help: no answer, throttled, or the provider is in trouble."""
        if self.accepted or self.token_invalid or self.credentials_refused or self.permanent:
            return False
        return self.status in (0, 429) or self.status >= 500

    @property
    def blames_provider(self) -> bool:
        """Whether this says that the provider is down, rather than something about a device or our credentials."""
        return self.status >= 500 or (self.status == 0 and self.is_temporary)


class PushProvider(ABC):
    """One way to reach phones. An instance lives as long as its process and keeps its connections open."""

    name: ClassVar[str]
    "The pn-provider value of RFC 8599 that it serves."

    @classmethod
    @abstractmethod
    def from_settings(cls, client: httpx2.AsyncClient) -> Self | None:
        """Build it from Django's settings; None when it is not configured, or wrongly (then the start has said so)."""

    @classmethod
    def is_configured(cls) -> bool:
        """Whether the settings have what it takes. Raise WrongCredentials when they have something that is of no use."""
        return cls.from_settings(NO_CLIENT) is not None

    @abstractmethod
    async def send(self, recipient: Recipient, wakeup: Wakeup) -> PushResult:
        """Try once. Whatever the provider or the network does becomes a PushResult; nothing is raised for it."""

    @abstractmethod
    async def check(self) -> PushResult:
        """Find out whether the provider accepts our credentials, without waking anybody; `accepted` when it does."""

    async def warm_up(self) -> None:  # noqa: B027 - most have nothing to fetch
        """Fetch ahead what the first push would otherwise wait for."""
