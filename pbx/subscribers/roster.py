"""Subscribers from a CSV file.

Every row stands alone: one transaction, one verdict, and a row that is refused stops no other. What a row says is made
so: a column that the file does not have is left as it is, an empty cell empties the field, and a row that says nothing
new changes nothing, so that the same file can be imported every night.

In a pickup group people pick up for each other: who joins one by `pickup_groups` can be picked up and may pick up
there. Who leaves one may no longer; what an administrator has set for other groups stays as it is.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from sipcore.contract.credentials import ha1

from . import actions
from .models import PickupGroup, Subscriber

__all__ = ["COLUMNS", "Outcome", "SheetError", "Verdict", "import_rows", "read_rows"]

REQUIRED = ("username", "password")
COLUMNS = (*REQUIRED, "display_name", "email", "pickup_groups")
BETWEEN_GROUPS = ";"

# What no field may hold: control characters, and what is left of bytes that are not UTF-8 (PEP 383).
UNREADABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class SheetError(ValueError):
    """The file as a whole cannot be read; nothing has been imported."""


class Outcome(StrEnum):
    """What became of a row."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one row, and why; it never holds the password."""

    line: int
    """The line that the row ends on, as editors count."""
    username: str
    outcome: Outcome
    reason: str = ""

    def __str__(self) -> str:
        told = f"line {self.line}: {self.username or '-'}: {self.outcome}"
        return f"{told}: {self.reason}" if self.reason else told


Row = Mapping[str, str]


def read_rows(lines: Iterable[str]) -> Iterator[tuple[int, Row | ValidationError]]:
    """Yield each row that holds anything with its line number, as cells by column or as the reason why it cannot be read.

    `lines` are those of a file opened with `encoding="utf-8-sig", errors="surrogateescape", newline=""`, which takes
    files with and without a byte order mark, and leaves bytes that are not UTF-8 to their own row.
    """
    reader = csv.reader(lines)
    try:
        columns = [name.strip().lower() for name in next(reader, [])]
    except csv.Error as error:
        raise SheetError(_("The first line cannot be read: %s.") % error) from error
    _check_columns(columns)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, ValidationError(str(error))
            continue
        if any(cell.strip() for cell in cells):
            yield reader.line_num, _row(columns, cells)


def import_rows(rows: Iterable[tuple[int, Row | ValidationError]], *, dry_run: bool = False) -> Iterator[Verdict]:
    """Create or update a subscriber for each row and yield the verdict as soon as it is known.

    A dry run does everything in one transaction that is taken back when the last verdict has been read, so that rows
    which depend on each other get the verdicts that they would get; workers are told nothing.
    """
    if not dry_run:
        yield from _verdicts(rows)
        return
    with transaction.atomic():
        yield from _verdicts(rows)
        transaction.set_rollback(True)


def _check_columns(columns: list[str]) -> None:
    allowed = ", ".join(COLUMNS)
    if missing := [name for name in REQUIRED if name not in columns]:
        raise SheetError(_("Column %s is missing; columns are %s.") % (", ".join(missing), allowed))
    if unknown := [name for name in columns if name not in COLUMNS]:
        raise SheetError(_("Column “%s” is not known; columns are %s.") % (unknown[0], allowed))
    if len(set(columns)) < len(columns):
        raise SheetError(_("A column is there twice."))


def _row(columns: list[str], cells: list[str]) -> Row | ValidationError:
    if len(cells) > len(columns):
        return ValidationError(_("More cells than columns; a comma inside a cell needs quotes around the cell."))
    if any(UNREADABLE.search(cell) for cell in cells):
        return ValidationError(_("Control characters, or not UTF-8."))
    cells = cells + [""] * (len(columns) - len(cells))
    return {
        # Blanks may be part of a password.
        name: cell if name == "password" else cell.strip()
        for name, cell in zip(columns, cells, strict=True)
    }


def _verdicts(rows: Iterable[tuple[int, Row | ValidationError]]) -> Iterator[Verdict]:
    seen: dict[str, int] = {}
    for line, row in rows:
        if isinstance(row, ValidationError):
            yield Verdict(line, "", Outcome.REFUSED, _reason(row))
            continue
        username = row["username"]
        try:
            if (first := seen.setdefault(username, line)) != line:
                raise ValidationError(_("Already in line %d.") % first)
            with transaction.atomic():
                outcome = _import(row)
            yield Verdict(line, username, outcome)
        except ValidationError as refusal:
            yield Verdict(line, username, Outcome.REFUSED, _reason(refusal))


def _import(row: Row) -> Outcome:
    """Make one subscriber what his row says."""
    known = Subscriber.objects.select_for_update(no_key=True)
    subscriber = known.filter(username=row["username"], domain=settings.SIP_REALM).first()
    profile = {name: row[name] for name in ("display_name", "email") if name in row}
    if subscriber is None:
        groups = _groups(row.get("pickup_groups", ""))
        actions.create_subscriber(
            username=row["username"], password=row["password"], pickup_groups=groups.values(), **profile
        )
        return Outcome.CREATED
    outcome = Outcome.UNCHANGED
    changes = {name: value for name, value in profile.items() if getattr(subscriber, name) != value}
    password = None if _has_password(subscriber, row["password"]) else row["password"]
    if changes or password is not None:
        actions.update_subscriber(subscriber, password=password, **changes)
        outcome = Outcome.UPDATED
    if "pickup_groups" in row and _set_groups(subscriber, _groups(row["pickup_groups"])):
        outcome = Outcome.UPDATED
    return outcome


def _has_password(subscriber: Subscriber, password: str) -> bool:
    """Whether the hashes that are kept are those of this password; an empty one is refused by the action."""
    return subscriber.realm == settings.SIP_REALM and subscriber.ha1_sha256 == ha1(
        "SHA-256", subscriber.username, subscriber.realm, password
    )


def _groups(cell: str) -> dict[int, PickupGroup]:
    """The groups that a cell names, made where they are missing, by primary key."""
    groups: dict[int, PickupGroup] = {}
    for name in filter(None, (part.strip() for part in cell.split(BETWEEN_GROUPS))):
        try:
            group = PickupGroup.objects.filter(name=name).first() or actions.create_group(name=name)
        except ValidationError as refusal:
            raise ValidationError({"pickup_groups": refusal.messages}) from refusal
        groups[group.pk] = group
    return groups


def _set_groups(subscriber: Subscriber, groups: dict[int, PickupGroup]) -> bool:
    """Make him a member of exactly these groups; return whether that changed anything."""
    before = set(subscriber.pickup_groups.values_list("pk", flat=True))
    if before == groups.keys():
        return False
    may_pick = set(subscriber.may_pick.values_list("pk", flat=True))
    may_pick = (may_pick - (before - groups.keys())) | (groups.keys() - before)
    actions.set_pickup_groups(
        subscriber, groups.values(), may_pick=PickupGroup.objects.filter(pk__in=may_pick).order_by("pk")
    )
    return True


def _reason(refusal: ValidationError) -> str:
    """The sentences of a refusal on one line, each with the column it is about."""
    if not hasattr(refusal, "error_dict"):
        return " ".join(refusal.messages)
    return " ".join(
        sentence if field == "__all__" else f"{field}: {sentence}"
        for field, sentences in refusal.message_dict.items()
        for sentence in sentences
    )
