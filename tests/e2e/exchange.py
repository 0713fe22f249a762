"""A product and the people who use it: new ones for each test, and phones of every make for them."""

from __future__ import annotations

import contextlib
import copy
import itertools
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.machine import wait_until
from tests.support.product import ProductUnderTest, Subscriber
from tests.support.push_receiver import Push

from .clients.baresip import Baresip
from .clients.linphone import Linphone
from .clients.message import Message
from .clients.scripted import ScriptedPhone
from .clients.sipp import Sipp

__all__ = ["Batch", "Exchange", "Sleeper"]

GROUP_SIZE = 4


WAIT_FOR_DEVICES = """
import time
from pbx.push.models import PushDevice
deadline = time.monotonic() + 20
while PushDevice.objects.count() < {count}:
    assert time.monotonic() < deadline, PushDevice.objects.count()
    time.sleep(0.05)
"""


@dataclass(frozen=True)
class Sleeper:
    """Somebody with an app that can be woken."""

    who: Subscriber
    token: str
    instance: str

    def register(self, phone: ScriptedPhone) -> Message:
        """Register the app with all that makes it this device (RFC 8599, RFC 5626)."""
        push = f";pn-provider=http;pn-prid={self.token};pn-param=app"
        answer = phone.register(uri_parameters=push, parameters=f';+sip.instance="{self.instance}"')
        assert answer.status == 200, answer
        return answer

    def is_pushed(self, push: Push) -> bool:
        """Whether that push is for this device."""
        return push.json["token"] == self.token


@dataclass(frozen=True)
class Batch:
    """How many of each are made at a time: making one costs nearly as much as making them all."""

    people: int = 120
    groups: int = 14
    sleepers: int = 16


class Exchange:
    """Hands out subscribers whom no other test knows, and ends the phones that were made with `stop_phones`."""

    def __init__(self, product: ProductUnderTest, directory: Path, batch: Batch = Batch()) -> None:
        self.product = product
        self.address = (product.host, product.sip_port)
        self.server = f"{product.host}:{product.sip_port}"
        self._directory = directory
        self._batch = batch
        self._people: list[Subscriber] = []
        self._groups: list[list[Subscriber]] = []
        self._sleepers: list[Sleeper] = []
        self._known: list[Sleeper] = []
        self._names = itertools.count(1)
        self._phones = contextlib.ExitStack()

    def people(self, count: int) -> list[Subscriber]:
        """Subscribers outside of any group."""
        if len(self._people) < count:
            self._make(count)
        return [self._people.pop() for _ in range(count)]

    def person(self) -> Subscriber:
        """One of them."""
        return self.people(1)[0]

    def group(self) -> list[Subscriber]:
        """The members of a pickup group, of which each may pick the calls of the others."""
        if not self._groups:
            self._make()
        return self._groups.pop()

    def large_group(self, size: int) -> list[Subscriber]:
        """The same with as many members as wanted."""
        return self.product.new_subscribers(size, f"Large group {next(self._names)}")

    def sleeper(self) -> Sleeper:
        """Somebody whose only phone was registered once, told where pushes reach it, and is asleep."""
        if not self._sleepers:
            self._put_to_sleep(self.people(self._batch.sleepers))
        return self._sleepers.pop()

    def _put_to_sleep(self, people: list[Subscriber]) -> None:
        """Register an app for each, over TCP, and close the connection when their devices are known: as a mobile phone
        does it to an app. The bindings go with the connections."""
        sleepers = [Sleeper(who, f"token-of-{who.username}", f"<urn:uuid:{uuid.uuid4()}>") for who in people]
        apps = [self.app(sleeper, transport="tcp") for sleeper in sleepers]
        self.product.manage("shell", "--no-imports", "-c", WAIT_FOR_DEVICES.format(count=len(self._known) + len(apps)))
        self._known += sleepers
        for app in apps:
            app.close()
        for sleeper in sleepers:
            with self.scripted(sleeper.who, register=False) as other:
                wait_until(lambda other=other: not other.bindings(), 10, f"{sleeper} is still registered")
        self._sleepers += sleepers

    def app(self, sleeper: Sleeper, **wishes: Any) -> ScriptedPhone:
        """The app of a sleeper, awake: registered as the same device each time."""
        phone = self.scripted(sleeper.who, register=False, **wishes)
        sleeper.register(phone)
        return phone

    def _make(self, count: int = 0) -> None:
        groups = [
            [Subscriber.new(f"Group {name}") for _ in range(GROUP_SIZE)]
            for name in itertools.islice(self._names, self._batch.groups)
        ]
        people = [Subscriber.new() for _ in range(max(count, self._batch.people))]
        self.product.add_subscribers(*people, *itertools.chain.from_iterable(groups))
        self._people += people
        self._groups += groups

    # Phones.

    def baresip(self, who: Subscriber, **wishes: Any) -> Baresip:
        """A baresip, registered unless `register=False`."""
        return self._keep(Baresip(self._directory, who.username, who.password, self.server, **wishes))

    def linphone(self, who: Subscriber) -> Linphone:
        """A linphonec, registered."""
        phone = self._keep(Linphone(self._directory, who.username, who.password, self.server))
        phone.register()
        return phone

    def scripted(self, who: Subscriber | None = None, *, register: bool = True, **wishes: Any) -> ScriptedPhone:
        """A scripted phone of somebody, registered, or of nobody."""
        if who is None:
            return self._keep(ScriptedPhone(self.address, **wishes))
        phone = self._keep(ScriptedPhone(self.address, who.username, who.password, **wishes))
        if register:
            answer = phone.register()
            assert answer.status == 200, answer
        return phone

    def sipp(self, scenario: str, who: Subscriber, number: str = "", **wishes: Any) -> Sipp:
        """A run of a scenario that begins with a call of that subscriber's."""
        account = {"user": who.username, "password": who.password, "number": number}
        run = Sipp(self._directory, scenario, self.server, **account, **wishes)
        self._phones.callback(run.stop)
        return run

    def sipp_phone(self, scenario: str, who: Subscriber, **wishes: Any) -> Sipp:
        """A run of a scenario that begins with a call to that subscriber; his contact is where it listens."""
        with ScriptedPhone(self.address, who.username, who.password) as phone:
            answer = phone.register()
            assert answer.status == 200, answer
            port = phone.port
        run = self.sipp(scenario, who, port=port, **wishes)
        run.wait_until_listening()
        return run

    def for_one_test(self) -> Exchange:
        """The same people, with phones that end on their own."""
        mine = copy.copy(self)
        mine._phones = contextlib.ExitStack()
        return mine

    def _keep(self, phone: Any) -> Any:
        self._phones.callback(phone.stop if hasattr(phone, "stop") else phone.close)
        return phone

    def stop_phones(self) -> None:
        """End all phones made so far."""
        self._phones.close()
