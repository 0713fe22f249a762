"""Events that the web side raises: to the feed that pages watch, and to the log that remembers."""

from __future__ import annotations

import logging
import secrets
import socket
import time
from typing import Any

from sipcore.contract import keys
from sipcore.contract.events import CATALOGUE, Event
from sipcore.contract.records import to_json

from .store import StoreError, store

__all__ = ["EVENTS_KEPT", "raise_event"]

log = logging.getLogger(__name__)

EVENTS_KEPT = 10_000  # about, as sipcore.store keeps: the log is to look back some hours, not to account for anything
NODE = f"web@{socket.gethostname()}"


def raise_event(name: str, /, *, call_uid: str = "", cause_id: str = "", worker: str = "", **attributes: Any) -> Event:
    """Raise an event of the catalogue; its attributes are those declared there, no more and no fewer.

    With `worker` it is also said to that worker of the SIP side, whose routes may be waiting for it. An event is news and no fact to be kept at any price: with Redis away it is logged and dropped.
    """
    declared = CATALOGUE[name].attributes
    if attributes.keys() != declared.keys():
        raise TypeError(f"{name} takes {', '.join(declared)}; not {', '.join(attributes)}")
    now = time.time()
    event_id = f"{int(now * 1e6):014x}-{secrets.token_hex(4)}"
    event = Event(event_id, name, now, NODE, attributes, call_uid=call_uid, cause_id=cause_id)
    text = to_json(event)
    pipe = store().pipeline(transaction=False)
    pipe.publish(keys.EVENTS_FEED, text)
    if worker:
        pipe.publish(keys.worker_channel(worker), f'{{"op":"raised","event":{text}}}')
    pipe.xadd(keys.EVENTS_LOG, {"event": text}, maxlen=EVENTS_KEPT, approximate=True)
    try:
        pipe.execute()
    except StoreError as error:
        log.warning("%s was not told to anybody: %s", name, error)
    return event
