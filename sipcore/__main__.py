"""`python -m sipcore`: one SIP worker."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import sys
from collections.abc import Callable

from .config import WorkerConfig
from .errors import ConfigurationError, SipcoreError
from .worker import Worker

MOST_FILES = 65536
EX_CONFIG = 78  # sysexits.h: trying again with the same settings is of no use, and a supervisor need not


def main() -> int:
    """Run a worker; with the reason on standard error, 78 when its settings are wrong, 2 when it could not start."""
    try:
        config = WorkerConfig.from_environment(os.environ)
        logging.basicConfig(level=config.log_level, format="%(levelname)s %(name)s %(message)s")
        _raise_file_limit()
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(Worker(config).run())
    except SipcoreError as error:
        print(f"sipcore: {error}", file=sys.stderr)
        return EX_CONFIG if isinstance(error, ConfigurationError) else 2
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where there is one: half the cost of a datagram."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def _raise_file_limit() -> None:
    """A connection is a file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main())
