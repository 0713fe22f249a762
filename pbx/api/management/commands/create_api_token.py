"""A bearer token for a program."""

from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from pbx.accounts.models import Account
from pbx.api.scopes import SCOPES
from pbx.api.tokens import create_token

MOST_DAYS = 3650


class Command(BaseCommand):
    help = "Make a bearer token for the API in the name of an account, and print it: it cannot be shown again."

    def add_arguments(self, parser):
        parser.add_argument("username")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            metavar="SCOPE",
            help=f"what it may be used for, once for each: {', '.join(SCOPES)}. None: whatever the account may do.",
        )
        parser.add_argument("--name", default="", help="what it is for, to tell it from others")
        parser.add_argument("--days", type=int, default=0, help="how long it is good for; 0: until it is revoked")

    def handle(self, *, username: str, scope: list[str], name: str, days: int, **options) -> None:
        unknown = sorted(set(scope) - set(SCOPES))
        if unknown:
            raise CommandError(f"no such scope: {', '.join(unknown)}. There are {', '.join(SCOPES)}.")
        if not 0 <= days <= MOST_DAYS:
            raise CommandError(f"--days is from 0 to {MOST_DAYS}, not {days}.")
        account = Account.objects.filter(username=username).first()
        if account is None:
            raise CommandError(f"there is no account {username!r}.")
        if not (account.is_active and account.is_staff):
            raise CommandError(f"{username} may not use the pages, so no program may in this name.")
        expires_at = timezone.now() + timedelta(days=days) if days else None
        token = create_token(account, scopes=scope, name=name[:64], expires_at=expires_at)
        self.stderr.write("Keep it safe: it is not shown again. Revoke it under /admin/api/apitoken/.")
        self.stdout.write(token)
