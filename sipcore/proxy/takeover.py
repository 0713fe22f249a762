"""A takeover: a ringing call moves to a picker's phones.

                      picker's phone rings               picker answers
    started ------------------------------> signed ------------------------> done
       |  |                                   |  |
       |  +-- no sign in 5 s ----------+      |  +-- no answer in 15 s, originals ring: timeout
       |                               |      |
       +-- all its branches fail ------+------+--> released: the originals ring on as if nothing had been
       |
       +-- an original answers: lost; the caller cancels: caller-gone

The originals are given up when the picker's phone rings (`when_ringing`), answers (`after_answer`) or as soon as it
was sent the INVITE (`at_once`, the seed's literal order). Until then, whatever becomes of the picker costs the caller
nothing; and while a takeover lives, originals that fail do not end the call.

The two time limits exist to let others have the call again. They do not run when there is nothing to go back to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .branch import Branch
    from .edge import Policy

__all__ = ["TAKEOVER_MODES", "Takeover"]

TAKEOVER_MODES = ("when_ringing", "after_answer", "at_once")


class Takeover:
    """One takeover that has started and not ended."""

    __slots__ = ("_answer_deadline", "_sign_deadline", "branches", "has_sign", "mode", "token")

    def __init__(self, token: str, mode: str, branches: list[Branch], now: float, policy: Policy) -> None:
        self.token = token
        self.mode = mode
        self.branches = branches
        self.has_sign = False
        "Whether a phone of the picker has rung; 100 is no sign."
        self._sign_deadline = now + policy.takeover_sign
        self._answer_deadline = now + policy.takeover_answer

    @property
    def is_live(self) -> bool:
        """Whether a phone of the picker may still answer."""
        return any(branch.is_live for branch in self.branches)

    def deadline(self, *, originals_ring: bool, is_held: bool) -> float | None:
        """When the picker has had his chance; None while there is nothing else to do with the call."""
        if not self.has_sign:
            return self._sign_deadline if originals_ring or is_held else None
        return self._answer_deadline if originals_ring else None
