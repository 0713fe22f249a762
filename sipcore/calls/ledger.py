"""The calls there are, what has changed about them, and their end: each leaves once, with one record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sipcore.contract.calls import CallRecord, CallState
from sipcore.contract.events import E_CALL_ANSWERED, E_CALL_ENDED, E_CALL_MISSED, E_DLG_STATE_CHANGED

from .ending import MISSED, how_it_ended
from .live_call import LiveCall

__all__ = ["MAX_CALLS", "MAX_CALL_SECONDS", "Changes", "Ledger", "ended_event"]

Told = tuple[str, Mapping[str, Any], str, str]

MAX_CALL_SECONDS = 12 * 3600.0  # nobody talks longer; a phone that lost its power sends no BYE
MAX_CALLS = 50_000  # calls in talk; beyond, the one that was answered first counts as lost

_NEVER = float("inf")


class Changes(NamedTuple):
    """What has happened since the last `drain`."""

    states: list[CallState]
    "Calls that changed and live on, as they now are."
    gone: list[str]
    "Uids of calls that have left the board."
    records: list[CallRecord]
    "One for each uid in `gone`."
    events: list[Told]
    "Name, attributes, call uid and cause of each event to raise, in order."


class Ledger:
    """Calls by request and by dialog. A call that is over is written up at the next `drain`, with the rest of its turn."""

    def __init__(self, worker: str, *, max_call_seconds: float, max_calls: int, wants: Callable[[str], bool]) -> None:
        self._worker = worker
        self._wants = wants
        self._max_call_seconds = max_call_seconds
        self._max_calls = max_calls
        self.by_request: dict[str, LiveCall] = {}
        "Until the server transaction is destroyed, which is later than the end of a call that was not answered."
        self._by_dialog: dict[tuple[str, str], list[LiveCall]] = {}  # several calls where one spirals through us
        self._talking: dict[str, LiveCall] = {}  # by uid; whoever was answered first comes first
        self._changed: list[LiveCall] = []
        self._records: list[CallRecord] = []
        self._events: list[Told] = []
        self.oldest_ends_at = _NEVER
        "When `lose_the_silent` has something to do."

    def __len__(self) -> int:
        return sum(len(calls) for calls in self._by_dialog.values())

    def open(self, tx: str, uid: str, call_id: str, from_tag: str, epoch: float, *, is_gone: bool = False) -> LiveCall:
        """Begin a call. `is_gone`: its transaction has ended already."""
        call = LiveCall(uid, call_id, from_tag, epoch, tx)
        self._by_dialog.setdefault((call_id, from_tag), []).append(call)
        if not is_gone:
            self.by_request[tx] = call
        return call

    def in_dialog(self, call_id: str, from_tag: str) -> list[LiveCall]:
        """The calls that a BYE is about; a copy."""
        return self._by_dialog.get((call_id, from_tag), [])[:]

    def touch(self, call: LiveCall) -> None:
        """Note that a call has changed. What still happens to one that has been recorded is told by events alone."""
        if not (call.is_changed or call.is_recorded):
            call.is_changed = True
            self._changed.append(call)

    def tell(self, name: str, call: LiveCall, /, **attributes: Any) -> None:
        """Have an event raised; what led to it is the call's INVITE."""
        self._events.append((name, attributes, call.uid, call.tx))

    def tell_why(self, name: str, attributes: Mapping[str, Any], call_uid: str, cause_id: str) -> None:
        """Have an event raised that something else has led to, or that is about no call of this ledger."""
        self._events.append((name, attributes, call_uid, cause_id))

    def dialog(self, call: LiveCall, state: str) -> None:
        """The dialog of a call is now early, confirmed or deleted, which some scripts want to know."""
        old, call.dialog_state = call.dialog_state, state
        if old != state and self._wants(E_DLG_STATE_CHANGED):
            self.tell(
                E_DLG_STATE_CHANGED,
                call,
                id=call.uid,
                callid=call.call_id,
                from_tag=call.from_tag,
                to_tag=call.to_tag,
                old_state=old,
                new_state=state,
                caller=call.caller,
                callee=call.callee,
                answered_by=call.answered_by,
            )

    def answer(self, call: LiveCall, by: str, epoch: float) -> None:
        """A 2xx has been sent."""
        call.state = "answered"
        call.answered_at = epoch
        call.answered_by = by
        self.touch(call)
        ring_ms = _milliseconds(call.ringing_at, epoch)
        self.tell(E_CALL_ANSWERED, call, **call.parties, answered_by=by, ring_ms=ring_ms)
        self.dialog(call, "confirmed")
        if call.hangup_by:
            self.end(call, "answered", epoch)
            return
        self._talking[call.uid] = call
        if len(self._talking) > self._max_calls:
            self.end(next(iter(self._talking.values())), "lost", epoch)
        self._find_oldest()

    def fail(self, call: LiveCall, status: int, origin: str, epoch: float) -> None:
        """A final response other than 2xx has been sent."""
        call.code = status
        self.end(call, how_it_ended(status, origin, rang=bool(call.ringing_at)), epoch)

    def end(self, call: LiveCall, reason: str, epoch: float) -> None:
        """The call is over; only the first word about it counts."""
        if call.is_over:
            return
        call.is_over = True
        call.state = "ended"
        call.reason = reason
        call.ended_at = epoch
        self.touch(call)
        key = (call.call_id, call.from_tag)
        calls = self._by_dialog[key]
        calls.remove(call)
        if not calls:
            del self._by_dialog[key]
        if self._talking.pop(call.uid, None) is not None:
            self._find_oldest()

    def end_all(self, reason: str, epoch: float) -> None:
        """End every call."""
        for calls in list(self._by_dialog.values()):
            for call in calls[:]:
                self.end(call, reason, epoch)

    def lose_the_silent(self, epoch: float) -> None:
        """End calls that were answered so long ago that their BYE must have passed elsewhere."""
        while self.oldest_ends_at <= epoch:
            self.end(next(iter(self._talking.values())), "lost", epoch)

    def drain(self) -> Changes | None:
        """Return what has happened since the last time, None when nothing has."""
        if not (self._changed or self._events):
            return None
        changed, self._changed = self._changed, []
        states = []
        for call in changed:
            call.is_changed = False
            state = call.freeze(self._worker)
            if call.is_over:
                self._write_up(call, state)
            else:
                states.append(state)
        records, self._records = self._records, []
        events, self._events = self._events, []
        return Changes(states, [record.uid for record in records], records, events)

    def _write_up(self, call: LiveCall, record: CallRecord) -> None:
        call.is_recorded = True
        self._records.append(record)
        if record.reason in MISSED and not record.answered_at:
            ring_ms = _milliseconds(record.ringing_at, record.ended_at)
            self.tell(E_CALL_MISSED, call, **call.parties, final=record.code, reason=record.reason, ring_ms=ring_ms)
        self._events.append((*ended_event(record), call.uid, call.tx))
        self.dialog(call, "deleted")

    def _find_oldest(self) -> None:
        for call in self._talking.values():
            self.oldest_ends_at = call.answered_at + self._max_call_seconds
            return
        self.oldest_ends_at = _NEVER


def ended_event(record: CallRecord) -> tuple[str, Mapping[str, Any]]:
    """Name and attributes of the last event about a call."""
    return E_CALL_ENDED, {
        "caller": record.caller,
        "callee": record.callee,
        "callid": record.call_id,
        "final": record.code,
        "reason": record.reason,
        "answered_by": record.answered_by,
        "ring_ms": _milliseconds(record.ringing_at, record.answered_at or record.ended_at),
        "talk_ms": _milliseconds(record.answered_at, record.ended_at),
    }


def _milliseconds(since: float, until: float) -> int:
    """Zero when it never began, or when the clock was set back meanwhile."""
    return max(0, round((until - since) * 1000)) if since else 0
