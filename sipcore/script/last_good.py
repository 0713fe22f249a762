"""The script that was loaded last without a fault, kept for a worker that starts while the script is being edited.

SIGHUP keeps the old script in place of a faulty one. A worker that is started anew has no old script: without this file
a crash, or a restart of the machine, in the minutes of an edit would leave nobody to take calls.
"""

from __future__ import annotations

import logging
import os
from hashlib import sha256
from pathlib import Path

from ..errors import ScriptError
from .loader import load_script
from .route_table import RouteTable

__all__ = ["LastGood"]

log = logging.getLogger("sipcore.script")


class LastGood:
    """Loads one script, and keeps in `directory` what was good; None keeps nothing."""

    def __init__(self, script: Path, directory: Path | None) -> None:
        self._script = script
        name = f"{sha256(bytes(script.absolute())).hexdigest()[:12]}-{script.name}"
        self._kept = None if directory is None else directory / name

    def load(self) -> RouteTable:
        """Load the script, and keep it if it is good. Raise ScriptError if it is not."""
        routes = load_script(self._script)
        if self._kept is not None:
            self._keep(self._kept, routes.source)
        return routes

    def load_at_start(self) -> tuple[RouteTable, ScriptError | None]:
        """Load the script, or else what was good before, and return the fault with it. Raise it when nothing was."""
        try:
            return self.load(), None
        except ScriptError as error:
            if self._kept is None or not self._kept.exists():
                raise
            try:
                return load_script(self._kept), error
            except ScriptError:  # by a newer version of the product, perhaps
                raise error from None

    def _keep(self, path: Path, source: str) -> None:
        try:
            if path.exists() and path.read_text(encoding="utf-8") == source:
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            written = path.with_name(f"{path.name}.{os.getpid()}")  # siblings write at the same time
            written.write_text(source, encoding="utf-8")
            written.replace(path)
        except OSError as error:
            log.warning("the routing script is not kept for a restart: %s", error)
