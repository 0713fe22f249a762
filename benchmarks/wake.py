"""From an INVITE for a sleeping phone to the push request at the provider: the whole product, started for this.

    python -m benchmarks.wake [calls]

The clock starts when the caller sends his INVITE with credentials and stops when the provider has read the push: SIP worker, call
board, Celery, Postgres and HTTP lie between. The second line is about phones that have a binding and stay silent;
they get RING_SECONDS more.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.clients.scripted import ScriptedPhone
from tests.support.product import ProductUnderTest, Subscriber

PAUSE = 0.3  # seconds between two calls: this is about latency


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


def _print(title: str, took: list[float]) -> None:
    took = sorted(took)
    print(
        f"{title}: median {statistics.median(took):.0f} ms, 90 % {took[int(len(took) * 0.9)]:.0f} ms, "
        f"best {took[0]:.0f} ms, worst {took[-1]:.0f} ms, {len(took)} calls"
    )


def main(calls: int) -> None:
    with tempfile.TemporaryDirectory(prefix="pbx-wake-") as directory:
        product = ProductUnderTest(Path(directory))
        try:
            product.start()
            alice, *callees = product.new_subscribers(1 + 2 * calls)
            asleep, silent = callees[:calls], callees[calls:]
            instances = [f"00000000-0000-1000-8000-{int(each.username):012}" for each in callees]
            _give_devices(product, callees, instances)
            phones = [_phone(product, *each) for each in zip(silent, instances[calls:], strict=True)]
            caller = _phone(product, alice, "00000000-0000-1000-8000-000000000001")
            _print("asleep", _measure(product, caller, asleep))
            _print("bound and silent", _measure(product, caller, silent))
            for phone in (caller, *phones):
                phone.close()
        finally:
            product.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
