"""Every Redis key and channel of the product; a key literal anywhere else fails a test.

Celery's own keys are in another database number. Prefix `pbx:`.
"""

from __future__ import annotations

__all__ = [
    "BINDINGS_CHANGED",
    "CALLS",
    "CALLS_FEED",
    "CALLS_REVISION",
    "CALL_RECORDS",
    "CALL_RECORDS_DROPPED",
    "CELERY_HEARTBEAT",
    "DIRECTORY_CHANGED",
    "DIRECTORY_READY",
    "DURABLE",
    "EVENTS_LOG",
    "PUSH_SEALING_KEY",
    "FREQUENT_AWAITED",
    "PUSH_OUTAGES",
    "SHARED_SECRET",
    "WORKERS",
    "answers",
    "bindings",
    "directory_group",
    "directory_subscriber",
    "durable_fires",
    "durable_seen",
    "events_written",
    "pickup_claim",
    "push_report_count",
    "push_sent",
    "subscription",
    "subscription_index",
    "subscriptions_of",
    "websocket_ticket",
    "worker",
    "worker_channel",
]

DIRECTORY_READY = "pbx:dir:ready"  # "1" once a complete directory has been published
DIRECTORY_CHANGED = "pbx:dir:changed"  # channel: "sub:<aor>", "group:<id>", "all" or "push-key"
BINDINGS_CHANGED = "pbx:loc:changed"  # channel: "<worker> <aor>"
CALLS = "pbx:calls"  # hash: call uid -> CallState JSON
CALLS_REVISION = "pbx:calls:rev"  # integer, one up for each change of CALLS
CALLS_FEED = "pbx:calls:feed"  # channel: {"rev": n, "call": {...}} or {"rev": n, "gone": "<uid>"}
CALL_RECORDS = "pbx:cdr"  # list: CallRecord JSON, oldest first, drained by Celery
CALL_RECORDS_DROPPED = "pbx:cdr:dropped"  # integer: records lost to the list's bound
EVENTS_LOG = "pbx:events:log"  # stream of Event JSON under field "event"; bounded by number and by age, see contract/event_log.py
DURABLE = "pbx:ebr:durable"  # zset: id of a durable subscription -> its deadline, epoch seconds; channel of the same name: it has changed
FREQUENT_AWAITED = "pbx:ebr:frequent"  # zset: name of a frequent event -> until when it is waited for; channel of the same name: it has changed
PUSH_SEALING_KEY = (
    "pbx:push:key"  # string: public key of the web side, 64 hex digits; push tokens in jobs are sealed for it
)
CELERY_HEARTBEAT = "pbx:jobs:alive"  # string EX: beat and a Celery worker are both running
PUSH_OUTAGES = "pbx:push:outages"  # hash: push provider that counts as down -> since when, epoch seconds
WORKERS = "pbx:workers"  # zset: worker -> heartbeat deadline, epoch seconds
SHARED_SECRET = "pbx:secret"  # noqa: S105 - a key, not a secret; string: signs nonces and Record-Route, made once by the first worker


def directory_subscriber(aor: str) -> str:
    """JSON of a SubscriberRecord; until changed."""
    return f"pbx:dir:sub:{aor}"


def directory_group(group: str) -> str:
    """JSON of a PickupGroupRecord; until changed."""
    return f"pbx:dir:group:{group}"


def bindings(aor: str) -> str:
    """Hash: binding key -> Binding JSON, and field `rev`; expires with the latest binding."""
    return f"pbx:loc:{aor}"


def events_written(writer: str) -> str:
    """String PX: the number of the last batch that this writer has added to EVENTS_LOG, so that none is added twice."""
    return f"pbx:events:written:{writer}"


def answers(inquiry: str) -> str:
    """List: JSON of each worker's answer to one inquiry; expires after a few seconds."""
    return f"pbx:answers:{inquiry}"


def subscription(subscription_id: str) -> str:
    """JSON of a SubscriptionRecord; PX = its timeout."""
    return f"pbx:ebr:sub:{subscription_id}"


def durable_fires(subscription_id: str) -> str:
    """Integer PX: how often a durable subscription has fired, on any worker."""
    return f"pbx:ebr:fires:{subscription_id}"


def durable_seen(subscription_id: str) -> str:
    """Set PX: the values that a durable subscription has fired for, when each may fire once."""
    return f"pbx:ebr:seen:{subscription_id}"


def subscription_index(event: str, key: str, value: str) -> str:
    """Zset: subscription id -> deadline (epoch seconds). `key` is `*` for subscriptions without an indexed key."""
    return f"pbx:ebr:idx:{event}:{key}={value}"


def subscriptions_of(worker_id: str) -> str:
    """Set of subscription ids owned by a worker, so that a sweeper can remove those of a dead one."""
    return f"pbx:ebr:own:{worker_id}"


def worker_channel(worker_id: str) -> str:
    """Channel: what other workers have to say to this one, JSON with `op`."""
    return f"pbx:worker:{worker_id}:inbox"


def worker(worker_id: str) -> str:
    """Hash: address, version, counters; expires 15 s after the last heartbeat."""
    return f"pbx:worker:{worker_id}"


def pickup_claim(call_uid: str) -> str:
    """String NX PX: the claim token of whoever picks that call up."""
    return f"pbx:pickup:{call_uid}"


def push_sent(call_uid: str, device: str) -> str:
    """String NX EX: this device has been pushed for this call."""
    return f"pbx:push:{call_uid}:{device}"


def push_report_count(what: str, who: str) -> str:
    """Integer EX: how many reports of push tokens, or wrong passwords with them, came from an address within a minute."""
    return f"pbx:push:reports:{what}:{who}"


def websocket_ticket(digest: str) -> str:
    """JSON of who may open a WebSocket once with the ticket of that SHA-256; EX 30."""
    return f"pbx:ws:{digest}"
