"""Subscribers from a CSV file: see `pbx.subscribers.roster`."""

from collections import Counter
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from pbx.subscribers import roster


class Command(BaseCommand):
    help = (
        "Create or update subscribers from a CSV file. Exit status 1 when a row was refused; the others are imported."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "file",
            type=Path,
            metavar="FILE.csv",
            help=f"columns {','.join(roster.COLUMNS)}; the first two are required; ; between groups; UTF-8",
        )
        parser.add_argument("--dry-run", action="store_true", help="print the verdicts and change nothing")

    def handle(self, *, file: Path, dry_run: bool, **options) -> None:
        count: Counter[roster.Outcome] = Counter()
        try:
            with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
                for verdict in roster.import_rows(roster.read_rows(lines), dry_run=dry_run):
                    self.stdout.write(str(verdict))
                    count[verdict.outcome] += 1
        except (OSError, roster.SheetError) as error:
            raise CommandError(f"{file}: {error}") from error
        summary = ", ".join(f"{count[outcome]} {outcome}" for outcome in roster.Outcome)
        self.stdout.write(f"{summary}{' (dry run: nothing was changed)' if dry_run else ''}")
        if refused := count[roster.Outcome.REFUSED]:
            raise CommandError(f"{refused} of {count.total()} rows refused")
