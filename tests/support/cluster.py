"""Several workers of one PBX without a socket: siblings behind one port, with a kernel that spreads phones over them, and
nodes with an address each that share a store.

    with together() as cluster:
        alice, bob = cluster.phone("101", at="w1"), cluster.phone("102", at="w2", tcp=True)
        ...
        cluster.kill("w1")

What is said between siblings takes time like everything else, arrives in order, and is lost with the one it was for.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sipcore.contract.flow import Flow
from sipcore.driver import Driver
from sipcore.proxy.core import Outbound
from sipcore.siblings import Errand, Handover
from sipcore.syntax import Request, parse_message, with_via_received
from sipcore.testing import Phone, World
from sipcore.testing.world import LATENCY, SERVER, running

__all__ = ["Cluster", "together"]

OTHER_NODE = Flow("udp", "192.0.2.2", 5060)
HAND_OVER = 0.00002
CALM = 1000.0  # seconds after which siblings no longer ask one another about requests from before the last of them came


@contextmanager
def together(workers: int = 2, others: int = 0, *, settles: bool = True, **settings: Any) -> Iterator[Cluster]:
    """Several workers, and others of a second node, in virtual time."""
    with running(lambda runner: Cluster(runner, workers, others, **settings), settles=settles) as cluster:
        cluster.advance(CALM)
        yield cluster


class Worker:
    """One of them."""

    def __init__(self, cluster: Cluster, name: str, address: Flow) -> None:
        self.cluster = cluster
        self.name = name
        self.run = f"{name}run"
        self.address = address
        self.driver: Driver = cluster.assemble(name, address, self.send, is_shared=True)
        self.handover = Handover(
            name,
            self.driver,
            post=self._post,
            send=lambda data, flow, transaction: self.send(Outbound(data, flow, transaction)),
            clock=cluster.loop.time,
        )
        self.connections: set[str] = set()
        self._numbers = itertools.count(1)

    def connect(self) -> str:
        """Accept a connection and return its name."""
        name = f"{self.run}-{next(self._numbers)}"
        self.connections.add(name)
        self.cluster.connections.add(name)
        return name

    def receive(self, data: bytes, flow: Flow) -> None:
        """A message from the network."""
        message = parse_message(data)
        if isinstance(message, Request):
            message = with_via_received(message, flow.host, flow.port)
        self.handover.message_received(message, flow)
        self.driver.pump()

    def send(self, outbound: Outbound) -> None:
        """A message to the network, as the transports do it."""
        data, flow, transaction = outbound
        if self.name not in self.cluster.workers:
            return  # dead men tell no tales
        if flow.connection and flow.connection not in self.connections:
            if not self.handover.send(data, flow, transaction):
                self.cluster.loop.call_soon(self._failed, transaction)
            return
        self.cluster.carry(self, data, flow)

    def _failed(self, transaction: Any) -> None:
        if isinstance(transaction, Errand):
            self.handover.failed(transaction)
        elif transaction is not None:
            self.driver.transport_failed(transaction)

    def _post(self, name: str, frame: bytes) -> bool:
        if self.name not in self.cluster.workers:
            return False
        self.cluster.frames.append((self.name, name, frame.split(b" ", 1)[0].decode()))
        self.cluster.loop.call_later(HAND_OVER, self.cluster.hand_over, self.name, name, frame)
        return True


class Cluster(World):
    """Workers by name: w1, w2, ... of the first node, b1, b2, ... of the second."""

    def __init__(self, runner: asyncio.Runner, workers: int, others: int = 0, **settings: Any) -> None:
        self.workers: dict[str, Worker] = {}
        self.frames: list[tuple[str, str, str]] = []
        "What siblings have said so far: from whom, to whom, and the kind."
        self._serves: dict[tuple[str, int], str] = {}
        super().__init__(runner, **settings)
        self.store.buses.clear()
        for number in range(1, workers + 1):
            self._start(f"w{number}", SERVER)
        for number in range(1, others + 1):
            self._start(f"b{number}", OTHER_NODE)

    def start(self, name: str, address: Flow = SERVER) -> Worker:
        """Start a worker; those behind its port are its siblings."""
        return self.do(self._start, name, address)

    def _start(self, name: str, address: Flow) -> Worker:
        worker = self.workers[name] = Worker(self, name, address)
        for other in list(self.workers.values()):
            if other is not worker and other.address == address:
                other.handover.joined(name, worker.run)
                worker.handover.joined(other.name, other.run)
        if name == "w1":
            self.driver = worker.driver
        return worker

    def kill(self, name: str) -> None:
        """End a worker at once: it sends nothing more, and what was on its way to it is lost."""
        dead = self.workers.pop(name)
        self.store.buses.pop(name)
        self.connections -= dead.connections
        for phone in self.phones.values():
            if phone.flow.connection in dead.connections:
                phone.flow = phone.flow._replace(connection="closed")
        for other in self.workers.values():
            if name in other.handover.siblings:
                self.loop.call_later(HAND_OVER, other.handover.left, name)

    @property
    def drivers(self) -> list[Driver]:
        return [worker.driver for worker in self.workers.values()]

    def phone(self, user: str, at: str = "w1", **options: Any) -> Phone:
        """A phone whose messages come to that worker."""
        return super().phone(user, at=at, **options)

    def new_phone(self, user: str, *, at: str = "w1", tcp: bool = False, **options: Any) -> Phone:
        phone = super().new_phone(user, **options)
        self.spread(phone, at)
        if tcp:
            phone.flow = phone.flow._replace(transport="tcp", connection=self.workers[at].connect())
        return phone

    def spread(self, phone: Phone, at: str) -> None:
        """From now on the kernel gives what this phone sends to that worker."""
        self._serves[phone.flow.host, phone.flow.port] = at

    def disconnect(self, phone: Phone) -> None:
        """Close the connection of a phone."""
        worker = next(each for each in self.workers.values() if phone.flow.connection in each.connections)
        worker.connections.discard(phone.flow.connection)
        self.connections.discard(phone.flow.connection)
        worker.driver.flow_closed(phone.flow)
        worker.handover.connection_closed(phone.flow)

    def to_server(self, data: bytes, flow: Flow, sender: str) -> None:
        self.ladder.sent(self.now, f"{sender} -> {self._serves[flow.host, flow.port]}", data)
        if not self.dropped(data, flow):
            self.loop.call_later(LATENCY, self._arrives, data, flow)

    def _arrives(self, data: bytes, flow: Flow) -> None:
        worker = self.workers.get(self._serves[flow.host, flow.port])
        if worker is not None and (not flow.connection or flow.connection in worker.connections):
            worker.receive(data, flow)

    def carry(self, worker: Worker, data: bytes, flow: Flow) -> None:
        """What a worker sends arrives at a phone."""
        self.ladder.sent(self.now, f"{worker.name} -> {flow.host}", data)
        if self.dropped(data, flow):
            return
        there = [each for each in self.workers.values() if (flow.host, flow.port) == each.address[1:3]]
        if there:  # another node; what it gets from this one comes to one of its workers
            self.loop.call_later(LATENCY, there[0].receive, data, worker.address)
            return
        phone = self.phones.get((flow.host, flow.port))
        if phone is not None:
            self.loop.call_later(LATENCY, phone.receive, data)

    def hand_over(self, sender: str, name: str, frame: bytes) -> None:
        """What a sibling said arrives."""
        worker = self.workers.get(name)
        if worker is not None:
            worker.handover.frame_received(sender, frame)
            worker.driver.pump()

    def told(self, kind: str) -> list[tuple[str, str]]:
        """From whom to whom frames of that kind have gone."""
        return [(sender, receiver) for sender, receiver, of in self.frames if of == kind]
