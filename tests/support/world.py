"""A whole PBX without a socket: the shipped script on the real core, phones made of lists, and a clock that jumps.

    async def story(world):
        alice, bob = world.phone("101"), world.phone("102")
        await alice.register()
        call = alice.call("102")
        ...

Only the world outside is fake: network, clock, push provider (the recorded jobs). Nothing of the product is mocked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import sipcore.routes
from sipcore.assembly import Ports, assemble, make_edge
from sipcore.contract.credentials import ha1
from sipcore.contract.directory import PickupGroupRecord, SubscriberRecord
from sipcore.contract.events import Event
from sipcore.contract.flow import Flow
from sipcore.contract.jobs import SEND_WAKEUP, Job
from sipcore.driver import Driver
from sipcore.ebr import compile_conditions
from sipcore.proxy.core import Outbound
from sipcore.script.loader import load_script
from sipcore.script.settings import ScriptSettings
from sipcore.store.memory import MemoryCallBoard, MemoryDirectory, MemoryEventBus, MemoryLocation, MemoryStore
from sipcore.syntax import Request, parse_message, with_via_received

from .clock import run
from .phone import DOMAIN, Phone

__all__ = ["DOMAIN", "Phone", "World", "play"]

SERVER = Flow("udp", "192.0.2.1", 5060)
LATENCY = 0.001
SHIPPED = Path(sipcore.routes.__file__).parent / "pbx.py"


def play(story: Callable[[World], Awaitable[None]], **settings: Any) -> World:
    """Run a story in a world of its own, in virtual time, and return that world."""
    worlds: list[World] = []

    async def main() -> None:
        world = World(**settings)
        worlds.append(world)
        await story(world)
        await world.settle()

    run(main())
    return worlds[0]


class World:
    """One worker, its phones, and everything that was said."""

    def __init__(
        self,
        script: Path = SHIPPED,
        global_decline: bool = False,
        push_providers: tuple[str, ...] = (),
        **settings: Any,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.phones: dict[tuple[str, int], Phone] = {}
        self.dropped: Callable[[bytes, Flow], bool] = lambda data, flow: False
        "Say which datagrams the network loses."
        self._next_host = 10
        self.settings = ScriptSettings(domains=(DOMAIN, "other.example"), **settings)
        self.store = MemoryStore(self.epoch)
        self.submitted: list[Job] = []
        self.locations: dict[str, MemoryLocation] = {}
        self._assembled = {
            "routes": load_script(script),
            "global_decline": global_decline,
            "push_providers": push_providers,
        }
        self.connections: set[str] = set()
        self.driver = self.assemble("w1", SERVER, self._from_server)
        for user in ("101", "102", "103", "104", "105"):
            self.subscriber(user)

    def assemble(
        self, name: str, address: Flow, send: Callable[[Outbound], None], *, is_shared: bool = False
    ) -> Driver:
        """A worker on this world's store, which listens at `address`."""
        location = self.locations[name] = MemoryLocation(self.store, name)
        bus = MemoryEventBus(self.store, name, compile_conditions, lambda id, event: driver.routing.deliver(id, event))
        driver = assemble(
            worker=name,
            edge=make_edge(
                name, {"udp": (address.host, address.port)}, self.settings.domains, b"s" * 32, is_shared=is_shared
            ),
            settings=self.settings,
            ports=Ports(location, MemoryDirectory(self.store), bus, MemoryCallBoard(self.store), self),
            send=send,
            secret=b"n" * 32,
            epoch=self.epoch,
            aliases=frozenset({"localhost", address.host}),
            is_connected=lambda flow: flow.connection in self.connections,
            socket_of=lambda flow: f"{flow.transport}:{address.host}:{address.port}",
            **self._assembled,
        )
        return driver

    def epoch(self) -> float:
        """The wall clock, which goes with the virtual one."""
        return 1_800_000_000.0 + self.loop.time()

    @property
    def location(self) -> MemoryLocation:
        """The location service of the first worker."""
        return self.locations["w1"]

    @property
    def core(self) -> Any:
        """The proxy core."""
        return self.driver.core

    def subscriber(self, user: str, domain: str = DOMAIN, **fields: Any) -> SubscriberRecord:
        """Publish a subscriber; the password is `pw-<user>`."""
        hashes = {name: ha1(name, user, DOMAIN, f"pw-{user}") for name in ("MD5", "SHA-256")}
        record = SubscriberRecord(f"{user}@{domain}", user, DOMAIN, hashes, **fields)
        self.store.subscribers[record.aor] = record
        return record

    def group(self, group: str, members: tuple[str, ...], interceptors: tuple[str, ...], **fields: Any) -> None:
        """Publish a pickup group and the subscribers in it."""
        self.store.groups[group] = PickupGroupRecord(group, group, **fields)
        for user in {*members, *interceptors}:
            self.subscriber(
                user,
                pickup_groups=(group,) if user in members else (),
                may_pick=(group,) if user in interceptors else (),
            )

    def phone(self, user: str, **options: Any) -> Phone:
        """A phone of a subscriber, at an address of its own, not registered yet."""
        self._next_host += 1
        phone = Phone(self, user, Flow("udp", f"198.51.100.{self._next_host}", 5060), **options)
        self.phones[phone.flow.host, phone.flow.port] = phone
        return phone

    def moved(self, phone: Phone, port: int) -> None:
        """The phone now speaks from another port."""
        self.phones.pop((phone.flow.host, phone.flow.port))
        phone.flow = phone.flow._replace(port=port)
        self.phones[phone.flow.host, phone.flow.port] = phone

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def settle(self) -> None:
        """Let every transaction and timer run out, and check that nothing is left."""
        await asyncio.sleep(400)
        self.driver.pump()
        left = (self.core.open_requests, self.core.open_branches, self.driver.routing.count)
        assert left == (0, 0, 0), f"left over: requests, branches, subscriptions = {left}"
        assert not self.store.calls, "calls left on the board"

    @property
    def events(self) -> list[Event]:
        """Everything that was raised, in order."""
        return list(self.store.events)

    def submit(self, job: Job) -> bool:
        """Take a job, instead of Celery."""
        self.submitted.append(job)
        return True

    @property
    def pushes(self) -> list[dict[str, Any]]:
        """The wake-ups that were asked for."""
        return [dict(job.kwargs) for job in self.submitted if job.name == SEND_WAKEUP]

    def named(self, name: str) -> list[Event]:
        """The events of that name, in order."""
        return [event for event in self.store.events if event.name == name]

    def to_server(self, data: bytes, flow: Flow) -> None:
        """A phone puts a datagram on the wire."""
        if not self.dropped(data, flow):
            self.loop.call_later(LATENCY, self._arrive, data, flow)

    def _arrive(self, data: bytes, flow: Flow) -> None:
        message = parse_message(data)
        if isinstance(message, Request):
            message = with_via_received(message, flow.host, flow.port)
        self.driver.message_received(message, flow)
        self.driver.pump()

    def _from_server(self, outbound: Outbound) -> None:
        phone = self.phones.get((outbound.flow.host, outbound.flow.port))
        if phone is not None and not self.dropped(outbound.data, outbound.flow):
            self.loop.call_later(LATENCY, phone.receive, outbound.data)
