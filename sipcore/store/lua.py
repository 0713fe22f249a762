"""Lua scripts: what Redis does as one step."""

from __future__ import annotations

import hashlib

__all__ = ["SCRIPTS", "Script"]

SCRIPTS: list[Script] = []
"Every script of this room; a pipe loads them when it connects, so that the first use need not carry the source."


class Script:
    """A script and the digest by which the server knows it."""

    __slots__ = ("sha", "source")

    def __init__(self, source: str) -> None:
        self.source = source.encode()
        self.sha = hashlib.sha1(self.source).hexdigest().encode()  # noqa: S324 - Redis's name for it, not a secret
        SCRIPTS.append(self)
