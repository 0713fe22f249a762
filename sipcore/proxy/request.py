"""The handle by which the script and the core speak about one received request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..contract.flow import Flow
    from ..syntax import Request, Response
    from ..transaction import ServerTransaction
    from .branch import Branch
    from .response_context import ResponseContext
    from .target import Target

__all__ = ["ServerRequest"]


class ServerRequest(Struct, eq=False):
    """A received request and what became of it.

    Made by the core, handed out in RequestReceived and in every event about that request. `user`, `callee`, `caller`
    and `groups` belong to the script and are never read by the core.
    """

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
    "The To-tag of responses made here; no phone's."
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

    def __repr__(self) -> str:
        return f"<ServerRequest {self.id} {self.request.method}>"
