"""A call while it lives: slots that are written in place, and the frozen picture that is made of them when asked."""

from __future__ import annotations

from sipcore.contract.calls import BranchState, CallState

__all__ = ["LiveBranch", "LiveCall"]


class LiveBranch:
    """One branch; keeps nothing of the core, so that a long call does not hold its transactions in memory."""

    __slots__ = (
        "_frozen",
        "about",
        "aor",
        "code",
        "contact",
        "device",
        "ended_at",
        "id",
        "key",
        "source",
        "started_at",
        "state",
    )

    def __init__(
        self,
        id: str,
        aor: str,
        contact: str,
        device: str,
        source: str,
        epoch: float,
        key: str = "",
        *,
        tx: str = "",
        flow_id: str = "",
    ) -> None:
        self.id = id
        self.aor = aor
        self.contact = contact
        self.device = device
        self.source = source
        self.key = key
        self.state = "trying"
        self.code = 0
        self.started_at = epoch
        self.ended_at = 0.0
        self.about = {"tx": tx, "branch": id, "uri": contact, "aor": aor, "flow_id": flow_id, "source": source}
        "What all E_BRANCH_* events say."
        self._frozen: BranchState | None = None

    def change(self, state: str, code: int, ended_at: float) -> None:
        """Move on; the old picture is void."""
        self.state = state
        self.code = code
        self.ended_at = ended_at
        self._frozen = None

    def freeze(self) -> BranchState:
        """Return the branch as it is now; the same object until it changes."""
        frozen = self._frozen
        if frozen is None:
            frozen = self._frozen = BranchState(
                self.id,
                self.aor,
                self.contact,
                self.device,
                self.source,
                self.state,
                self.code,
                self.started_at,
                self.ended_at,
                self.key,
            )
        return frozen


class LiveCall:
    """One call. Field names are those of CallState."""

    __slots__ = (
        "answered_at",
        "answered_by",
        "branches",
        "call_id",
        "callee",
        "caller",
        "caller_name",
        "code",
        "dialled",
        "dialog_state",
        "ended_at",
        "from_tag",
        "groups",
        "hangup_by",
        "is_changed",
        "is_over",
        "is_recorded",
        "picked_by",
        "reason",
        "ringing_at",
        "started_at",
        "state",
        "to_tag",
        "tx",
        "uid",
        "waking",
    )

    def __init__(self, uid: str, call_id: str, from_tag: str, epoch: float, tx: str = "") -> None:
        self.uid = uid
        self.tx = tx
        "The id of its INVITE transaction, which events name as what led to them."
        self.call_id = call_id
        self.from_tag = from_tag
        "The caller's tag; with the Call-ID it is what a BYE can be recognised by."
        self.to_tag = ""
        "The callee's, once somebody has answered."
        self.dialog_state = "unconfirmed"
        self.caller = self.caller_name = self.callee = self.dialled = ""
        self.groups: tuple[str, ...] = ()
        self.state = "setup"
        self.started_at = epoch
        self.ringing_at = self.answered_at = self.ended_at = 0.0
        self.code = 0
        self.reason = self.hangup_by = self.answered_by = self.picked_by = ""
        self.waking = 0
        self.branches: dict[str, LiveBranch] = {}
        self.is_changed = False
        self.is_over = False
        self.is_recorded = False

    @property
    def parties(self) -> dict[str, str]:
        """What all E_CALL_* events say."""
        return {"caller": self.caller, "callee": self.callee, "callid": self.call_id}

    def freeze(self, worker: str) -> CallState:
        """Return the call as it is now."""
        return CallState(
            self.uid,
            self.call_id,
            self.caller,
            self.caller_name,
            self.dialled,
            self.callee,
            self.state,
            self.groups,
            self.started_at,
            self.ringing_at,
            self.answered_at,
            self.ended_at,
            self.code,
            self.reason,
            self.hangup_by,
            self.answered_by,
            self.picked_by,
            self.waking,
            worker,
            tuple([branch.freeze() for branch in self.branches.values()]),
        )
