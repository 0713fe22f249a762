"""The file `.env`: settings for those who would rather keep them in a file than in the environment.

The form is the one that Docker Compose reads too: `NAME=value` lines, comments, and quotes around a value if need be;
nothing is substituted. What the environment says already wins.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from pathlib import Path

__all__ = ["UnreadableLine", "load", "parse"]

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


class UnreadableLine(Exception):
    """A line that is neither a setting nor a comment; names the file and the line's number, not what it says."""


def load(environ: MutableMapping[str, str], root: Path) -> None:
    """Add what `.env` beside `manage.py` says, or the file that PBX_ENV_FILE names; an empty PBX_ENV_FILE: none."""
    named = environ.get("PBX_ENV_FILE")
    if named == "":
        return
    path = Path(named) if named else root / ".env"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if named:
            raise UnreadableLine(f"PBX_ENV_FILE is {named!r}, and there is no such file.") from None
        return
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableLine(f"{path} cannot be read: {error}.") from None
    for name, value in parse(text, str(path)).items():
        environ.setdefault(name, value)


def parse(text: str, path: str) -> dict[str, str]:
    """The settings of a file. Raises UnreadableLine."""
    settings = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise UnreadableLine(f"{path}, line {number}: allowed are NAME=value and # comments.")
        settings[found[1]] = _value(found[2])
    return settings


def _value(text: str) -> str:
    """Without quotes around it; unquoted, without a comment behind it."""
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return re.split(r"\s#", text, maxsplit=1)[0].rstrip()
