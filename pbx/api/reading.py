"""Reading query strings, and times as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime

from .problems import Problem
from .table import Call, Parameter

__all__ = ["LIMIT", "limit_of", "time_text", "wrong"]

MOST = 200
USUAL = 50

LIMIT = Parameter("limit", "how many at most", {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL})


def limit_of(call: Call) -> int:
    """The `limit` that was asked for."""
    text = call.request.GET.get("limit", str(USUAL))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= MOST):
        raise wrong("limit", f"a whole number from 1 to {MOST}")
    return int(text)


def wrong(field: str, allowed: str) -> Problem:
    """A parameter that cannot be."""
    return Problem(400, "bad_parameter", f"{field}: {allowed}.", field_errors={field: allowed})


def time_text(epoch: float) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
