"""How a call ended, in one word for people."""

from __future__ import annotations

__all__ = ["MISSED", "how_it_ended"]

MISSED = frozenset({"busy", "cancelled", "no-answer", "unreachable"})
"""Endings after which the callee would want to know that somebody called. Not `declined`, for then he knows; not `failed`
and `lost`, for then it was our fault or the number's."""

_BY_STATUS = {
    486: "busy",
    600: "busy",
    487: "cancelled",
    603: "declined",
    607: "declined",  # RFC 8197: unwanted
    608: "declined",  # RFC 8688: rejected by an intermediary
    430: "unreachable",  # RFC 5626: flow failed
}


def how_it_ended(status: int, origin: str, *, rang: bool) -> str:
    """Name the ending that a final response other than 2xx stands for.

    `origin` as in FinalSent. 480 and 408 mean that nobody came to the phone where one rang, and that there was no phone
    where none did; who says so, a phone or we ourselves, makes no difference to the caller.
    """
    if origin == "cancel":
        return "cancelled"
    if status in (408, 480):
        return "no-answer" if rang else "unreachable"
    return _BY_STATUS.get(status, "failed")
