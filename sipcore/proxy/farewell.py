"""An answer that nobody takes: a second phone's 2xx, or one that crossed the caller's CANCEL.

§16.7 has a proxy forward every 2xx and the caller hang up on the surplus. Many phones do not, so a leg stays behind
on which somebody says hello to nobody. This core says ACK and BYE in the caller's name: it has all that it takes, for
the dialog would have run through here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..syntax import Response
    from ..transaction import ClientTransaction
    from .branch import Branch
    from .core import ProxyCore
    from .ended_call import EndedCall

__all__ = ["absorb"]


def absorb(
    core: ProxyCore, branch: Branch | EndedCall, transaction: ClientTransaction, answer: Response, now: float
) -> None:
    """ACK a 2xx and hang up on it; ACK it again each time it is repeated (§13.2.2.4).

    More answers than `limits.absorbed_answers` are left to their phones, which give up by themselves.
    """
    absorbed = branch.absorbed
    if absorbed is None:
        absorbed = branch.absorbed = {}
    to = answer.header("to") or ""
    ack = absorbed.get(to)
    if ack is not None:
        core.send(ack, transaction.flow, None)
    elif len(absorbed) < core.limits.absorbed_answers:
        acknowledgement, bye = core.forwarder.farewell(transaction.request, answer, transaction.flow)
        absorbed[to] = acknowledgement.raw
        core.send(acknowledgement.raw, transaction.flow, None)
        core.layer.start_client(bye, transaction.flow, now, _NOBODY)


class _Nobody:
    """The user of a BYE whose fate is of no interest."""

    def response_received(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        pass

    def timed_out(self, transaction: ClientTransaction, now: float) -> None:
        pass

    def transport_failed(self, transaction: ClientTransaction, now: float) -> None:
        pass

    def abort(self, now: float) -> None:
        pass


_NOBODY = _Nobody()
