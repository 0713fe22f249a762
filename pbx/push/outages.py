"""Which push providers count as down: told as events, and kept in Redis for the pages.

The breaker that decides so lives in the process that sends (`sending.py`); it tells of its changes here. Whether a push
goes out never depends on what is kept here, so Redis may lose it.
"""

from __future__ import annotations

import logging
import time

from pbx.events import raise_event
from pbx.store import StoreError, store
from sipcore.contract import keys
from sipcore.contract.events import E_PUSH_PROVIDER_DOWN, E_PUSH_PROVIDER_UP

__all__ = ["began", "ended", "forget", "since"]

log = logging.getLogger(__name__)


def began(provider: str) -> None:
    """A provider counts as down from now on."""
    log.warning("push provider %s is down", provider)
    try:
        store().hset(keys.PUSH_OUTAGES, provider, str(time.time()))
    except StoreError as error:
        log.warning("the outage of %s is on no page: %s", provider, error)
    raise_event(E_PUSH_PROVIDER_DOWN, provider=provider)


def ended(provider: str) -> None:
    """It has taken a push again."""
    log.warning("push provider %s answers again", provider)
    seconds = 0
    try:
        seconds = round(time.time() - since().get(provider, time.time()))
        store().hdel(keys.PUSH_OUTAGES, provider)
    except StoreError as error:
        log.warning("the end of the outage of %s is on no page: %s", provider, error)
    raise_event(E_PUSH_PROVIDER_UP, provider=provider, seconds=seconds)


def forget() -> None:
    """A sender has started, which holds nobody for down yet."""
    try:
        store().delete(keys.PUSH_OUTAGES)
    except StoreError as error:
        log.info("outages of earlier are not forgotten: %s", error)


def since() -> dict[str, float]:
    """Providers that are down, and since when in epoch seconds. Raise StoreError when Redis is away."""
    return {provider: float(at) for provider, at in store().hgetall(keys.PUSH_OUTAGES).items()}
