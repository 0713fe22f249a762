"""The whole directory, once; part of every start."""

from django.core.management.base import BaseCommand, CommandError

from pbx.store import StoreError
from pbx.subscribers import directory


class Command(BaseCommand):
    help = "Publish all subscribers and pickup groups to Redis, for the SIP workers."

    def handle(self, **options) -> None:
        try:
            count = directory.publish_all()
        except StoreError as error:
            raise CommandError(f"Redis did not take the directory: {error}") from error
        self.stdout.write(f"Directory: {count} records published.")
