"""From an INVITE for a sleeping phone to the push request at the provider: the whole product, started for this.

    python -m benchmarks.wake [calls]

The clock starts when the caller sends his INVITE with credentials and stops when the provider has read the push: SIP worker, call
board, Celery, Postgres and HTTP lie between. The second line is about phones that have a binding and stay silent;
they get RING_SECONDS more.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.support.product import ProductUnderTest, Subscriber

PAUSE = 0.3  # seconds between two calls: this is about latency


class Phone:
    """Sends requests over UDP, answers challenges, and says nothing to what it is sent."""

    def __init__(self, product: ProductUnderTest, subscriber: Subscriber) -> None:
        self._product, self._subscriber = product, subscriber
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((product.host, 0))
        self._socket.connect((product.host, product.sip_port))
        self._socket.settimeout(5)
        self._cseq = 0

    def register(self, instance: str) -> None:
        contact = f'<sip:{self._subscriber.username}@{self._address}>;+sip.instance="<urn:uuid:{instance}>"'
        assert (
            self._ask("REGISTER", f"sip:{self._product.host}", "register", f"Contact: {contact}\r\nExpires: 600\r\n")[0]
            == 200
        )

    def call(self, callee: Subscriber) -> tuple[float, str]:
        """Call, and return when the INVITE was sent and what cancels it."""
        call_id = secrets.token_hex(8)
        contact = f"Contact: <sip:{self._subscriber.username}@{self._address}>\r\n"
        status, sent, cancel = self._ask("INVITE", self._product.aor(callee), call_id, contact)
        assert status == 100, status
        return sent, cancel

    def send(self, text: str) -> None:
        self._socket.send(text.encode())

    @property
    def _address(self) -> str:
        return "{}:{}".format(*self._socket.getsockname())

    def _ask(self, method: str, uri: str, call_id: str, headers: str) -> tuple[int, float, str]:
        """Status of the answer to the request with credentials, when it was sent, and its CANCEL."""
        authorization = ""
        while True:
            self._cseq += 1
            own = self._product.aor(self._subscriber)
            to = own if method == "REGISTER" else uri
            branch = f"z9hG4bK{secrets.token_hex(8)}"
            top = f"{{}} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self._address};rport;branch={branch}\r\n"
            top += f"Max-Forwards: 70\r\nFrom: <{own}>;tag={call_id}\r\nTo: <{to}>\r\nCall-ID: {call_id}\r\n"
            top += f"CSeq: {self._cseq} {{}}\r\n"
            sent = time.monotonic()
            self.send(top.format(method, method) + headers + authorization + "Content-Length: 0\r\n\r\n")
            answer = self._answer()
            while answer.startswith("SIP/2.0 100") and not authorization:
                answer = self._answer()
            status = int(answer[8:11])
            if authorization or status not in (401, 407):
                return status, sent, top.format("CANCEL", "CANCEL") + "Content-Length: 0\r\n\r\n"
            if method == "INVITE":
                self.send(top.format("ACK", "ACK") + "Content-Length: 0\r\n\r\n")
            authorization = self._credentials(answer, method, uri)

    def _answer(self) -> str:
        while True:
            text = self._socket.recv(65535).decode()
            # Only what is said about the request under way; INVITEs of phones that play dead come here as well.
            if text.startswith("SIP/2.0") and re.search(rf"^CSeq: {self._cseq} (?!CANCEL)", text, re.M | re.I):
                return text

    def _credentials(self, answer: str, method: str, uri: str) -> str:
        challenge = re.search(r"^(WWW|Proxy)-Authenticate: Digest (.*algorithm=MD5.*)$", answer, re.M | re.I)
        realm, nonce = (re.search(rf'{name}="([^"]*)"', challenge[2])[1] for name in ("realm", "nonce"))
        user, password = self._subscriber.username, self._subscriber.password
        ha1, ha2 = _md5(f"{user}:{realm}:{password}"), _md5(f"{method}:{uri}")
        name = "Authorization" if challenge[1].upper() == "WWW" else "Proxy-Authorization"
        return (
            f'{name}: Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm=MD5, '
            f'qop=auth, nc=00000001, cnonce="c", response="{_md5(f"{ha1}:{nonce}:00000001:c:auth:{ha2}")}"\r\n'
        )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def _give_devices(product: ProductUnderTest, subscribers: list[Subscriber], instances: list[str]) -> None:
    code = "from pbx.push import actions; from pbx.subscribers.models import Subscriber\n"
    for subscriber, instance in zip(subscribers, instances, strict=True):
        code += f"actions.add_device(Subscriber.objects.get(username={subscriber.username!r}), provider='http', "
        code += f"token='token-of-{subscriber.username}', instance_id={instance!r})\n"
    product.manage("shell", "-c", code)


def _measure(product: ProductUnderTest, caller: Phone, callees: list[Subscriber]) -> list[float]:
    took = []
    for callee in callees:
        sent, cancel = caller.call(callee)
        push = product.push.wait_for(lambda push, callee=callee: push.json["aor"].split("@")[0] == callee.username)
        took.append((push.at - sent) * 1000)
        caller.send(cancel)
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
            phones = [Phone(product, each) for each in silent]
            for phone, instance in zip(phones, instances[calls:], strict=True):
                phone.register(instance)
            caller = Phone(product, alice)
            _print("asleep", _measure(product, caller, asleep))
            _print("bound and silent", _measure(product, caller, silent))
        finally:
            product.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
