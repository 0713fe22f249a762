"""One HTTP request to a provider: whatever the other end or the network does becomes a `Reply`, and nothing is raised."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

__all__ = ["Reply", "post"]

REPLY_BYTES = 4096  # of an answer are looked at; the rest of a chatty one is not waited for
REASON_LENGTH = 200  # characters of it are kept for people


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, or that nothing did."""

    status: int = 0
    "The HTTP status; 0 when there was no answer."
    text: str = ""
    "The beginning of the body, with secrets replaced; why there was no answer when there was none."
    retry_after: float = 0.0
    "Seconds that the other end asked to be left alone."
    ms: int = 0

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty when it is none."""
        try:
            value = json.loads(self.text)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def words(self) -> str:
        """The first words of the body, on one line."""
        return " ".join(self.text.split())[:REASON_LENGTH]


async def post(
    client: httpx2.AsyncClient, url: str, body: bytes, headers: Mapping[str, str], *, hide: tuple[str, ...] = ()
) -> Reply:
    """POST, and read the beginning of the answer; `hide` are secrets that an answer may echo and nobody may read."""
    started = time.monotonic()
    try:
        async with client.stream("POST", url, content=body, headers=dict(headers)) as response:
            raw = await _beginning(response)  # read even when not needed: the connection is used again
    except httpx2.TimeoutException:
        return Reply(text="timeout", ms=_ms_since(started))
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return Reply(text=f"unreachable: {type(error).__name__}", ms=_ms_since(started))
    text = raw.decode(errors="replace")
    for secret in filter(None, hide):
        text = text.replace(secret, "…")
    retry_after = _retry_after(response.headers.get("Retry-After", ""))
    return Reply(response.status_code, text, retry_after, _ms_since(started))


async def _beginning(response: httpx2.Response) -> bytes:
    raw = b""
    async for chunk in response.aiter_bytes():
        raw += chunk
        if len(raw) >= REPLY_BYTES:
            break
    return raw[:REPLY_BYTES]


def _retry_after(value: str) -> float:
    """Seconds from now; the header is either that or a date (RFC 9110 §10.2.3)."""
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
