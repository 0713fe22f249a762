#!/usr/bin/env python
"""Django's command line."""

import os
import sys
from pathlib import Path

from pbx import dotenv


def main() -> None:
    """Run a management command."""
    try:
        dotenv.load(os.environ, Path(__file__).resolve().parent)
    except dotenv.UnreadableLine as refusal:
        sys.exit(str(refusal))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pbx.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
