"""From an INVITE for a sleeping phone to the push request at the provider: the whole product, started for this.

    python -m benchmarks.wake [calls]

The clock starts when the caller sends his INVITE with credentials and stops when the provider has read the push: SIP worker, call
board, Celery, Postgres and HTTP lie between. The second line is about phones that have a binding and stay silent;
they get RING_SECONDS more. The third has calls to as many sleeping phones begin at a steady rate, while the provider
takes its time to answer, as real ones do; none may be lost.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.clients.scripted import ScriptedPhone
from tests.support.product import ProductUnderTest, Subscriber
from tests.support.push_receiver import Push

PAUSE = 0.3  # seconds between two calls: this is about latency
RATE = 50  # calls a second of the burst
BURST_SECONDS = 4
ANSWER_SECONDS = 0.2  # that the provider takes to answer in the burst
LATEST = 10.0  # seconds after the last call in which a push still counts as late rather than lost


def _give_devices(product: ProductUnderTest, subscribers: list[Subscriber], instances: list[str]) -> None:
    code = "from pbx.push import actions; from pbx.subscribers.models import Subscriber\n"
    for subscriber, instance in zip(subscribers, instances, strict=True):
        code += f"actions.add_device(Subscriber.objects.get(username={subscriber.username!r}), provider='http', "
        code += f"token='token-of-{subscriber.username}', instance_id={instance!r})\n"
    product.manage("shell", "-c", code)


def _phone(product: ProductUnderTest, subscriber: Subscriber, instance: str) -> ScriptedPhone:
    """A phone that is registered, and from now on reads nothing."""
    phone = ScriptedPhone((product.host, product.sip_port), subscriber.username, subscriber.password)
    phone.register(parameters=f';+sip.instance="<urn:uuid:{instance}>"')
    return phone


def _measure(product: ProductUnderTest, caller: ScriptedPhone, callees: list[Subscriber]) -> list[float]:
    took = []
    for callee in callees:
        sent = time.monotonic()
        call = caller.call(callee.username, in_advance=True)
        push = product.push.wait_for(lambda push, callee=callee: push.json["aor"].split("@")[0] == callee.username)
        took.append((push.at - sent) * 1000)
        call.wait_for(100)
        call.cancel()
        call.wait_for(487)
        time.sleep(PAUSE)
    return took


def _slowly(push: Push) -> int:
    time.sleep(ANSWER_SECONDS)
    return 200


def _measure_burst(product: ProductUnderTest, caller: ScriptedPhone, callees: list[Subscriber]) -> list[float]:
    product.push.answer_with(_slowly)
    begun = time.monotonic()
    sent: dict[str, float] = {}
    calls = []
    for number, callee in enumerate(callees):
        time.sleep(max(0.0, begun + number / RATE - time.monotonic()))
        sent[callee.username] = time.monotonic()
        calls.append(caller.call(callee.username, in_advance=True))
    until = time.monotonic() + LATEST
    pushed: dict[str, float] = {}
    while len(pushed) < len(sent) and time.monotonic() < until:
        time.sleep(0.05)
        for push in product.push.received:
            username = push.json["aor"].split("@")[0]
            if username in sent:
                pushed.setdefault(username, push.at)
    for call in calls:
        call.cancel()
    if lost := len(sent) - len(pushed):
        print(f"LOST: {lost} of {len(sent)} pushes did not come")
    return [(at - sent[username]) * 1000 for username, at in pushed.items()]


def _print(title: str, took: list[float]) -> None:
    took = sorted(took)
    print(
        f"{title}: median {statistics.median(took):.0f} ms, 90 % {took[int(len(took) * 0.9)]:.0f} ms, "
        f"99 % {took[int(len(took) * 0.99)]:.0f} ms, best {took[0]:.0f} ms, worst {took[-1]:.0f} ms, {len(took)} calls"
    )


def main(calls: int) -> None:
    with tempfile.TemporaryDirectory(prefix="pbx-wake-") as directory:
        product = ProductUnderTest(Path(directory))
        try:
            product.start()
            alice, *callees = product.new_subscribers(1 + 2 * calls + RATE * BURST_SECONDS)
            asleep, silent, many = callees[:calls], callees[calls : 2 * calls], callees[2 * calls :]
            instances = [f"00000000-0000-1000-8000-{int(each.username):012}" for each in callees]
            _give_devices(product, callees, instances)
            phones = [_phone(product, *each) for each in zip(silent, instances[calls : 2 * calls], strict=True)]
            caller = _phone(product, alice, "00000000-0000-1000-8000-000000000001")
            _print("asleep", _measure(product, caller, asleep))
            _print("bound and silent", _measure(product, caller, silent))
            _print(f"asleep, {RATE} calls a second", _measure_burst(product, caller, many))
            for phone in (caller, *phones):
                phone.close()
        finally:
            product.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
