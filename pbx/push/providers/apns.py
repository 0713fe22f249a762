"""Apple Push Notification service: iPhones and iPads, over HTTP/2 with a signed token of our own.

https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns

A call goes to the VoIP token, which wakes the app at once; iOS expects it to show a call for each and shuts out an app
that does not, so nothing else goes there but a test that its owner was warned of. A message goes to the app's ordinary
token as an alert; a test, a refresh and what a call in progress needs as a background push. An app with the ordinary token alone gets a call as an alert:
better seen late than never.

What a phone registers is read in the form of RFC 8599 §10 (`pn-param=TEAMID.bundle.id.voip`, `pn-prid=<hex>`) and in
that of Linphone and Flexisip, which has two tokens (`TEAMID.bundle.id.remote&voip`, `<hex>:remote&<hex>:voip`). Their
`pn-provider=apns.dev` is a development build, whose tokens are good at Apple's sandbox alone: a provider of its own here.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import httpx2
import jwt
from django.conf import settings

from ..bearer import SignedToken
from ..credentials import ApnsKey, apns_key
from .base import PushProvider, PushResult, Recipient, Wakeup
from .exchange import Reply, post

__all__ = ["ApnsProvider", "ApnsSandboxProvider"]

RENEW_AFTER = 2400.0  # seconds; Apple refuses tokens of more than an hour,
NOT_BEFORE = 1200.0  # and more than one new one in twenty minutes
TOKEN = re.compile(r"[0-9a-fA-F]{16,400}")
TEAM = re.compile(r"[A-Z0-9]{10}\.")
SERVICES = frozenset({"voip", "remote"})
VOIP_KINDS = frozenset({"call", "test"})
QUIET_KINDS = frozenset({"test", "refresh", "dialog"})  # that nobody needs to see
NO_DEVICE = "0" * 64  # a token that no device has


@dataclass(frozen=True, slots=True)
class Address:
    """An app on a phone as Apple knows it."""

    bundle: str
    tokens: Mapping[str, str] = field(repr=False)
    "By service: voip, remote."

    @classmethod
    def read(cls, param: str, prid: str, default_bundle: str) -> Self:
        """Understand pn-param and pn-prid; what is missing in them comes from the settings."""
        bundle, _, last = param.rpartition(".")
        services = last.split("&")
        if not SERVICES.issuperset(services):
            bundle, services = param, ["remote"] if param else ["voip"]
        tokens = {}
        for part in prid.split("&"):
            token, _, service = part.partition(":")
            tokens[service or services[0]] = token
        return cls(TEAM.sub("", bundle, count=1) or default_bundle, tokens)


class ApnsProvider(PushProvider):
    """Sends for one team, with one key, to phones of the App Store and TestFlight."""

    name = "apns"
    setting: ClassVar[str] = "APNS_URL"

    def __init__(self, client: httpx2.AsyncClient, key: ApnsKey, url: str) -> None:
        self._client = client
        self._key = key
        self._url = url.rstrip("/")
        self._token = SignedToken(self._sign, renew_after=RENEW_AFTER, not_before=NOT_BEFORE)

    @classmethod
    def from_settings(cls, client: httpx2.AsyncClient) -> Self | None:
        key = apns_key(settings.APNS_KEY, settings.APNS_KEY_ID, settings.APNS_TEAM_ID, settings.APNS_TOPIC)
        return cls(client, key, getattr(settings, cls.setting)) if key else None

    async def send(self, recipient: Recipient, wakeup: Wakeup) -> PushResult:
        address = Address.read(recipient.param, recipient.token, self._key.topic)
        service = _service(address, wakeup.kind)
        if service == "voip" and wakeup.kind not in VOIP_KINDS:
            return PushResult.refused(self.name, Reply(), "voip-token-only")
        token = address.tokens.get(service, "")
        if not TOKEN.fullmatch(token):  # it becomes part of a path, so nothing else may be in it
            return PushResult.refused(self.name, Reply(), "BadDeviceToken")
        headers, aps = _manner(address.bundle, service, wakeup)
        payload = json.dumps({"aps": aps, **wakeup.fields()}, ensure_ascii=False).encode()
        headers |= {"apns-id": wakeup.push_id, "apns-expiration": str(int(wakeup.deadline))}
        return await self._send(token, payload, headers)

    async def check(self) -> PushResult:
        """Push a device that does not exist: Apple looks at the key and the topic first, then at the token."""
        headers = {"apns-push-type": "background", "apns-priority": "5", "apns-expiration": "0"}
        headers["apns-topic"] = self._key.topic or "org.example.phone"
        result = await self._send(NO_DEVICE, b'{"aps":{"content-available":1}}', headers)
        if result.token_invalid:
            return PushResult(result.status, accepted=True, ms=result.ms)
        return result

    async def warm_up(self) -> None:
        self._token.get()

    async def _send(self, device: str, payload: bytes, headers: dict[str, str]) -> PushResult:
        for again in (False, True):
            token = self._token.get()
            sent = {**headers, "authorization": f"bearer {token}"}
            reply = await post(self._client, f"{self._url}/3/device/{device}", payload, sent, hide=(device, token))
            if reply.is_success:
                return PushResult(reply.status, accepted=True, ms=reply.ms)
            answer = reply.json
            reason = str(answer.get("reason") or reply.words)
            if reason != "ExpiredProviderToken" or again or not self._token.renew(token):
                break
        return PushResult.refused(self.name, reply, reason, invalid_since=_seconds(answer.get("timestamp")))

    def _sign(self) -> str:
        claims = {"iss": self._key.team_id, "iat": int(time.time())}
        return jwt.encode(claims, self._key.key, algorithm="ES256", headers={"kid": self._key.key_id})


class ApnsSandboxProvider(ApnsProvider):
    """The same for development builds, whose tokens Apple's production servers do not know."""

    name = "apns.dev"
    setting = "APNS_SANDBOX_URL"


def _service(address: Address, kind: str) -> str:
    """Which token to push: VoIP is for calls alone, unless there is no other."""
    first, second = ("voip", "remote") if kind == "call" else ("remote", "voip")
    return first if first in address.tokens else second


def _manner(bundle: str, service: str, wakeup: Wakeup) -> tuple[dict[str, str], dict[str, Any]]:
    """The headers and the `aps` of a push: by VoIP, in the background, or as an alert."""
    if service == "voip":
        return {"apns-topic": f"{bundle}.voip", "apns-push-type": "voip", "apns-priority": "10"}, {}
    if wakeup.kind in QUIET_KINDS:
        manner = {"apns-topic": bundle, "apns-push-type": "background", "apns-priority": "5"}
        return manner, {"content-available": 1}
    # The caller's name and address need no translation.
    alert = {"title": wakeup.fields()["display_name"] or wakeup.caller, "body": wakeup.caller}
    manner = {"apns-topic": bundle, "apns-push-type": "alert", "apns-priority": "10"}
    manner["apns-collapse-id"] = wakeup.call_uid[:64]
    return manner, {"alert": alert, "sound": "default", "content-available": 1, "mutable-content": 1}


def _seconds(timestamp: object) -> float:
    """Apple's milliseconds as epoch seconds; 0 when it gave none."""
    return timestamp / 1000 if isinstance(timestamp, int | float) else 0.0
