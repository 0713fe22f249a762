"""Which sibling a message is for, and what is done when that cannot be read in it.

A response and a request within a dialog name the worker that has charge of them (`proxy.ownership`). A CANCEL, an ACK to a refusal and a
retransmission do not: they come from where their request came from, so the kernel gives them to the same worker, until one dies
or comes and it spreads the addresses anew. For as long as that may matter, a worker that does not know the transaction of
such a message passes it round; whoever knows it keeps it, and one that nobody knows comes back.

The order of messages is kept: what one peer sends takes one way, and what is sent through a sibling goes the same way as
what was sent before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..contract.flow import Flow
from ..errors import MalformedMessage
from ..proxy.ownership import owner_of
from ..syntax import Request, parse_message
from .frames import CLOSED, RECEIVED, SEND, UNSENT, WHOSE, Frame, pack, unpack

if TYPE_CHECKING:
    from ..proxy.core import ProxyCore
    from ..syntax import Response

__all__ = ["Errand", "Handover"]

log = logging.getLogger("sipcore.siblings")

RETRANSMISSION_SECONDS = 32.0  # 64*T1: as long as a request may be repeated, a new one may be an old one
CALL_SECONDS = 332.0  # the longest hold and 64*T1: as long as an INVITE may be cancelled, or its refusal acknowledged


class Errand(NamedTuple):
    """What a sibling had us send; named as the transaction of it, so that it can be told when it does not go."""

    sibling: str
    data: bytes
    flow: Flow


class Worker(Protocol):
    """What the hand-over needs of the driver."""

    core: ProxyCore

    def message_received(self, message: Request | Response, flow: Flow) -> None: ...
    def flow_closed(self, flow: Flow) -> None: ...
    def transport_failed(self, transaction: Any) -> None: ...
    def touched(self) -> None: ...


class Handover:
    """One worker among its siblings."""

    def __init__(
        self,
        name: str,
        driver: Worker,
        *,
        post: Callable[[str, bytes], bool],
        send: Callable[[bytes, Flow, Any], None],
        clock: Callable[[], float],
    ) -> None:
        """`post` sends a frame to a sibling, in order, and says whether it could; `send` sends over a flow of our own."""
        self._name = name
        self._driver = driver
        self._post = post
        self._send = send
        self._clock = clock
        self._runs: dict[str, str] = {}
        "By name, how the names of a sibling's connections begin."
        self._holders: dict[str, str] = {}
        "The other way round."
        self._changed_at = float("-inf")
        self.passed_on = 0
        "Messages that were another's."
        self.lost = 0
        "Messages that could not be passed on: the sibling does not read."

    @property
    def siblings(self) -> frozenset[str]:
        """Those that live."""
        return frozenset(self._runs)

    # from the network

    def message_received(self, message: Request | Response, flow: Flow) -> None:
        """Take in a message that has come to this worker."""
        if self._runs:
            try:
                owner = owner_of(message)
                if owner in self._runs:
                    self._pass(owner, pack(RECEIVED, flow, message.raw))
                    return
                if not owner and isinstance(message, Request) and self._may_be_anothers(message, flow):
                    self._ask(message.raw, flow, (self._name, *sorted(self._runs)))
                    return
            except MalformedMessage:
                pass  # it is answered where it is
        self._driver.message_received(message, flow)

    def connection_closed(self, flow: Flow) -> None:
        """A connection of ours is gone: tell those that may have branches over it."""
        for sibling in self._runs:
            self._post(sibling, pack(CLOSED, flow))

    # to the network

    def send(self, data: bytes, flow: Flow, transaction: Any) -> bool:
        """Have a message sent over a connection that is none of ours; False when no sibling holds it."""
        holder = self._holders.get(flow.connection.partition("-")[0])
        return holder is not None and self._post(holder, pack(SEND, flow, data))

    def holds(self, flow: Flow) -> bool:
        """Whether a connection belongs to a sibling that lives; that it is open is for the sibling to know."""
        return flow.connection.partition("-")[0] in self._holders

    def failed(self, errand: Errand) -> None:
        """What a sibling had us send did not go."""
        self._post(errand.sibling, pack(UNSENT, errand.flow, errand.data))

    # from siblings

    def joined(self, name: str, run: str) -> None:
        """A sibling is there."""
        self._forget(name)
        self._runs[name] = run
        self._holders[run] = name
        self._changed_at = self._clock()
        log.info("sibling %s is there", name)

    def left(self, name: str) -> None:
        """A sibling is gone, and all its connections are."""
        run = self._forget(name)
        if run is not None:
            self._changed_at = self._clock()
            log.info("sibling %s is gone", name)
            self._driver.core.connections_lost(f"{run}-", self._changed_at)
            self._driver.touched()

    def frame_received(self, sibling: str, octets: bytes) -> None:
        """Do what a sibling asks for."""
        try:
            frame = unpack(octets)
            if frame.kind == SEND:
                self._send(frame.data, frame.flow, Errand(sibling, frame.data, frame.flow))
            elif frame.kind == CLOSED:
                self._driver.flow_closed(frame.flow)
            elif frame.kind == RECEIVED:
                self._driver.message_received(parse_message(frame.data), frame.flow)
            elif frame.kind == WHOSE:
                self._asked(frame)
            elif frame.kind == UNSENT:
                self._unsent(frame)
        except (MalformedMessage, ValueError):
            log.warning("sibling %s: a frame cannot be read", sibling)

    def _asked(self, frame: Frame) -> None:
        message = parse_message(frame.data)
        assert isinstance(message, Request)  # noqa: S101 - nothing else is asked about
        if self._driver.core.layer.server_of(message) is None and self._ask(frame.data, frame.flow, frame.names):
            return
        self._driver.message_received(message, frame.flow)

    def _unsent(self, frame: Frame) -> None:
        transaction = self._driver.core.layer.sender_of(parse_message(frame.data))
        if transaction is not None:
            self._driver.transport_failed(transaction)

    def _may_be_anothers(self, request: Request, flow: Flow) -> bool:
        """Whether a sibling may have the transaction of a request that names nobody, and this worker has not."""
        since = self._clock() - self._changed_at
        if request.method in ("CANCEL", "ACK"):
            possible = since < CALL_SECONDS
        else:
            possible = since < RETRANSMISSION_SECONDS and not flow.is_reliable
        return possible and self._driver.core.layer.server_of(request) is None

    def _ask(self, data: bytes, flow: Flow, names: tuple[str, ...]) -> bool:
        """Pass a request to the next one to be asked, or back to the first; False when there is neither."""
        first, *others = names
        while others:
            sibling, *others = others
            if sibling in self._runs and self._pass(sibling, pack(WHOSE, flow, data, (first, *others))):
                return True
        return first in self._runs and self._pass(first, pack(RECEIVED, flow, data))

    def _pass(self, sibling: str, frame: bytes) -> bool:
        if self._post(sibling, frame):
            self.passed_on += 1
            return True
        self.lost += 1
        return False

    def _forget(self, name: str) -> str | None:
        run = self._runs.pop(name, None)
        if run is not None:
            del self._holders[run]
        return run
