"""What all words of a request stand on: what a script reads of it, its answer, and its hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..contract.aor import make_aor
from .event_words import EventWords
from .messages import kept_message

if TYPE_CHECKING:
    from ..contract.directory import SubscriberRecord
    from ..contract.flow import Flow
    from ..proxy.request import ServerRequest
    from ..syntax import Request
    from .settings import ScriptSettings
    from .waking import AwaitedDevices

__all__ = ["RequestWords"]


class RequestWords(EventWords):
    """Of every request; the slots are those of RequestContext."""

    if not TYPE_CHECKING:  # to a checker these would be all there are
        __slots__ = ()

    _to_aor: str | None
    "Empty: not asked for yet."
    awaited: AwaitedDevices | None
    callee: SubscriberRecord | None
    caller: SubscriberRecord | None
    flow: Flow
    handle: ServerRequest
    request: Request

    @property
    def method(self) -> str:
        """The request method."""
        return self.request.method

    @property
    def settings(self) -> ScriptSettings:
        """What the operator has set."""
        return self._environment.settings

    @property
    def call_id(self) -> str:
        """The Call-ID header."""
        return self.request.call_id

    @property
    def call_uid(self) -> str:
        """The id of this call on the dashboard, in events and in the record."""
        return self.handle.call_uid

    @property
    def uid(self) -> str:
        """Names this request to whoever wakes a phone for it: the call, or the message."""
        return self.call_uid or self.handle.id

    @property
    def dialled(self) -> str:
        """The user part of the Request-URI: what the caller dialled."""
        return self.request.uri.user or ""

    @property
    def request_domain(self) -> str | None:
        """The served domain that the Request-URI names, None when it is none of ours."""
        return self._environment.domain_of(self.request.uri.host)

    @property
    def is_for_server(self) -> bool:
        """Whether the request is for the server itself: a domain of ours and no user."""
        return not self.dialled and self.request_domain is not None

    @property
    def request_aor(self) -> str | None:
        """Whom the request is for, None when his domain is not served here."""
        domain = self.request_domain
        return None if domain is None else make_aor(self.dialled, domain)

    @property
    def from_aor(self) -> str | None:
        """Who the request says it is from, None when that domain is not served here."""
        return self._environment.aor_of(self.request.from_)

    @property
    def to_aor(self) -> str | None:
        """The AoR in To, which a REGISTER binds; None when that domain is not served here."""
        if self._to_aor == "":
            text = self.request.header("to")
            self._to_aor = None if text is None else self._environment.aor_in(text)
        return self._to_aor

    @property
    def from_name(self) -> str:
        """The caller's display name. Data that a stranger wrote: never part of a pattern, a key or markup."""
        return self.request.from_.display_name[:128]

    @property
    def content(self) -> dict[str, Any] | None:
        """What this message says, by whom and when, to be kept for a phone that is away; None when it cannot be kept."""
        return kept_message(self.request, self._environment.epoch())

    def reply(
        self, status: int, reason: str | None = None, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        """Answer the request. After a final answer there is no other; a caller who has cancelled has had his 487."""
        env, handle = self._environment, self.handle
        if not (handle.is_final or handle.is_cancelled):
            env.core.reply(handle, status, reason, headers, now=env.monotonic(), body=body)
            env.touched()

    def wait_no_more_branches(self) -> None:
        """End the hold: the request ends with its last branch (`t_wait_no_more_branches`)."""
        env = self._environment
        if not (self.handle.is_cancelled or self.handle.is_final):
            env.core.wait_no_more_branches(self.handle, now=env.monotonic())
            env.touched()

    def end_hold_when_all_came(self) -> None:
        """With `PBX_HOLD=auto`, end the hold when no push device is left that may still come."""
        if self.settings.hold == "auto" and self.awaited is not None and self.awaited.is_complete:
            self.wait_no_more_branches()

    @property
    def _call_uid(self) -> str:
        return self.handle.call_uid

    @property
    def _cause(self) -> str:
        return self.handle.id
