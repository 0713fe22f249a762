"""What may be done to subscribers and pickup groups: the only functions that write them.

Each is one transaction that locks what it changes, and publishes to the directory once it is committed. All raise
ValidationError, field by field, for what they do not accept; forms, the API, the import and the admin show it as it is.
A row that is handed in may be stale; the row that is returned is not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from . import dial_codes, directory
from .models import PickupGroup, Subscriber
from .passwords import set_password

__all__ = [
    "change_password",
    "create_group",
    "create_subscriber",
    "delete_group",
    "delete_subscriber",
    "republish",
    "set_enabled",
    "set_pickup_groups",
    "update_group",
    "update_subscriber",
]

Row = TypeVar("Row", Subscriber, PickupGroup)

PROFILE = frozenset({"username", "domain", "display_name", "email", "enabled"})
GROUP_FIELDS = frozenset({"name", "code", "cancel_original"})


@transaction.atomic
def create_subscriber(
    *,
    username: str,
    password: str,
    domain: str = "",
    display_name: str = "",
    email: str = "",
    enabled: bool = True,
    pickup_groups: Iterable[PickupGroup] = (),
) -> Subscriber:
    """Create a subscriber, in the first domain of this server unless another is given."""
    row = Subscriber(
        username=username,
        domain=(domain or settings.SIP_REALM).lower(),
        display_name=display_name,
        email=email,
        enabled=enabled,
    )
    row.full_clean()
    dial_codes.validate_username(username)
    set_password(row, password)
    row.save(force_insert=True)
    _publish_on_commit(aors={row.aor})
    groups = list(pickup_groups)
    return set_pickup_groups(row, groups) if groups else row


@transaction.atomic
def update_subscriber(subscriber: Subscriber, *, password: str | None = None, **changes: Any) -> Subscriber:
    """Change fields of PROFILE and, unless it is None, the password.

    A new user name needs the password again, for the hash that is kept of it contains the name.
    """
    _refuse_unknown(changes, PROFILE)
    row = _lock(subscriber)
    aor, username = row.aor, row.username
    for name, value in changes.items():
        setattr(row, name, value.lower() if name == "domain" else value)
    row.full_clean()
    if row.username != username:
        dial_codes.validate_username(row.username)
        password = password or ""
    if password is not None:
        set_password(row, password)
    _save(row)
    _publish_on_commit(aors={aor, row.aor})
    return row


def change_password(subscriber: Subscriber, password: str) -> Subscriber:
    """Give a subscriber another password; his phones have to be told it."""
    return update_subscriber(subscriber, password=password)


def set_enabled(subscriber: Subscriber, enabled: bool) -> Subscriber:
    """Suspend a subscriber or let him in again. Workers drop the bindings of one who is suspended."""
    return update_subscriber(subscriber, enabled=enabled)


@transaction.atomic
def delete_subscriber(subscriber: Subscriber) -> None:
    """Remove a subscriber with his devices and memberships; call records keep his name."""
    row = _lock(subscriber)
    _publish_on_commit(aors={row.aor})
    row.delete()


@transaction.atomic
def set_pickup_groups(
    subscriber: Subscriber, groups: Iterable[PickupGroup], *, may_pick: Iterable[PickupGroup] | None = None
) -> Subscriber:
    """Make a subscriber a member of exactly these groups.

    In a group people pick up for each other, so he may pick there as well, unless `may_pick` names other groups.
    """
    row = _lock(subscriber)
    groups = list(groups)
    row.pickup_groups.set(groups)
    row.may_pick.set(groups if may_pick is None else may_pick)
    _save(row)
    _publish_on_commit(aors={row.aor})
    return row


@transaction.atomic
def create_group(
    *,
    name: str,
    code: str | None = None,
    cancel_original: str = PickupGroup.CancelOriginal.WHEN_RINGING,
    members: Iterable[Subscriber] = (),
    interceptors: Iterable[Subscriber] | None = None,
) -> PickupGroup:
    """Create a pickup group. Its members may pick up for each other, unless others are named as interceptors."""
    row = PickupGroup(name=name, code=code or None, cancel_original=cancel_original)
    _clean_group(row)
    row.save(force_insert=True)
    members = list(members)
    _set_people(row, members=members, interceptors=members if interceptors is None else interceptors)
    _publish_on_commit(groups={row.pk})
    return row


@transaction.atomic
def update_group(
    group: PickupGroup,
    *,
    members: Iterable[Subscriber] | None = None,
    interceptors: Iterable[Subscriber] | None = None,
    **changes: Any,
) -> PickupGroup:
    """Change fields of GROUP_FIELDS and, unless they are None, who can be picked and who may pick."""
    _refuse_unknown(changes, GROUP_FIELDS)
    row = _lock(group)
    for name, value in changes.items():
        setattr(row, name, (value or None) if name == "code" else value)
    _clean_group(row)
    _save(row)
    _set_people(row, members=members, interceptors=interceptors)
    _publish_on_commit(groups={row.pk})
    return row


@transaction.atomic
def delete_group(group: PickupGroup) -> None:
    """Remove a pickup group; its people stay."""
    row = _lock(group)
    _set_people(row, members=(), interceptors=())
    _publish_on_commit(groups={row.pk})
    row.delete()


@transaction.atomic
def republish(subscribers: Collection[int]) -> None:
    """Note that something which workers are told of these subscribers has changed outside their rows.

    For memberships, and for other apps whose rows are counted in a subscriber's record, such as push devices.
    """
    rows = Subscriber.objects.select_for_update(no_key=True).filter(pk__in=subscribers).order_by("pk")
    aors = {row.aor for row in rows}  # evaluated: locked in one order, so that two of these cannot deadlock
    changed = Subscriber._base_manager.filter(pk__in=subscribers)
    changed.update(revision=F("revision") + 1, updated_at=timezone.now())
    _publish_on_commit(aors=aors)


def _refuse_unknown(changes: dict[str, Any], allowed: frozenset[str]) -> None:
    if unknown := changes.keys() - allowed:
        raise TypeError(f"not to be changed here: {', '.join(sorted(unknown))}")


def _lock(row: Row) -> Row:
    """The row as it is now, locked. `no_key` lets rows that refer to it be written meanwhile."""
    return type(row).objects.select_for_update(no_key=True).get(pk=row.pk)


def _save(row: Subscriber | PickupGroup) -> None:
    row.revision += 1
    row.save(force_update=True)


def _clean_group(row: PickupGroup) -> None:
    row.full_clean()
    if row.code:
        dial_codes.validate_group_code(row.code)


def _set_people(
    group: PickupGroup, *, members: Iterable[Subscriber] | None, interceptors: Iterable[Subscriber] | None
) -> None:
    """Set memberships and republish whom that changed, nobody else."""
    changed: set[int] = set()
    for relation, people in ((group.members, members), (group.interceptors, interceptors)):
        if people is not None:
            before = set(relation.values_list("pk", flat=True))
            relation.set(people)
            changed |= before ^ set(relation.values_list("pk", flat=True))
    if changed:
        republish(changed)


def _publish_on_commit(*, aors: Collection[str] = (), groups: Collection[int] = ()) -> None:
    transaction.on_commit(lambda: directory.publish(aors, groups))
