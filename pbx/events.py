"""Events that the web side raises, into the same log as those of the workers."""

from __future__ import annotations

import logging
import secrets
import socket
import time
from typing import Any

from django.conf import settings

from sipcore.contract import keys
from sipcore.contract.event_log import ENTRY_FIELD
from sipcore.contract.events import CATALOGUE, Event
from sipcore.contract.records import to_json

from .store import StoreError, store

__all__ = ["forget_events", "raise_event"]

log = logging.getLogger(__name__)

NODE = f"web@{socket.gethostname()}"


def raise_event(name: str, /, *, call_uid: str = "", cause_id: str = "", worker: str = "", **attributes: Any) -> Event:
    """Raise an event of the catalogue; its attributes are those declared there, no more and no fewer.

    It is also said to a worker of the SIP side, whose routes may be waiting for it, and which offers it to the others: the
    one that is named, else any that lives. An event is news and no fact to be kept at any price: with Redis away it is logged and dropped.
    """
    declared = CATALOGUE[name].attributes
    if attributes.keys() != declared.keys():
        raise TypeError(f"{name} takes {', '.join(declared)}; not {', '.join(attributes)}")
    now = time.time()
    event_id = f"{int(now * 1e6):014x}-{secrets.token_hex(4)}"
    event = Event(event_id, name, now, NODE, attributes, call_uid=call_uid, cause_id=cause_id)
    text = to_json(event).decode()
    pipe = store().pipeline(transaction=False)
    if worker or (worker := _any_worker(now)):
        pipe.publish(keys.worker_channel(worker), f'{{"op":"raised","event":{text}}}')
    pipe.xadd(keys.EVENTS_LOG, {ENTRY_FIELD: text}, maxlen=settings.EVENT_RETENTION.entries, approximate=True)
    try:
        pipe.execute()
    except StoreError as error:
        log.warning("%s was not told to anybody: %s", name, error)
    return event


def forget_events() -> int:
    """Let go of events that are past their time though no new ones push them out; return how many. Raises StoreError."""
    seconds, microseconds = store().time()
    oldest = seconds * 1000 + microseconds // 1000 - settings.EVENT_RETENTION.milliseconds
    return store().xtrim(keys.EVENTS_LOG, minid=max(0, oldest), approximate=False)


def _any_worker(now: float) -> str:
    """The name of a SIP worker that lives; empty when none does, or Redis is away."""
    try:
        living = store().zrevrangebyscore(keys.WORKERS, "+inf", f"({now!r}", start=0, num=1)
    except StoreError:
        return ""
    return living[0] if living else ""
