"""`python -m sipcore.script my_routes.py`: check a routing script as a worker does before it loads it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import ScriptError
from .loader import load_script

__all__ = ["main"]

USAGE = "usage: python -m sipcore.script FILE"


def main(arguments: Sequence[str]) -> int:
    """Say what routes a script has and return 0, or its first fault and 1; 2 without exactly one script."""
    if len(arguments) != 1:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        routes = load_script(Path(arguments[0]))
    except ScriptError as error:
        print(error, file=sys.stderr)
        return 1
    requests = ", ".join("any other" if method == "*" else method for method in routes.requests)
    print(f"{routes.name}: routes for {requests}; notified by events: {', '.join(routes.events) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
