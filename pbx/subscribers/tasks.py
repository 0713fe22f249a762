"""Jobs of the subscriber app."""

from __future__ import annotations

import logging

from celery import shared_task

from pbx.store import StoreError

from . import directory

log = logging.getLogger(__name__)


@shared_task(name="pbx.subscribers.reconcile_directory")
def reconcile_directory() -> None:
    """Publish what could not be published when it changed. While Redis is away there is nothing to do but try again."""
    try:
        if changed := directory.reconcile():
            log.info("directory: %d records were behind and have been published", changed)
    except StoreError as error:
        log.warning("directory: not reconciled: %s", error)
