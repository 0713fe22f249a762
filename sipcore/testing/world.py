"""The world of one test: a worker with a routing script, its phones, and everything that was said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from .. import routes
from ..assembly import Ports, assemble, make_edge
from ..contract.calls import CallRecord
from ..contract.credentials import ha1
from ..contract.directory import PickupGroupRecord, SubscriberRecord
from ..contract.events import E_PUSH_SUPPRESSED, E_SCRIPT_ERROR, E_SUB_FAILED, Event
from ..contract.flow import Flow
from ..contract.jobs import SEND_WAKEUP, Job
from ..contract.location import Binding
from ..contract.records import replace
from ..driver import Driver
from ..ebr import compile_conditions
from ..ebr.routing import DURABLE
from ..proxy.core import Outbound
from ..script.custom_events import declared_for_a_while
from ..script.loader import load_script
from ..script.settings import ScriptSettings
from ..store.memory import (
    MemoryCallBoard,
    MemoryDirectory,
    MemoryDurables,
    MemoryEventBus,
    MemoryLocation,
    MemoryStore,
)
from ..syntax import Request, parse_message, with_via_received
from .clock import VirtualLoop
from .ladder import Ladder
from .phone import Phone

__all__ = ["DOMAIN", "MOMENT", "SHIPPED", "World", "pbx", "running"]

T = TypeVar("T")
W = TypeVar("W", bound="World")

DOMAIN = "pbx.example"
SERVER = Flow("udp", "192.0.2.1", 5060)
LATENCY = 0.001  # seconds, one way
MOMENT = 0.1  # seconds that each word of a phone takes, so that what it leads to has happened when it returns
LONGEST = 400.0  # seconds after which no transaction, hold or timer of a call may be left
EPOCH = 1_800_000_000.0  # the wall clock when the virtual one stands at 0
SHIPPED = Path(routes.__file__).parent / "pbx.py"
USERS = ("101", "102", "103", "104", "105")


@contextmanager
def pbx(script: str | Path = SHIPPED, *, may_fail: bool = False, **settings: Any) -> Iterator[World]:
    """Run a PBX with this script, on a clock that stands still between the words of the test.

    Raises ScriptError when the script does not load. At the end time runs on until nothing can be left, and an
    AssertionError names what is; unless `may_fail`, so does one for each failure of the script. To what fails in
    the `with` the ladder of messages and events is added. Other arguments are those of `World`.
    """
    with running(lambda runner: World(runner, Path(script), **settings), may_fail=may_fail) as world:
        yield world


@contextmanager
def running(make: Callable[[asyncio.Runner], W], *, may_fail: bool = False, settles: bool = True) -> Iterator[W]:
    """Run the world that `make` makes, for `pbx` and for worlds of another kind. Without `settles` it just ends."""
    with declared_for_a_while(), asyncio.Runner(loop_factory=VirtualLoop) as runner:

        async def made() -> W:
            return make(runner)

        world = runner.run(made())
        try:
            yield world
            if settles:
                world.settle()
            if world.errors and not may_fail:
                raise AssertionError(f"the script failed: {'; '.join(world.errors)}")
        except Exception as error:
            error.add_note(str(world.ladder))
            raise


class World:
    """One worker, its phones, and everything that was said. Make it with `pbx`.

    `moment` is how many seconds each word of a phone takes; 0 is for tests of what crosses on the wire. Other
    `settings` are those of the script: `wake_seconds`, `ring_seconds`, `hold`, `pickup_codes` …
    """

    def __init__(
        self,
        runner: asyncio.Runner,
        script: Path = SHIPPED,
        *,
        moment: float = MOMENT,
        global_decline: bool = False,
        push_providers: tuple[str, ...] = ("http",),
        **settings: Any,
    ) -> None:
        self._runner = runner
        self.loop = asyncio.get_running_loop()
        self.moment = moment
        self.phones: dict[tuple[str, int], Phone] = {}
        self.dropped: Callable[[bytes, Flow], bool] = lambda data, flow: False
        "Says which datagrams the network loses."
        self._next_host = 10
        self.settings = ScriptSettings(domains=(DOMAIN, "other.example"), **settings)
        self.store = MemoryStore(self.epoch)
        self.submitted: list[Job] = []
        "Everything that was handed to Celery."
        self.ladder = Ladder(self.loop.time(), self.epoch(), self.store.events)
        "`print(world.ladder)`: every message and event so far, with its time."
        self.locations: dict[str, MemoryLocation] = {}
        self._assemble = partial(
            assemble, routes=load_script(script), global_decline=global_decline, push_providers=push_providers
        )
        self.connections: set[str] = set()
        self._connections = 0
        self.driver = self.assemble("w1", SERVER, self._from_server)
        for user in USERS:
            self.subscriber(user)

    def assemble(
        self, name: str, address: Flow, send: Callable[[Outbound], None], *, is_shared: bool = False
    ) -> Driver:
        """A worker on this world's store, which listens at `address`."""
        location = self.locations[name] = MemoryLocation(self.store, name)
        bus = MemoryEventBus(self.store, name, compile_conditions, lambda id, event: driver.routing.deliver(id, event))
        driver = self._assemble(
            worker=name,
            edge=make_edge(
                name, {"udp": (address.host, address.port)}, self.settings.domains, b"s" * 32, is_shared=is_shared
            ),
            settings=self.settings,
            ports=Ports(
                location,
                MemoryDirectory(self.store),
                bus,
                MemoryCallBoard(self.store),
                self,
                MemoryDurables(self.store),
            ),
            send=send,
            secret=b"n" * 32,
            epoch=self.epoch,
            aliases=frozenset({"localhost", address.host}),
            is_connected=lambda flow: flow.connection in self.connections,
            socket_of=lambda flow: f"{flow.transport}:{address.host}:{address.port}",
        )
        return driver

    @property
    def drivers(self) -> list[Driver]:
        """Every worker."""
        return [self.driver]

    @property
    def location(self) -> MemoryLocation:
        """The location service of the first worker."""
        return self.locations["w1"]

    # Who is there.

    def subscriber(self, user: str, domain: str = DOMAIN, **fields: Any) -> SubscriberRecord:
        """Publish a subscriber, in place of the one there was; the password is `pw-<user>`. 101 to 105 are there."""
        hashes = {name: ha1(name, user, DOMAIN, f"pw-{user}") for name in ("MD5", "SHA-256")}
        record = SubscriberRecord(f"{user}@{domain}", user, DOMAIN, hashes, **fields)
        self.store.subscribers[record.aor] = record
        return record

    def group(self, group: str, members: tuple[str, ...], interceptors: tuple[str, ...], **fields: Any) -> None:
        """Publish a pickup group, its members, and those who may pick their calls up."""
        self.store.groups[group] = PickupGroupRecord(group, group, **fields)
        for user in {*members, *interceptors}:
            self.subscriber(
                user,
                pickup_groups=(group,) if user in members else (),
                may_pick=(group,) if user in interceptors else (),
            )

    def phone(self, user: str, *, registered: bool = True, asleep: bool = False, **options: Any) -> Phone:
        """A phone of a subscriber, at an address of its own; registered, unless told otherwise.

        One that is `asleep` is not registered but can be woken by a push: its subscriber has a push device more. Who is
        not a subscriber yet becomes one, unless the phone is neither. `options` are `instance` and `domain`.
        """
        phone = self.new_phone(user, **options)
        known = self.store.subscribers.get(phone.aor)
        if known is None and (registered or asleep):
            known = self.subscriber(user, phone.domain)
        if asleep and known is not None:
            self.store.subscribers[phone.aor] = replace(known, push_devices=known.push_devices + 1)
            phone.reacts = False
        elif registered:
            answer = phone.register()
            if answer.status != 200:
                raise AssertionError(f"the REGISTER of {user} was answered {answer.status} {answer.reason}")
        return phone

    def new_phone(self, user: str, **options: Any) -> Phone:
        """A phone at an address of its own that has not said anything yet."""
        self._next_host += 1
        phone = Phone(self, user, Flow("udp", f"198.51.100.{self._next_host}", 5060), **options)
        self.phones[phone.flow.host, phone.flow.port] = phone
        return phone

    def moved(self, phone: Phone, port: int) -> None:
        """The phone now speaks from another port."""
        self.phones.pop((phone.flow.host, phone.flow.port))
        phone.flow = phone.flow._replace(port=port)
        self.phones[phone.flow.host, phone.flow.port] = phone

    def connect(self, phone: Phone) -> None:
        """The phone now speaks over a connection of its own, a new one each time."""
        self._connections += 1
        connection = f"w1-{self._connections}"
        self.connections.add(connection)
        self.moved(phone, 40_000 + self._connections)
        phone.flow = phone.flow._replace(transport="tcp", connection=connection)

    def disconnect(self, phone: Phone) -> None:
        """Its connection closes."""
        self.connections.discard(phone.flow.connection)
        self.driver.flow_closed(phone.flow)
        self.advance(self.moment)

    def bindings(self, phone: Phone) -> tuple[Binding, ...]:
        """Where the phones of that phone's subscriber are registered."""
        return self.run(self.location.lookup(phone.aor))

    # Time.

    @property
    def now(self) -> float:
        """The clock, in seconds. It moves when `advance` says so, and by a moment for each word of a phone."""
        return self.loop.time()

    def epoch(self) -> float:
        """The wall clock, which goes with the other one."""
        return EPOCH + self.loop.time()

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass, and everything happen that happens in them."""
        self.run(asyncio.sleep(seconds))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Let time pass until this coroutine has ended, and return its result."""
        return self._runner.run(coroutine)

    def do(self, step: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Call a function as the worker would, in its loop, and let what it leads to happen."""

        async def turn() -> T:
            result = step(*arguments, **named)
            self.driver.pump()
            return result

        result = self.run(turn())
        self.advance(self.moment)
        return result

    def settle(self) -> None:
        """Have those who talk hang up, let every transaction and timer run out, and check that nothing is left."""
        for phone in self.phones.values():
            phone.hang_up()
        self.advance(LONGEST)
        for driver in self.drivers:
            self.do(driver.pump)
        left = {
            "requests": sum(driver.core.open_requests for driver in self.drivers),
            "branches": sum(driver.core.open_branches for driver in self.drivers),
            "subscriptions": sum(
                each.record.bind != DURABLE for driver in self.drivers for each in driver.routing.live()
            ),
            "calls on the board": len(self.store.calls),
        }
        left = {name: count for name, count in left.items() if count}
        if left:
            raise AssertionError(f"left over {LONGEST:.0f} s after the end: {left}")

    # What was said.

    @property
    def events(self) -> list[Event]:
        """Everything that was raised, in order."""
        return list(self.store.events)

    def named(self, name: str) -> list[Event]:
        """The events of that name, in order."""
        return [event for event in self.store.events if event.name == name]

    def names(self, *prefixes: str) -> list[str]:
        """The names of all events so far that begin like one of these, in order."""
        return [event.name for event in self.store.events if event.name.startswith(prefixes)]

    @property
    def errors(self) -> list[str]:
        """The failures of the script so far: where, and what."""
        faults = [event for event in self.store.events if event.name in (E_SCRIPT_ERROR, E_SUB_FAILED)]
        return [f"{event.script}, line {event.line}: {event.error}" for event in faults]

    @property
    def records(self) -> list[CallRecord]:
        """The records of calls that are over."""
        return self.store.records

    @property
    def pushes(self) -> list[dict[str, Any]]:
        """The wake-ups that were asked for."""
        return [dict(job.kwargs) for job in self.submitted if job.name == SEND_WAKEUP]

    def raise_event(self, name: str, /, *, call_uid: str = "", **attributes: Any) -> Event:
        """Raise an event, as if another part of the product had."""
        return self.do(self.driver.routing.raise_event, name, attributes, call_uid=call_uid)

    def push_result(self, name: str, device: str = "m1", **attributes: Any) -> Event:
        """Say what became of the latest push: E_PUSH_SENT, E_PUSH_FAILED or E_PUSH_SUPPRESSED, as the push task does."""
        wakeup = self.pushes[-1]
        known = {"aor": wakeup["aor"], "device": device, "provider": "http"}
        if name != E_PUSH_SUPPRESSED:
            known |= {"kind": "call", "status": 0, "ms": 5}
        return self.raise_event(name, call_uid=wakeup["call_uid"], **{**known, **attributes})

    # The world outside of the worker.

    def submit(self, job: Job) -> bool:
        """Take a job, instead of Celery; a push reaches the phones that are asleep."""
        self.submitted.append(job)
        if job.name == SEND_WAKEUP:
            for phone in self.phones.values():
                if phone.aor == job.kwargs["aor"]:
                    phone.pushed()
        return True

    def to_server(self, data: bytes, flow: Flow, sender: str) -> None:
        """A phone puts a datagram on the wire."""
        self.ladder.sent(self.loop.time(), f"{sender} -> pbx", data)
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
        self.ladder.sent(self.loop.time(), f"pbx -> {phone.user if phone else outbound.flow.host}", outbound.data)
        if phone is not None and not self.dropped(outbound.data, outbound.flow):
            self.loop.call_later(LATENCY, phone.receive, outbound.data)
