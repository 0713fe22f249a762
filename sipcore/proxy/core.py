"""The proxy core: a stateful, forking proxy without I/O (RFC 3261 §16).

Three things drive it: messages from the network, the clock, and the routing script. After any of them, handle
`next_event()` until it returns None, carry out `messages_to_send()`, and arm one timer for `get_timer()`.

What happens without the script: retransmissions, ACK, CANCEL, responses; and requests inside a dialog that carry the
Route which this edge wrote into Record-Route, in both directions. All else is a RequestReceived.

Nothing raises out of `receive_message`, `handle_timer`, `flow_closed` and `transport_failed`, whatever the input. The
words of the script raise InvalidWord when they make no sense, and TransactionFinal, TransactionCancelled or
TransactionGone when they come too late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..contract.flow import Flow
from ..errors import MalformedMessage
from .edge import Edge, Limits, Policy

if TYPE_CHECKING:
    from ..syntax import Request, Response
    from ..transaction import ClientTransaction, ServerTransaction, Timers
    from .branch import Branch
    from .events import CoreEvent
    from .request import ServerRequest
    from .target import Target

__all__ = ["Outbound", "ProxyCore", "owner_of_branch"]


class Outbound(NamedTuple):
    """One message to put on the wire."""

    data: bytes
    flow: Flow
    transaction: ClientTransaction | ServerTransaction | None
    "To be named in `transport_failed` when it cannot be sent; None for messages that nobody would send again."


def owner_of_branch(branch: str) -> str:
    """The worker that made this Via branch; empty when it is none of ours.

    For siblings behind one port: a response whose top Via branch names another worker is handed to that worker.
    """
    raise NotImplementedError


class ProxyCore:
    """See the module."""

    def __init__(
        self,
        edge: Edge,
        new_token: Callable[[], str],
        timers: Timers | None = None,
        limits: Limits | None = None,
        policy: Policy | None = None,
    ) -> None:
        """`new_token` returns unguessable letters and digits: they become branches, tags and call uids."""

    # the network and the clock

    def receive_message(self, message: Request | Response, flow: Flow, now: float) -> None:
        """Take in one message, as `parse_message` returned it. `flow` is where it came from."""

    def receive_malformed(self, data: bytes, error: MalformedMessage, flow: Flow, now: float) -> None:
        """Answer, where that is possible, what `parse_message` refused."""

    def flow_closed(self, flow: Flow, now: float) -> None:
        """A connection is gone: branches over it fail, callers on it have `policy.caller_grace` to come back."""

    def transport_failed(self, transaction: ClientTransaction | ServerTransaction | None, now: float) -> None:
        """The message of an Outbound with this transaction could not be sent."""

    def handle_timer(self, now: float) -> None:
        """Do what is due. Calling it early is harmless."""

    def get_timer(self) -> float | None:
        """When to call `handle_timer` next; None: nothing is due, ever."""

    def next_event(self) -> CoreEvent | None:
        """The oldest event not handed out yet."""

    def messages_to_send(self) -> list[Outbound]:
        """All messages since the last call, in order; and a 100 for each INVITE that got nothing yet (§17.2.1)."""

    # the words of the script

    def reply(
        self,
        request: ServerRequest,
        status: int,
        reason: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        *,
        now: float,
        body: bytes = b"",
        content_type: str = "",
    ) -> None:
        """Answer a request ourselves; a final response also ends its branches and its hold.

        A provisional response has a To-tag of its own, which no phone's response will carry.
        """

    def fork(
        self, request: ServerRequest, targets: Iterable[Target], *, now: float, ring_seconds: float | None = None
    ) -> list[Branch]:
        """Forward to all targets at once; return the branches that were started.

        May be called again, for serial forking. Targets that are refused (the same phone twice, over the limit, over a
        closed connection) are InjectRejected events. When nothing could be started and no hold is open the request is
        answered with 480.
        """

    def relay(
        self, request: ServerRequest, target: Target | None = None, *, now: float, ring_seconds: float | None = None
    ) -> list[Branch]:
        """Forward to one target; without one, to the next Route or else the Request-URI (§16.6 steps 6, 7)."""

    def wait_for_new_branches(
        self,
        request: ServerRequest,
        seconds: float,
        *,
        now: float,
        branches: int | None = None,
        reason_code: int = 20,
    ) -> None:
        """Hold the request open: with no branch left it is not answered yet, for some may be injected.

        `branches`: close the hold once so many have been injected. `reason_code` is the Q.850 cause of the 480 that
        the caller gets when nobody ever rang. A second call replaces the first.
        """

    def wait_no_more_branches(self, request: ServerRequest, *, now: float, why: str = "no-more") -> None:
        """Close the hold; when no branch lives the request is answered now. Without a hold: nothing."""

    def inject_branches(
        self,
        request: ServerRequest,
        targets: Iterable[Target],
        *,
        now: float,
        cancel: str = "",
        last: bool = False,
        token: str = "",
        ring_seconds: float | None = None,
    ) -> list[Branch]:
        """Add targets to a request that may already be ringing; return the branches started.

        With `cancel` (when_ringing, after_answer, at_once) it is a takeover, named by `token`: the branches there were
        are given up when a new one rings, when it answers, or once one was started; never because of a target that
        cannot be reached. `last` closes the hold.
        """

    def hang_up(self, request: ServerRequest, *, now: float, status: int = 480) -> None:
        """End a call that rings, on behalf of an administrator."""

    # figures

    @property
    def open_requests(self) -> int:
        """Server transactions that live."""

    @property
    def open_branches(self) -> int:
        """Client transactions that live."""
