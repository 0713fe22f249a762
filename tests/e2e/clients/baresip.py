"""baresip, driven over its TCP control port: netstrings of JSON, commands in, events out."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.support.machine import free_port, require_binary

from .program import Program

__all__ = ["Baresip"]

# No sound card: what is heard is played back, so that media flows both ways and nothing real is opened.
CONFIG = """
sip_listen 127.0.0.1:{sip_port}
net_interface 127.0.0.1
audio_source aubridge,{name}
audio_player aubridge,{name}
audio_alert aubridge,{name}-alert
rtp_ports {rtp}-{rtp_end}
module_path {modules}
module g711.so
module aubridge.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""

MODULES = ("/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules")
RINGS = r"Incoming call from: +(\S+)"
STARTS = 3  # it takes the port behind its SIP port too, which nobody has reserved

_numbers = itertools.count()


class Baresip:
    """One baresip of one user. `answer="auto"` picks every call up by itself; `register=False` stays unknown."""

    def __init__(
        self,
        directory: Path,
        user: str,
        password: str,
        server: str,
        *,
        transport: str = "udp",
        answer: str = "manual",
        register: bool = True,
        contact: str = "",
    ) -> None:
        self.program = require_binary("baresip")
        self.user = user
        self.domain = server
        self.transport = transport
        self._events: list[dict[str, Any]] = []
        self._taken: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._read_to = 0
        registration = f"regint={600 if register else 0}{contact}"
        account = (
            f"<sip:{user}@{server};transport={transport}>;auth_pass={password};{registration};answermode={answer}\n"
        )
        for attempt in range(STARTS):
            try:
                self._start(directory / f"baresip-{user}-{next(_numbers)}", account)
                break
            except AssertionError:
                if attempt == STARTS - 1:
                    raise
        if register:
            self.wait_registered()

    def __enter__(self) -> Baresip:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it; it unregisters."""
        self._process.stop()
        self._socket.close()

    def kill(self) -> None:
        """End it at once, registered as it is: a phone whose battery was taken out."""
        self._process.kill()
        self._socket.close()

    # What it does.

    def dial(self, number: str) -> None:
        """Call a number of its own domain."""
        self.command("dial", f"sip:{number}@{self.domain}")

    def accept(self) -> None:
        """Answer the call that rings."""
        self.command("accept")

    def hang_up(self) -> None:
        """End, cancel or decline the current call."""
        self.command("hangup")

    def command(self, name: str, parameters: str = "") -> None:
        """Send a command of the menu."""
        data = json.dumps({"command": name, "params": parameters, "token": name}).encode()
        self._socket.sendall(b"%d:%s," % (len(data), data))

    # What it saw.

    def wait_for_call(self, timeout: float = 10) -> str:
        """Wait until it rings with a call that has not been returned yet; the URI of who calls.

        From its log: a call that comes with its registration is there before the control port is.
        """
        self._read_to = self._process.wait_for_output(RINGS, timeout, who=f"{self}", after=self._read_to)
        return re.findall(RINGS, self._process.output()[: self._read_to])[-1]

    def wait_for(self, kind: str, timeout: float = 10) -> dict[str, Any]:
        """Return the first event of that kind that has not been returned yet; fails with all it did see."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while len(found := self._of_kind(kind)) <= self._taken[kind]:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    seen = [f"{event['type']} {event.get('param', '')}".strip() for event in self._events]
                    raise AssertionError(f"{self}: no {kind} within {timeout} s; saw {seen}\n{self.tail()}")
            self._taken[kind] += 1
            return found[self._taken[kind] - 1]

    def saw(self, kind: str) -> int:
        """How many events of that kind there were since `forget`."""
        with self._changed:
            return len(self._of_kind(kind))

    def forget(self) -> None:
        """Hang up whatever is left, and forget all events: for the next test."""
        self.command("hangup")
        with self._changed:
            calls = Counter(event["type"] for event in self._events)
        if calls["CALL_INCOMING"] + calls["CALL_LOCAL_SDP"] and not calls["CALL_CLOSED"]:
            with contextlib.suppress(AssertionError):
                self.wait_for("CALL_CLOSED", 2)
        with self._changed:
            self._events.clear()
            self._taken.clear()
        self._read_to = len(self._process.output())

    def wait_registered(self, timeout: float = 15) -> None:
        """Wait until its log says that the registrar has taken its contact: often before the control port is open."""
        self._process.wait_for_output(r"\} 200 OK .*bindings?\]", timeout, who=f"{self}")

    def sip_messages(self) -> str:
        """All SIP that it sent and received, with addresses."""
        return self._process.output()

    def tail(self) -> str:
        """The end of its log, SIP messages included."""
        return self._process.tail()

    def __str__(self) -> str:
        return f"baresip {self.user} ({self.transport})"

    # Inside.

    def _start(self, home: Path, account: str) -> None:
        home.mkdir(parents=True)
        control, rtp = free_port(), free_port(udp=True) & ~1
        self.sip_port = free_port(udp=True)
        modules = next(path for path in map(Path, MODULES) if path.exists())
        (home / "config").write_text(
            CONFIG.format(
                sip_port=self.sip_port,
                control=control,
                rtp=rtp,
                rtp_end=rtp + 20,
                modules=modules,
                name=f"loop-{self.sip_port}",
            )
        )
        (home / "accounts").write_text(account)
        (home / "contacts").write_text("\n")
        self._process = Program([self.program, "-f", str(home), "-s"], home / "log")
        self._socket = self._connect(control)
        threading.Thread(target=self._read, args=(self._socket,), daemon=True).start()

    def _connect(self, port: int) -> socket.socket:
        deadline = time.monotonic() + 10
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port))
            except OSError:
                if time.monotonic() > deadline or self._process.status is not None:
                    self._process.kill()
                    raise AssertionError(f"{self} did not start\n{self.tail()}") from None
                time.sleep(0.02)

    def _of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self._events if event["type"] == kind]

    def _read(self, control: socket.socket) -> None:
        buffer = b""
        with contextlib.suppress(OSError):
            while data := control.recv(65536):
                buffer += data
                while b":" in buffer:
                    length, _, rest = buffer.partition(b":")
                    size = int(length)
                    if len(rest) < size + 1:
                        break
                    item, buffer = json.loads(rest[:size]), rest[size + 1 :]
                    if item.get("event"):
                        with self._changed:
                            self._events.append(item)
                            self._changed.notify_all()
