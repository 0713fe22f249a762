"""Redis, as the synchronous half of the web side uses it: one client per process, every call bounded in time."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from redis import Redis, RedisError

__all__ = ["StoreError", "store"]

StoreError = RedisError
"What any call on the store raises when Redis is away or answers with an error."

TIMEOUT = 2.0  # seconds; a page or a job that waits longer is worse than one that fails


@cache
def store() -> Redis:
    """Return the client; it connects when first used and again when the connection was lost."""
    return Redis.from_url(
        settings.REDIS_URL, decode_responses=True, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT
    )
