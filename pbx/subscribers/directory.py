"""The directory: what workers know about subscribers and pickup groups, kept in Redis.

Postgres has the truth and this is its copy. Every publication reads its rows again under one lock, so that two of them
cannot overtake each other; what is not in Postgres any more is removed. With Redis away nothing is lost: the rows stay
pending, and `reconcile` publishes them when it is back.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection, models, transaction
from django.db.models import Count, OuterRef, Q
from django.utils import timezone

from pbx.store import StoreError, store
from sipcore.contract import keys
from sipcore.contract.aor import make_aor, split_aor
from sipcore.contract.directory import PickupGroupRecord, SubscriberRecord
from sipcore.contract.records import to_json

from .models import PickupGroup, Subscriber

__all__ = ["group_record", "publish", "publish_all", "reconcile", "subscriber_record"]

log = logging.getLogger(__name__)

PUBLISH_LOCK = 0x50425844  # "PBXD": the number of the advisory lock that puts publications in a row
BATCH = 500  # rows published under one hold of the lock


def publish(aors: Collection[str] = (), groups: Collection[int] = ()) -> bool:
    """Tell workers how these subscribers and groups now are, and return whether they could be told.

    To be called after the commit. False means that Redis is away; the rows stay pending.
    """
    try:
        _publish(aors, groups, announce=True)
    except StoreError as error:
        log.warning("directory: %d records wait for Redis: %s", len(aors) + len(groups), error)
        return False
    return True


def publish_all() -> int:
    """Publish everything, remove what is not in Postgres, then declare the directory complete; return the records.

    Raises StoreError when Redis is away: nobody may take half a directory for the whole.
    """
    aors, groups = _aors(), list(PickupGroup.objects.values_list("pk", flat=True))
    known_aors, known_groups = _known()
    _publish_batched({*aors, *known_aors}, {*groups, *known_groups}, announce=False)
    store().pipeline().set(keys.DIRECTORY_READY, "1").publish(keys.DIRECTORY_CHANGED, "all").execute()
    return len(aors) + len(groups)


def reconcile() -> int:
    """Publish what is pending and mend what differs between Postgres and Redis; return how many records that was.

    Raises StoreError when Redis is still away.
    """
    if not store().exists(keys.DIRECTORY_READY):
        return publish_all()
    known_aors, known_groups = _known()
    pending_aors = {subscriber.aor for subscriber in Subscriber.objects.pending().only("username", "domain")}
    pending_groups = set(PickupGroup.objects.pending().values_list("pk", flat=True))
    aors = (set(_aors()) ^ known_aors) | pending_aors
    groups = (set(PickupGroup.objects.values_list("pk", flat=True)) ^ known_groups) | pending_groups
    _publish_batched(aors, groups, announce=True)
    return len(aors) + len(groups)


def subscriber_record(row: Subscriber) -> SubscriberRecord:
    """What workers are told of a subscriber; the row is one of `_rows`, which adds what other tables know of it."""
    return SubscriberRecord(
        aor=row.aor,
        username=row.username,
        realm=row.realm,
        ha1={"MD5": row.ha1_md5, "SHA-256": row.ha1_sha256},
        display_name=row.display_name,
        enabled=row.enabled,
        pickup_groups=tuple(map(str, row.group_ids)),
        may_pick=tuple(map(str, row.may_pick_ids)),
        push_devices=row.usable_devices,
        revision=row.revision,
    )


def group_record(group: PickupGroup) -> PickupGroupRecord:
    """What workers are told of a pickup group."""
    return PickupGroupRecord(
        id=str(group.pk), name=group.name, code=group.code or "", cancel_original=group.cancel_original
    )


def _publish_batched(aors: Iterable[str], groups: Iterable[int], *, announce: bool) -> None:
    for batch in _batches(sorted(aors)):
        _publish(batch, (), announce=announce)
    for batch in _batches(sorted(groups)):
        _publish((), batch, announce=announce)


def _publish(aors: Collection[str], groups: Collection[int], *, announce: bool) -> None:
    with _one_at_a_time():
        pipe = store().pipeline()
        subscribers = list(_rows(aors))
        for row in subscribers:
            pipe.set(keys.directory_subscriber(row.aor), to_json(subscriber_record(row)))
        group_rows = list(PickupGroup.objects.filter(pk__in=groups))
        for group in group_rows:
            pipe.set(keys.directory_group(str(group.pk)), to_json(group_record(group)))
        for aor in set(aors) - {row.aor for row in subscribers}:
            pipe.delete(keys.directory_subscriber(aor))
        for group_id in set(groups) - {group.pk for group in group_rows}:
            pipe.delete(keys.directory_group(str(group_id)))
        if announce:
            for group_id in groups:
                pipe.publish(keys.DIRECTORY_CHANGED, f"group:{group_id}")
            for aor in aors:
                pipe.publish(keys.DIRECTORY_CHANGED, f"sub:{aor}")
        pipe.execute()
        _mark(Subscriber, subscribers)
        _mark(PickupGroup, group_rows)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold the publication lock: whoever has it reads rows no older than those of whoever had it before."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PUBLISH_LOCK])
        yield


def _mark(model: type[models.Model], rows: Sequence[Subscriber | PickupGroup]) -> None:
    """Note the revision that was published; a row that has changed since stays pending."""
    now = timezone.now()
    for row in rows:
        row.published_revision, row.published_at = row.revision, now
    # The base manager, since `objects` refuses updates: these two columns are nothing that workers need to hear.
    model._base_manager.bulk_update(rows, ["published_revision", "published_at"])


def _rows(aors: Iterable[str]) -> models.QuerySet[Subscriber]:
    """The rows of these AoRs, with what their records need from other tables."""
    by_domain: defaultdict[str, list[str]] = defaultdict(list)
    for aor in aors:
        username, domain = split_aor(aor)
        by_domain[domain].append(username)
    wanted = Q(pk__in=())
    for domain, usernames in by_domain.items():
        wanted |= Q(domain=domain, username__in=usernames)
    # The relation's name, not the push app: apps may import this one and not the other way round.
    usable = Count("push_devices", filter=~Q(push_devices__state="refused"))
    return Subscriber.objects.filter(wanted).annotate(
        group_ids=_groups_through(PickupGroup.members),
        may_pick_ids=_groups_through(PickupGroup.interceptors),
        usable_devices=usable,
    )


def _groups_through(relation) -> ArraySubquery:
    links = relation.through.objects.filter(subscriber_id=OuterRef("pk")).order_by("pickupgroup_id")
    return ArraySubquery(links.values("pickupgroup_id"))


def _aors() -> list[str]:
    return [make_aor(*pair) for pair in Subscriber.objects.values_list("username", "domain")]


def _known() -> tuple[set[str], set[int]]:
    """AoRs and group ids of which Redis has a record."""
    subscriber, group = keys.directory_subscriber(""), keys.directory_group("")
    aors = {key.removeprefix(subscriber) for key in store().scan_iter(f"{subscriber}*", count=BATCH)}
    groups = {key.removeprefix(group) for key in store().scan_iter(f"{group}*", count=BATCH)}
    return aors, {int(group_id) for group_id in groups if group_id.isdigit()}


def _batches(items: Sequence) -> Iterator[Sequence]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))
