"""A request as the routing script sees it: who asks for whom, and the words that answer.

Here is whom it looks up, how it forwards and picks up; what it reads and answers is in `request_words`, and words of one kind are in
files of their own: `registrar_words`, `wake_words`, `branch_words` and `event_words`. Words named as in OpenSIPS do what they do
there, apart from what their docstring says. Every word that waits returns at once when what it asks for is in memory.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..contract.directory import PickupGroupRecord, SubscriberRecord
from ..contract.events import Event
from ..contract.location import Binding
from ..errors import MalformedMessage, TransactionCancelled, TransactionFinal, TransactionGone
from .branch_words import BranchWords, Tried
from .phones import Phone, binding_of_request, taking, targets_of
from .registrar_words import RegistrarWords
from .transaction import TransactionRef
from .wake_words import WakeWords
from .waking import AwaitedDevices

if TYPE_CHECKING:
    from ..contract.flow import Flow
    from ..proxy.request import ServerRequest
    from ..syntax import Request
    from .environment import Environment
    from .pickups import Claim

__all__ = ["RequestContext"]


class RequestContext(RegistrarWords, WakeWords, BranchWords):
    """One request and the words that answer it. A route must answer, fork or hold; if it does none, 500 is sent."""

    __slots__ = (
        "__weakref__",
        "_environment",
        "_ref",
        "_round",
        "_to_aor",
        "awaited",
        "callee",
        "caller",
        "flow",
        "handle",
        "is_answered",
        "request",
    )

    def __init__(self, environment: Environment, handle: ServerRequest) -> None:
        self._environment = environment
        self.handle = handle
        self.awaited: AwaitedDevices | None = None
        self.is_answered = False
        "Whether a 2xx has been sent."
        self.request: Request = handle.request
        self.flow: Flow = handle.flow
        self.caller: SubscriberRecord | None = None
        self.callee: SubscriberRecord | None = None
        self._ref: weakref.ref[TransactionRef] | None = None
        self._round: asyncio.Future[Tried] | None = None  # while `try_targets` waits
        self._to_aor: str | None = ""  # not asked for yet
        handle.user = self

    @property
    def ref(self) -> TransactionRef:
        """What notification routes of this request get, and what its subscriptions are bound to."""
        known = self._known_ref()
        if known is None:
            known = TransactionRef(self._environment, self)
            self._ref = weakref.ref(known)
        return known

    def _known_ref(self) -> TransactionRef | None:
        """The one that somebody holds: it has this request, which must not have it in turn, or both would live for ever."""
        return None if self._ref is None else self._ref()

    def release(self, why: str) -> None:
        """End what is bound to this request."""
        if (known := self._known_ref()) is not None:
            self._environment.routing.release(known, why, "transaction")

    def dialog_ended(self, why: str) -> None:
        """End what is bound to the call that it began."""
        if (known := self._known_ref()) is not None:
            self._environment.routing.release(known, why)

    # Who is concerned.

    async def authenticate(self) -> SubscriberRecord | None:
        """Return the subscriber who asks, or None when the request has been challenged or refused."""
        self.caller = await self._environment.authentication(self)
        return self.caller

    async def subscriber(self, aor: str | None) -> SubscriberRecord | None:
        """Return the subscriber of an AoR, None when there is none."""
        return await self._environment.directory.subscriber(aor) if aor else None

    async def group(self, group_id: str) -> PickupGroupRecord | None:
        """Return a pickup group, None when there is none."""
        return await self._environment.directory.group(group_id)

    async def lookup(self, aor: str, *, any_method: bool = False, limit: int | None = None) -> tuple[Binding, ...]:
        """Return the bindings of an AoR whose phone takes this method and can be reached, best q first and the latest
        first among equals.

        A phone that does not say which methods it takes takes all; `any_method` does not ask. `limit`: the best so many.

        After a subscription has been made, and while other workers exist, the store itself is asked: a look older
        than the subscription would lose a REGISTER that falls between the two.
        """
        env = self._environment
        fresh = env.bus.has_peers
        if fresh:
            await env.bus.subscribed()
        found = await env.location.lookup(aor, fresh=fresh)
        return taking(filter(env.may_reach, found), "" if any_method else self.request.method, limit)

    # Forking.

    def fork(self, phones: Iterable[Phone], *, ring_seconds: float | None = None, source: str = "lookup") -> None:
        """Forward to all of these in parallel (`t_relay`). Each may ring for `ring_seconds`.

        With nobody to forward to and no hold the caller gets 480 at once.
        """
        env = self._environment
        if self.handle.is_cancelled or self.handle.is_final:
            return
        env.core.fork(
            self.handle, targets_of(phones, source, env.is_elsewhere), now=env.monotonic(), ring_seconds=ring_seconds
        )
        env.touched()

    def relay(self) -> None:
        """Forward to where the request itself says: its Route, or its Request-URI."""
        env = self._environment
        if not (self.handle.is_cancelled or self.handle.is_final):
            env.core.relay(self.handle, now=env.monotonic())
            env.touched()

    def wait_for_new_branches(self, seconds: float, branches: int | None = None) -> None:
        """Keep the request alive for that long, even with no branch left (`t_wait_for_new_branches`).

        With `branches`, only until so many have been injected. The end of the hold does not stop a phone that rings.
        """
        env = self._environment
        if not (self.handle.is_cancelled or self.handle.is_final):
            env.core.wait_for_new_branches(self.handle, seconds, now=env.monotonic(), branches=branches)
            env.touched()

    # Event-based routing: see `event_words.py`.

    def _bound_to(self, bind: str) -> object:
        handle = self.handle
        if bind == "dialog" and not (handle.is_cancelled or (handle.is_final and not self.is_answered)):
            self._environment.dialogs.add(self)
        elif bind not in ("transaction", "dialog"):
            return super()._bound_to(bind)
        elif handle.is_gone:
            raise TransactionGone(f"{handle.id} is over")
        elif handle.is_cancelled:
            raise TransactionCancelled(f"{handle.id} was cancelled by the caller")
        elif handle.is_final:
            raise TransactionFinal(f"{handle.id} has been answered")
        return self.ref

    async def _registered_phone(self) -> Binding:
        aor = self.to_aor if self.method == "REGISTER" else self.from_aor
        for binding in await self._environment.location.lookup(aor) if aor else ():
            if binding.flow == self.flow:
                return binding
        return await super()._registered_phone()

    # Calls and pickup.

    def call(self, callee: SubscriberRecord) -> None:
        """Say whom this call is for: from now on it is on the board, and in the records when it ends."""
        self.callee = callee
        caller = self.caller
        self._environment.tracker.call_known(
            self.handle,
            caller=caller.aor if caller else self.request.from_.uri_text,
            caller_name=self.from_name or (caller.display_name if caller else ""),
            dialled=self.dialled,
            callee=callee.aor,
            groups=callee.pickup_groups,
            epoch=self._environment.epoch(),
        )

    async def claim_ringing_call(self, groups: Sequence[str], ringing: str = "") -> Claim | None:
        """Claim the oldest call that rings in these groups (or rings the AoR `ringing`); None when there is none.

        Exactly one picker can hold the claim of a call. Calls by the picker, and calls that ring this very phone
        already, are not his to pick.
        """
        return await self._environment.pickups.claim(self, groups, ringing)

    async def hand_over(self, claim: Claim) -> Event:
        """Raise E_CALL_PICKUP for a claimed call: the worker that owns it rings the phone that this request came from."""
        return await self._environment.pickups.hand_over(self, claim)

    async def acknowledged(self, seconds: float = 0.5) -> bool:
        """Wait until the final answer has been acknowledged, at most that long.

        A phone with one line answers 486 to an INVITE that arrives while its own call is still ending.
        """
        return await self._environment.pickups.acknowledged(self, seconds)

    async def own_phone(self, aor: str) -> Binding | None:
        """Return the binding of the very phone that sent this request, or what its Contact says, or None."""
        env = self._environment
        for binding in await env.location.lookup(aor):
            if binding.flow == self.flow or (
                binding.host == self.flow.host and binding.port == self.flow.port and not self.flow.is_reliable
            ):
                return binding
        try:
            return binding_of_request(self.request, aor, self.flow, env.worker, env.edge, env.epoch())
        except MalformedMessage:
            return None
