"""What has to be done between the servers and the parts of the product, at every start; quick when nothing is to do."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from pbx.celery import heartbeat
from pbx.push import sealing


class Command(BaseCommand):
    help = "Bring the database up to date, publish the directory and the key for push tokens, make the administrator, collect the static files."

    def handle(self, **options: object) -> None:
        self._migrate()
        call_command("publish_directory", stdout=self.stdout)
        sealing.publish_key()
        call_command("create_admin", stdout=self.stdout)
        self._collect_static()
        # The first beat is ten seconds away; a job that waits for the worker proves it as soon as it runs.
        heartbeat.apply_async(expires=60)

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if missing:
            self.stdout.write(f"Database: {len(missing)} migrations to apply.")
            call_command("migrate", interactive=False, verbosity=0, skip_checks=True, stdout=self.stdout)

    def _collect_static(self) -> None:
        """Hashing and compressing everything takes seconds, so it is done when a file has changed, not at every start."""
        stamp = Path(settings.STATIC_ROOT) / ".collected"
        wanted = _fingerprint()
        if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
            return
        self.stdout.write("Static files: to be collected.")
        call_command("collectstatic", interactive=False, verbosity=0, skip_checks=True, stdout=self.stdout)
        stamp.write_text(wanted, encoding="ascii")


def _fingerprint() -> str:
    """Of the names, sizes and times of all static files, and of how they are stored."""
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for path, storage in sorted(finder.list([]), key=lambda found: found[0]):
            facts = Path(storage.path(path)).stat()
            digest.update(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()
