"""Names that nobody can guess, and ids that sort by time."""

from __future__ import annotations

import os
from collections.abc import Callable

__all__ = ["event_ids", "token_source"]

_BUFFER = 4096  # bytes of randomness fetched at once; a system call per token would show on the hot path
_TOKEN = 10  # bytes, 80 bits: branches, tags, call uids


def token_source(random_bytes: Callable[[int], bytes] = os.urandom) -> Callable[[], str]:
    """Return a function that gives a new token of 20 hex digits at each call.

    RFC 3261 §19.3 asks for 32 bits of randomness in tags; a branch is also what a forger of responses must guess.
    """
    tokens: list[str] = []

    def new_token() -> str:
        if not tokens:
            text = random_bytes(_BUFFER).hex()
            tokens.extend(text[i : i + 2 * _TOKEN] for i in range(0, len(text) - 2 * _TOKEN + 1, 2 * _TOKEN))
        return tokens.pop()

    return new_token


def event_ids(worker: str, epoch: Callable[[], float]) -> Callable[[], str]:
    """Return a function that gives ids which sort by time within a worker, whatever the wall clock does.

    Milliseconds in 11 hex digits, a counter within them, and the worker's name.
    """
    last, count, time = 0, 0, ""

    def new_id() -> str:
        nonlocal last, count, time
        millis = int(epoch() * 1000)
        if millis > last:
            last, count, time = millis, 0, f"{millis:011x}"
        else:
            count += 1
        return f"{time}{count:05x}-{worker}"

    return new_id
