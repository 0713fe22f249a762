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

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..transaction import NEVER
from .cause import NO_ANSWER, PICKED_UP
from .events import InjectRejected, TakeoverEnded, TakeoverStarted

if TYPE_CHECKING:
    from .branch import Branch
    from .response_context import ResponseContext
    from .target import Target

__all__ = ["TAKEOVER_MODES", "Takeover", "take_over"]

TAKEOVER_MODES = ("when_ringing", "after_answer", "at_once")


def take_over(
    context: ResponseContext,
    targets: Iterable[Target],
    now: float,
    *,
    mode: str,
    token: str,
    ring_seconds: float | None,
) -> list[Branch]:
    """Call a picker's phones, and return the branches started: none, and there is no takeover."""
    targets = list(targets)
    started: list[Branch] = []
    if context.takeover is not None:
        for target in targets:  # the claim is another's
            context.core.emit(InjectRejected(context.request, target, "barred"))
    else:
        started = context.add(targets, now, ring_seconds=ring_seconds, injected=True, is_pickup=True)
    if not started:
        context.core.emit(TakeoverEnded(context.request, token, "failed"))
        return started
    takeover = context.takeover = Takeover(context, token, mode, started, now)
    context.core.emit(TakeoverStarted(context.request, token))
    if mode == "at_once":
        takeover.give_up_originals(now)
    context.arm()
    return started


class Takeover:
    """One takeover that has started and not ended."""

    __slots__ = ("_answer_deadline", "_context", "_has_sign", "_mode", "_sign_deadline", "_token", "branches")

    def __init__(self, context: ResponseContext, token: str, mode: str, branches: list[Branch], now: float) -> None:
        self._context = context
        self._token = token
        self._mode = mode
        self.branches = branches
        "The picker's."
        self._has_sign = False
        self._sign_deadline = now + context.core.policy.takeover_sign
        self._answer_deadline = now + context.core.policy.takeover_answer
        for branch in branches:
            branch.excluded = True

    @property
    def is_live(self) -> bool:
        """Whether a phone of the picker may still answer."""
        return any(branch.is_live for branch in self.branches)

    @property
    def bars_others(self) -> bool:
        """Whether the originals were given up: no more phones are called but a picker's."""
        return self._mode == "at_once" or (self._mode == "when_ringing" and self._has_sign)

    def branch_rings(self, branch: Branch, now: float) -> None:
        """A phone has said more than 100: the sign, when it is one of the picker's."""
        if not self._has_sign and branch in self.branches:
            self._has_sign = True
            if self._mode == "when_ringing":
                self.give_up_originals(now)
            self._context.arm()

    def give_up_originals(self, now: float) -> None:
        """The call is the picker's."""
        for branch in self._originals():
            branch.give_up(PICKED_UP, now)

    def deadline(self) -> float:
        """When the picker has had his chance; NEVER while there is nothing else to do with the call."""
        originals_ring = any(branch.is_live for branch in self._originals())
        if self._has_sign:
            return self._answer_deadline if originals_ring else NEVER
        return self._sign_deadline if originals_ring or self._context.hold is not None else NEVER

    def time_out(self, now: float) -> None:
        """He has had it."""
        self.end("timeout")
        for branch in self.branches:
            branch.give_up(NO_ANSWER, now)

    def end(self, outcome: str) -> None:
        """It is over, with an outcome as in TakeoverEnded."""
        context = self._context
        context.takeover = None
        context.core.emit(TakeoverEnded(context.request, self._token, outcome))

    def _originals(self) -> list[Branch]:
        return [branch for branch in self._context.branches if branch not in self.branches]
