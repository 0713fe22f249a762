"""A call told as the core tells it: real requests, branches and events, no transactions behind them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sipcore.calls import CallTracker
from sipcore.contract.flow import Flow
from sipcore.proxy.branch import Branch
from sipcore.proxy.events import (
    BranchAdded,
    BranchCancelled,
    BranchFinal,
    BranchProvisional,
    CoreEvent,
    DialogEnded,
    FinalSent,
    RequestTerminated,
    TakeoverStarted,
)
from sipcore.proxy.request import ServerRequest
from sipcore.proxy.target import Target
from sipcore.syntax import parse_message

EPOCH = 1_800_000_000.0
FLOW = Flow("udp", "198.51.100.7", 5060)
ALICE, BOB, DAN = "alice@pbx.example", "bob@pbx.example", "dan@pbx.example"


class Story:
    """One request from Alice, and a clock that goes on by one second with each thing that happens."""

    def __init__(
        self, tracker: CallTracker | None = None, *, name: str = "c1", method: str = "INVITE", to_tag: str = ""
    ):
        self.tracker = tracker or CallTracker("worker-a")
        self.now = EPOCH
        message = parse_message(
            (
                f"{method} sip:102@pbx.example SIP/2.0\r\n"
                "From: Alice <sip:alice@pbx.example>;tag=from-alice\r\n"
                f"To: <sip:102@pbx.example>{f';tag={to_tag}' if to_tag else ''}\r\n"
                f"Call-ID: call-{name}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
            ).encode()
        )
        transaction: Any = SimpleNamespace(is_final=False)
        core: Any = None
        self.request = ServerRequest(core, message, FLOW, transaction, f"r-{name}", name)  # type: ignore[arg-type]
        self.branches: dict[str, Branch] = {}

    def known(self, callee: str = BOB, groups: tuple[str, ...] = ("sales",)) -> Story:
        self.tracker.call_known(
            self.request,
            caller=ALICE,
            caller_name="Alice",
            callee=callee,
            dialled="102",
            groups=groups,
            epoch=self.now,
        )
        return self

    def tell(self, event: CoreEvent) -> Story:
        self.now += 1
        self.tracker.core_event(event, self.now)
        return self

    def add(self, id: str = "1", *, aor: str = BOB, source: str = "lookup") -> Story:
        target = Target(f"sip:{id}@192.168.1.5", FLOW, aor=aor, source=source, device=f"phone {id}")
        self.branches[id] = Branch(id, target, None)  # type: ignore[arg-type]
        return self.tell(BranchAdded(self.request, self.branches[id]))

    def tell_takeover(self) -> Story:
        return self.tell(TakeoverStarted(self.request, "t"))

    def ring(self, id: str = "1", status: int = 180) -> Story:
        return self.tell(BranchProvisional(self.request, self.branches[id], status))

    def drop(self, id: str = "1", cause: int = 200) -> Story:
        return self.tell(BranchCancelled(self.request, self.branches[id], cause))

    def end(self, id: str = "1", status: int = 487) -> Story:
        return self.tell(BranchFinal(self.request, self.branches[id], status))

    def final(self, status: int, origin: str = "branch", id: str = "") -> Story:
        assert self.request.transaction is not None
        self.request.transaction.is_final = True
        return self.tell(FinalSent(self.request, status, "", origin, self.branches.get(id)))

    def answer(self, id: str = "1") -> Story:
        return self.end(id, 200).final(200, id=id)

    def terminated(self) -> Story:
        return self.tell(RequestTerminated(self.request))

    def bye(self, by: str = "from-alice", status: int = 200) -> Story:
        return self.tell(DialogEnded(self.request.request.call_id, "from-alice", "to-bob", by_tag=by, status=status))

    def names(self) -> list[str]:
        """The names of the events that are due."""
        changes = self.tracker.drain()
        return [] if changes is None else [name for name, *_ in changes.events]
