"""Web Push: browsers, and UnifiedPush on Android (RFC 8030, RFC 8291, RFC 8292).

`pn-prid` is the subscription's address at the browser's push service. RFC 8599 sends no payload; a browser that has
given its keys as well (by the API, for `pn-*` has no place for them) is told of the call, encrypted.

A phone chooses the address that this host calls. So only the push services of the known browsers are called, and those
hosts that the administrator has named: nobody makes this host knock at doors of its own network.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Collection
from typing import Self
from urllib.parse import urlsplit

import httpx2
import jwt
from django.conf import settings

from ..bearer import SignedToken
from ..credentials import VapidKey, vapid_key
from .base import PushProvider, PushResult, Recipient, Wakeup
from .encryption import BrowserKeys, encrypt
from .exchange import Reply, post

__all__ = ["WebPushProvider"]

TOKEN_SECONDS = 12 * 3600  # RFC 8292 §2: not more than 24 hours
RENEW_AFTER = 6 * 3600.0
MOST_SERVICES = 100  # whose tokens are remembered

KNOWN_SERVICES = (
    "fcm.googleapis.com",
    "push.services.mozilla.com",
    "notify.windows.com",
    "push.apple.com",
)
"Chrome and its kin, Firefox, Edge, Safari; each with what is below it."


class WebPushProvider(PushProvider):
    """Sends to every browser that subscribed with our key."""

    name = "webpush"

    def __init__(self, client: httpx2.AsyncClient, key: VapidKey, subject: str, hosts: Collection[str] = ()) -> None:
        """`subject` is a mailto: or https: address, at which a push service may complain; `hosts` are trusted besides."""
        self._client = client
        self._key = key
        self._subject = subject
        self._hosts = (*KNOWN_SERVICES, *hosts)
        self._tokens: dict[str, SignedToken] = {}

    @classmethod
    def from_settings(cls, client: httpx2.AsyncClient) -> Self | None:
        key = vapid_key(settings.VAPID_KEY)
        subject = settings.VAPID_SUBJECT or f"mailto:postmaster@{settings.SIP_REALM}"
        return cls(client, key, subject, settings.WEBPUSH_HOSTS) if key else None

    async def send(self, recipient: Recipient, wakeup: Wakeup) -> PushResult:
        endpoint = recipient.token
        if not self._is_allowed(endpoint):
            return PushResult.refused(self.name, Reply(), "host-not-allowed")
        headers = {"TTL": str(max(0, math.ceil(wakeup.deadline - time.time()))), "Urgency": "high"}
        body = b""
        if recipient.keys:
            try:
                browser = BrowserKeys.read(recipient.keys.get("p256dh", ""), recipient.keys.get("auth", ""))
            except ValueError:
                return PushResult.refused(self.name, Reply(), "bad-subscription-keys")
            body = encrypt(json.dumps(wakeup.fields(), ensure_ascii=False).encode(), browser)
            headers |= {"Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream"}
        parts = urlsplit(endpoint)
        token = self._token(f"{parts.scheme}://{parts.netloc}").get()
        headers["Authorization"] = f"vapid t={token}, k={self._key.public}"
        reply = await post(self._client, endpoint, body, headers, hide=(endpoint, parts.path.strip("/"), token))
        if reply.is_success:
            return PushResult(reply.status, accepted=True, ms=reply.ms)
        return PushResult.refused(self.name, reply, _reason(reply))

    async def check(self) -> PushResult:
        """Nobody can be asked: each browser has its own service. The key signs, and that is all there is to know."""
        self._sign("https://push.example.org")
        return PushResult(accepted=True)

    def _is_allowed(self, endpoint: str) -> bool:
        try:
            parts = urlsplit(endpoint)
            host = (parts.hostname or "").lower().rstrip(".")
        except ValueError:
            return False
        named = any(host == known or host.endswith(f".{known}") for known in self._hosts)
        return named and parts.scheme == "https" and not parts.username

    def _token(self, origin: str) -> SignedToken:
        """One for each push service (RFC 8292 §2: `aud` is its origin)."""
        if origin not in self._tokens:
            if len(self._tokens) >= MOST_SERVICES:
                self._tokens.clear()
            self._tokens[origin] = SignedToken(lambda: self._sign(origin), renew_after=RENEW_AFTER)
        return self._tokens[origin]

    def _sign(self, origin: str) -> str:
        claims = {"aud": origin, "exp": int(time.time()) + TOKEN_SECONDS, "sub": self._subject}
        return jwt.encode(claims, self._key.key, algorithm="ES256")


def _reason(reply: Reply) -> str:
    """Services word their errors each its own way: Mozilla's JSON has `message`, Apple's `reason`, others plain text."""
    answer = reply.json
    return " ".join(str(answer.get("message") or answer.get("reason") or reply.words).split())[:200]
