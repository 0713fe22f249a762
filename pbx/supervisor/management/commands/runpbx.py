"""The whole product in the foreground."""

from __future__ import annotations

import os

from django.core.management.base import BaseCommand, CommandError, CommandParser

from pbx import env
from pbx.supervisor.configuration import PARTS, Configuration
from pbx.supervisor.errors import CannotStart
from pbx.supervisor.start import run


class Command(BaseCommand):
    help = "Run the whole product: its database and Redis unless they are given, web, SIP workers and jobs."
    # They judge the settings of this process, which were made before anything runs; `prepare` runs them with the
    # addresses that count.
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only",
            metavar="PARTS",
            default=",".join(PARTS),
            help="some of web,sip,celery; all by default",
        )

    def handle(self, *, only: str, **options: object) -> None:
        try:
            parts = [part.strip() for part in only.split(",") if part.strip()]
            run(Configuration.from_environment(os.environ, env.DATA_DIR, parts), os.environ)
        except CannotStart as refusal:
            raise CommandError(str(refusal)) from None
