"""Push by a signed HTTP POST, to any service that wants to wake phones its own way.

The body is JSON: the fields of the wake-up, and `provider`, `param`, `token` and `device` as the phone registered them.
The receiver checks `X-PBX-Signature: v1=<hex>`, an HMAC-SHA256 with the shared secret over `<X-PBX-Timestamp>.<body>`,
refuses timestamps that are some minutes off, and drops a second request with the same `Idempotency-Key`.

It answers 2xx when it has taken the push, 404 or 410 when the token is dead, 429 or 503 with `Retry-After` when it
wants to be left alone, and anything else when the request is wrong.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from email.utils import parsedate_to_datetime
from typing import Self

import httpx2
from django.conf import settings

from .base import PushProvider, PushResult, Recipient, Wakeup

__all__ = ["HttpProvider", "sign"]

DEAD_TOKEN = frozenset({404, 410})
REASON_BYTES = 2048  # of an answer are looked at; the rest of a chatty one is not waited for


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
        body = json.dumps({**wakeup.fields(), **address}, ensure_ascii=False).encode()
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": wakeup.push_id,
            "X-PBX-Timestamp": timestamp,
            "X-PBX-Signature": sign(self._secret, timestamp, body),
        }
        started = time.monotonic()
        try:
            async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                text = await _beginning(response)  # read even when not needed: the connection is used again
        except httpx2.TimeoutException:
            return PushResult(reason="timeout", ms=_ms_since(started))
        except httpx2.HTTPError as error:
            return PushResult(reason=f"unreachable: {type(error).__name__}", ms=_ms_since(started))
        return PushResult(
            status=response.status_code,
            accepted=response.is_success,
            reason=_reason(text).replace(recipient.token, "…") if not response.is_success else "",
            retry_after=_retry_after(response.headers.get("Retry-After", "")),
            token_invalid=response.status_code in DEAD_TOKEN,
            ms=_ms_since(started),
        )


async def _beginning(response: httpx2.Response) -> bytes:
    text = b""
    async for chunk in response.aiter_bytes():
        text += chunk
        if len(text) >= REASON_BYTES:
            break
    return text[:REASON_BYTES]


def _reason(text: bytes) -> str:
    """The `reason`, `error` or `detail` of a JSON answer, else its first words."""
    words = text.decode(errors="replace")
    try:
        answer = json.loads(words)
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        words = next((str(answer[name]) for name in ("reason", "error", "detail") if answer.get(name)), "")
    return " ".join(words.split())[:200]


def _retry_after(value: str) -> float:
    """Seconds from now; the header is either that or a date (RFC 9110 §10.2.3)."""
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
