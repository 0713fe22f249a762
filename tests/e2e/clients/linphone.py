"""linphonec, driven over its standard input; what it logs is what it saw."""

from __future__ import annotations

import itertools
from pathlib import Path

from tests.support.machine import free_port, require_binary

from .program import Program

__all__ = ["Linphone"]

CONFIG = """
[sip]
sip_port={port}
sip_tcp_port={port}
sip_tls_port=-1
guess_hostname=0
contact=sip:{user}@127.0.0.1
use_ipv6=0
bind_address=127.0.0.1

[rtp]
audio_rtp_port={rtp}

[video]
enabled=0
"""

_numbers = itertools.count()


class Linphone:
    """One linphonec of one user. `wait_for` and `forget` are about call states as liblinphone calls them."""

    def __init__(self, directory: Path, user: str, password: str, server: str) -> None:
        self.user = user
        self.domain = server
        self._password = password
        home = directory / f"linphone-{user}-{next(_numbers)}"
        (home / ".local" / "share" / "linphone").mkdir(parents=True)
        (home / "rc").write_text(CONFIG.format(port=free_port(udp=True), rtp=free_port(udp=True), user=user))
        self._process = Program(
            [require_binary("linphonec"), "-c", str(home / "rc"), "-d", "5"],
            home / "log",
            {"HOME": str(home), "PATH": "/usr/bin:/bin"},
        )
        self._read_to = self._process.wait_for_output("linphonec>", 15, who=f"{self}")

    def __enter__(self) -> Linphone:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def register(self) -> None:
        """Register, and wait until it says that it is."""
        self._type(f"register sip:{self.user}@{self.domain} sip:{self.domain} {self._password}")
        self._wait(r"moving from state \[\w+\] to \[LinphoneRegistrationOk\]", 15)

    def dial(self, number: str) -> None:
        """Call a number of its own domain."""
        self._type(f"call sip:{number}@{self.domain}")

    def accept(self) -> None:
        """Answer the call that rings."""
        self._type("answer")

    def hang_up(self) -> None:
        """End or decline the current call."""
        self._type("terminate")

    def wait_for(self, state: str, timeout: float = 10) -> None:
        """Wait until a call has come to that state (`IncomingReceived`, `StreamsRunning`, `End`, `Released`) since the
        last one that was waited for; fails with the end of its log."""
        self._wait(rf"moving from state LinphoneCall\w+ to LinphoneCall{state}\b", timeout)

    def forget(self) -> None:
        """Hang up whatever is left, and look only at what comes from now on: for the next test."""
        self._type("terminate all")
        self._read_to = len(self._process.output())

    def stop(self) -> None:
        """End it; it unregisters."""
        self._type("quit")
        if self._process.wait_for_end(5) is None:
            self._process.kill()

    def tail(self) -> str:
        """The end of its log."""
        return self._process.tail()

    def __str__(self) -> str:
        return f"linphone {self.user}"

    def _type(self, line: str) -> None:
        self._process.type(line)

    def _wait(self, pattern: str, timeout: float) -> None:
        self._read_to = self._process.wait_for_output(pattern, timeout, who=f"{self}", after=self._read_to)
