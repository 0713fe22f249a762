"""The word of a registrar: `save`, what it stores, what it answers, and who is told (RFC 3261 §10.3, RFC 8599)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import TYPE_CHECKING

from ..contract.events import E_PUSH_TOKEN_INVALID, E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE
from ..contract.jobs import FORGET_PUSH_DEVICE, LEARN_PUSH_DEVICE, Job
from ..contract.location import Binding, BindingChanges
from ..errors import RegisterRefused, StoreUnavailable
from ..registrar import Register, apply_register, ok_headers, push_keys_dropped, push_report
from .contact_events import announce, events_of
from .request_words import RequestWords

if TYPE_CHECKING:
    pass

__all__ = ["RETRY_AFTER", "RegistrarWords"]

RETRY_AFTER = 10  # seconds, in a 503 while the store is away


class RegistrarWords(RequestWords):
    """Of a request: a REGISTER has use for them."""

    __slots__ = ()

    async def save(self) -> BindingChanges | None:
        """Do what the REGISTER asks: stored, then answered, then announced. None when it was refused.

        The E_UL_* events are raised after the 200, so that the INVITE that an event brings to a phone follows the
        200 to its REGISTER. When the bindings cannot be kept the answer is 503; a call that waits here for that very
        phone is told all the same, and nobody else.
        """
        env, aor = self._environment, self.to_aor
        if aor is None:
            self.reply(403, "Domain not served here")
            return None
        register, epoch = Register(self.request), env.epoch()
        before: Sequence[Binding] = ()

        def change(current: Sequence[Binding]) -> BindingChanges:
            nonlocal before
            before = current
            return apply_register(
                register,
                aor,
                current,
                limits=env.limits,
                epoch=epoch,
                flow=self.flow,
                worker=env.worker,
                socket=env.socket_of(self.flow),
                push_providers=env.push_providers,
                edge=env.edge,
            )

        try:
            changes = await env.location.update(aor, change)
            headers = ok_headers(
                register,
                changes.bindings,
                epoch=epoch,
                limits=env.limits,
                push_providers=env.push_providers,
                vapid=env.vapid,
                purrs=env.purrs,
            )
        except RegisterRefused as refused:
            self.reply(refused.status_hint, str(refused) or None, refused.headers)
            return None
        except StoreUnavailable:
            self.reply(503, headers=[("Retry-After", str(RETRY_AFTER))])
            await self._tell_who_waits_here(aor, change, epoch)
            return None
        self.reply(200, headers=headers)
        if env.core.edge_hops:
            env.core.phone_is_awake(self.flow, now=env.monotonic())
        self._tell_push(register, before, changes)
        announce(env.routing, changes, epoch, before, self.handle.id)
        return changes

    async def _tell_who_waits_here(
        self, aor: str, change: Callable[[Sequence[Binding]], BindingChanges], epoch: float
    ) -> None:
        """The phone has shown that it is awake and where: what is not stored is no fact for others, but it can ring."""
        env = self._environment
        if not env.routing.waits_here(E_UL_CONTACT_INSERT, {"aor": aor}):
            return
        known: Sequence[Binding] = ()
        with suppress(StoreUnavailable):
            known = await env.location.lookup(aor)
        with suppress(RegisterRefused):
            for name, attributes in events_of(change(known), epoch, known):
                if name in (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE):
                    env.routing.tell_here(name, attributes, cause_id=self.handle.id)

    def _tell_push(self, register: Register, before: Sequence[Binding], changes: BindingChanges) -> None:
        """What the REGISTER says about waking this phone goes to the web side, token and all, and stays nowhere here."""
        jobs, aor = self._environment.jobs, changes.aor
        if not (register.has_push or changes.removed or changes.is_empty or any(map(_push_of, before))):
            return
        if any(binding.push for binding in (*changes.inserted, *changes.updated)):
            for report in push_report(register, changes.bindings):
                details = {
                    "key": report.key,
                    "provider": report.provider,
                    "param": report.param,
                    "prid": report.prid,
                    "instance_id": report.instance_id,
                    "user_agent": register.user_agent,
                    "expires_at": report.expires_at,
                    "refreshes_itself": report.refreshes_itself,
                }
                jobs.submit(Job(LEARN_PUSH_DEVICE, {"aor": aor, **details}, secrets=("prid",)))
        if changes.removed or changes.is_empty or any(binding.push for binding in before):
            for key in push_keys_dropped(register, before, changes):
                jobs.submit(Job(FORGET_PUSH_DEVICE, {"aor": aor, "key": key}))
                about = {"aor": aor, "device": key, "provider": "", "reason": "unregistered"}
                self._environment.routing.tell(E_PUSH_TOKEN_INVALID, about, cause_id=self.handle.id)


_push_of = attrgetter("push")
