"""Push by a signed HTTP POST, to any service that wants to wake phones its own way.

The body is JSON: the fields of the wake-up, and `provider`, `param`, `token` and `device` as the phone registered them.
The receiver checks `X-PBX-Signature: v1=<hex>`, an HMAC-SHA256 with the shared secret over `<X-PBX-Timestamp>.<body>`,
refuses timestamps that are some minutes off, and drops a second request with the same `Idempotency-Key`.

It answers 2xx when it has taken the push, 404 or 410 when the token is dead, 429 or 503 with `Retry-After` when it
wants to be left alone, and anything else when the request is wrong. A test of the credentials is a POST of type `check`
with an empty token: it is answered 401 or 403 when the signature is wrong, and anything else below 500 when it is right.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from typing import Self

import httpx2
from django.conf import settings

from .base import PushProvider, PushResult, Recipient, Wakeup
from .exchange import REASON_LENGTH, Reply, post

__all__ = ["HttpProvider", "sign"]


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The value of X-PBX-Signature."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1={digest.hexdigest()}"


class HttpProvider(PushProvider):
    """Posts to one address, signed with one secret."""

    name = "http"

    def __init__(self, client: httpx2.AsyncClient, url: str, secret: str) -> None:
        self._client = client
        self._url = url
        self._secret = secret

    @classmethod
    def from_settings(cls, client: httpx2.AsyncClient) -> Self | None:
        if not settings.PUSH_HTTP_URL or not settings.PUSH_HTTP_SECRET:
            return None
        return cls(client, settings.PUSH_HTTP_URL, settings.PUSH_HTTP_SECRET)

    async def send(self, recipient: Recipient, wakeup: Wakeup) -> PushResult:
        address = {
            "provider": recipient.provider,
            "param": recipient.param,
            "token": recipient.token,
            "device": recipient.key,
        }
        reply = await self._post({**wakeup.fields(), **address}, wakeup.push_id, hide=recipient.token)
        if reply.is_success:
            return PushResult(reply.status, accepted=True, ms=reply.ms)
        return PushResult.refused(self.name, reply, _reason(reply))

    async def check(self) -> PushResult:
        reply = await self._post({"type": "check", "token": ""}, str(uuid.uuid4()))
        if reply.status in (0, 401, 403, 429) or reply.status >= 500:
            return PushResult.refused(self.name, reply, _reason(reply))
        return PushResult(reply.status, accepted=True, ms=reply.ms)

    async def _post(self, fields: dict[str, str], push_id: str, *, hide: str = "") -> Reply:
        body = json.dumps(fields, ensure_ascii=False).encode()
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": push_id,
            "X-PBX-Timestamp": timestamp,
            "X-PBX-Signature": sign(self._secret, timestamp, body),
        }
        return await post(self._client, self._url, body, headers, hide=(hide,))


def _reason(reply: Reply) -> str:
    """The `reason`, `error` or `detail` of a JSON answer, else its first words."""
    answer = reply.json
    if not answer:
        return reply.words
    words = next((str(answer[name]) for name in ("reason", "error", "detail") if answer.get(name)), "")
    return " ".join(words.split())[:REASON_LENGTH]
