"""A network of lists for a core that does no I/O: what it sends is kept here until the test delivers or loses it.

    network = Network()
    layer = TransactionLayer(user, network.send, timers, queue)      # a room that is given a `send`
    network.collect(core.messages_to_send())                         # a core that hands out what is to be sent

    assert network.summary() == ["100 > 192.0.2.1", "INVITE > 192.0.2.2"]
    for sent in network.take(): ...                                  # delivered: the network is empty again

Loss, duplication and reordering are list operations on what is in flight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sipcore.contract.flow import Flow
from sipcore.syntax import Request, Response, parse_message

__all__ = ["Network", "Sent"]


@dataclass(frozen=True)
class Sent:
    """One message on its way."""

    data: bytes = field(repr=False)
    flow: Flow
    "Where it goes, as the sender sees it."
    transaction: Any = field(default=None, repr=False, compare=False)

    @property
    def message(self) -> Request | Response:
        """The message, parsed anew each time, as its receiver would."""
        return parse_message(self.data)

    @property
    def kind(self) -> str:
        """The method of a request, the status of a response, as text."""
        first = self.data.split(b" ", 2)
        return (first[1] if first[0] == b"SIP/2.0" else first[0]).decode()

    def __str__(self) -> str:
        return f"{self.kind} > {self.flow.host}"


class Network:
    """What has been sent and has not arrived."""

    def __init__(self) -> None:
        self.in_flight: list[Sent] = []

    def send(self, data: bytes, flow: Flow, transaction: Any = None) -> None:
        """Put one message on its way."""
        self.in_flight.append(Sent(data, flow, transaction))

    def collect(self, messages: Iterable[tuple[bytes, Flow, Any]]) -> None:
        """Put what a core hands out on its way."""
        for data, flow, transaction in messages:
            self.send(data, flow, transaction)

    def summary(self) -> list[str]:
        """What is in flight, each as `INVITE > 192.0.2.2` or `180 > 192.0.2.1`, in the order sent."""
        return [str(sent) for sent in self.in_flight]

    def take(self, where: Callable[[Sent], bool] | None = None) -> list[Sent]:
        """Take what is in flight, or of it what `where` says; the rest stays."""
        taken = [sent for sent in self.in_flight if where is None or where(sent)]
        self.in_flight = [] if where is None else [sent for sent in self.in_flight if not where(sent)]
        return taken

    def take_to(self, flow: Flow) -> list[Sent]:
        """Take what is for one peer."""
        return self.take(lambda sent: sent.flow == flow)

    def take_one(self) -> Sent:
        """Take the only message in flight. Fails when there is none, or another."""
        assert len(self.in_flight) == 1, f"in flight: {self.summary()}"
        return self.take()[0]

    def lose(self, where: Callable[[Sent], bool] | None = None) -> int:
        """Lose what is in flight, or of it what `where` says, and return how many that were."""
        return len(self.take(where))

    def duplicate(self) -> None:
        """Have everything in flight arrive twice, the copies last."""
        self.in_flight = self.in_flight * 2

    def reorder(self, random: Random) -> None:
        """Shuffle what is in flight, the same way for the same seed."""
        random.shuffle(self.in_flight)
