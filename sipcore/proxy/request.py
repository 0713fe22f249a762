"""One received request: the handle by which the script and the core speak about it, and the side that answers it.

A proxy is a UAS towards the caller (RFC 3261 §16.2): of what it says itself, and of its one final response, is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ..errors import TransactionCancelled, TransactionFinal, TransactionGone
from ..syntax import make_response
from .cause import Cause
from .events import FinalSent, RequestCancelled

if TYPE_CHECKING:
    from ..contract.flow import Flow
    from ..syntax import Request, Response
    from ..transaction import ServerTransaction
    from .branch import Branch
    from .core import ProxyCore
    from .response_context import ResponseContext
    from .target import Target

__all__ = ["ServerRequest"]


class ServerRequest(Struct, eq=False):
    """A received request and what became of it.

    Made by the core, handed out in RequestReceived and in every event about that request. Read only, for the script: what
    it has to say are the words of `ProxyCore`. But `user`, `callee`, `caller` and `groups` belong to the script and are
    never read by the core.
    """

    core: ProxyCore
    request: Request
    flow: Flow
    transaction: ServerTransaction | None
    "None once it is destroyed."
    id: str
    "Unique, also among workers and after a restart; events name the request by it."
    call_uid: str
    "Names the call on the board and in records; empty for anything but INVITE."
    context: ResponseContext | None = None
    "Its branches and hold, from the first fork, relay or hold on."
    is_cancelled: bool = False
    "Whether the caller gave up."
    local_tag: str = ""
    "The To-tag of responses made here, once there was one; no phone's."
    on_branch: Callable[[Target, int], Target | None] | None = None
    "Looks at each target before it is tried, with the number of its branch; None: it is not."
    on_reply: Callable[[Branch, Response], Response | None] | None = None
    "Looks at each response but 100 before anything is done about it; None: a provisional is not forwarded."
    user: Any = None
    callee: Any = None
    caller: Any = None
    groups: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """The request's method."""
        return self.request.method

    @property
    def is_final(self) -> bool:
        """Whether a final response has been sent."""
        return self.transaction is None or self.transaction.is_final

    @property
    def is_settled(self) -> bool:
        """Whether the script has done its part: answered, forked, forwarded or held; or the caller gave up."""
        return self.is_final or self.is_cancelled or self.context is not None

    @property
    def is_gone(self) -> bool:
        """Whether the server transaction is destroyed."""
        return self.transaction is None

    # for the rest of this room

    def ensure_open(self) -> ServerTransaction:
        """The server transaction, while it has not been answered; raises that a word comes too late when it has."""
        transaction = self.transaction
        if transaction is None:
            raise TransactionGone(f"{self.id} is over")
        if self.is_cancelled:
            raise TransactionCancelled(f"{self.id} was cancelled by the caller")
        if transaction.is_final:
            raise TransactionFinal(f"{self.id} has been answered")
        return transaction

    def our_tag(self) -> str:
        """The To-tag of what we say ourselves; the same for all of a request (§9.2)."""
        if not self.local_tag:
            self.local_tag = self.core.new_token()
        return self.local_tag

    def answer(self, response: Response, origin: str, now: float, *, branch: Branch | None = None) -> None:
        """Send the final response, if it is the first."""
        transaction = self.transaction
        if transaction is not None and not transaction.is_final:
            self.core.emit(FinalSent(self, response.status, response.reason, origin, branch))
            self.core.layer.respond(transaction, response, now)
            self.request.forget_readings()

    def answer_ourselves(
        self,
        status: int,
        headers: Sequence[tuple[str, str]],
        origin: str,
        now: float,
        *,
        branch: Branch | None = None,
    ) -> None:
        """Make the final response and send it, if it is the first."""
        response = make_response(self.request, status, None, headers, self.our_tag())
        self.answer(response, origin, now, branch=branch)

    def cancel(self, reasons: tuple[str, ...], now: float) -> None:
        """The caller has cancelled, or his connection has. He gets his 487 at once, the branches end by themselves."""
        self.is_cancelled = True
        self.core.emit(RequestCancelled(self, reasons))
        self.answer_ourselves(487, (), "cancel", now)
        if self.context is not None:
            cause = Cause(487, tuple(("Reason", value) for value in reasons))
            self.context.wind_up(cause, "cancel", "caller-gone", now)

    def __repr__(self) -> str:
        return f"<ServerRequest {self.id} {self.request.method}>"
