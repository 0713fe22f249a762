"""sipp with a scenario of ours: it ends well, or says which message came instead of the expected one."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from pathlib import Path

from tests.support.machine import free_port, require_binary

from .program import Program

__all__ = ["Sipp"]

SCENARIOS = Path(__file__).parent.parent / "scenarios"
GIVE_UP_SECONDS = 45

_numbers = itertools.count()


class Sipp:
    """One run of one scenario: one call, unless the scenario says more.

    `number` is what a scenario calls `[service]`; `user` and `password` answer its challenges. `values` stand in it in braces,
    for what sipp has no keywords for, such as the status that is expected.
    """

    def __init__(
        self,
        directory: Path,
        scenario: str,
        server: str,
        *,
        user: str = "anonymous",
        password: str = "",
        number: str = "",
        transport: str = "udp",
        port: int = 0,
        values: Mapping[str, object] | None = None,
    ) -> None:
        self.scenario = scenario
        self.port = port or free_port(udp=True)
        home = directory / f"sipp-{scenario}-{next(_numbers)}"
        home.mkdir(parents=True)
        text = (SCENARIOS / f"{scenario}.xml").read_text(encoding="utf-8")
        for name, value in (values or {}).items():
            text = text.replace(f"{{{name}}}", str(value))
        (home / "scenario.xml").write_text(text, encoding="utf-8")
        self._messages, self._errors = home / "messages", home / "errors"
        self._process = Program(
            [
                *(require_binary("sipp"), server, "-sf", str(home / "scenario.xml")),
                *("-i", "127.0.0.1", "-p", str(self.port), "-t", "t1" if transport == "tcp" else "u1"),
                *("-s", number or user, "-key", "user", user, "-au", user, "-ap", password),
                *("-m", "1", "-timeout", str(GIVE_UP_SECONDS), "-timeout_error", "-nostdin", "-skip_rlimit"),
                *("-trace_msg", "-message_file", str(self._messages), "-message_overwrite", "true"),
                *("-trace_err", "-error_file", str(self._errors), "-error_overwrite", "true"),
            ],
            home / "screen",
        )

    def wait(self, timeout: float = 30) -> str:
        """Wait for the end of the scenario and return all messages; fails with what was wrong and the last messages."""
        status = self._process.wait_for_end(timeout)
        if status is None:
            self._process.kill()
        if status != 0:
            how = "did not end" if status is None else f"ended with {status}"
            raise AssertionError(f"{self} {how}\n{_read(self._errors)[-2000:]}\n{self.messages()[-6000:]}")
        return self.messages()

    def wait_until_listening(self, timeout: float = 10) -> None:
        """Wait until its UDP port is taken; looked up, since a bind to try it would take it from sipp."""
        deadline = time.monotonic() + timeout
        while f":{self.port:04X} " not in Path("/proc/net/udp").read_text(encoding="ascii"):
            if self._process.status is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self} does not listen\n{self._process.tail()}\n{_read(self._errors)}")
            time.sleep(0.02)

    def wait_for_message(self, text: str, timeout: float = 10) -> None:
        """Wait until it has sent or received something with that text."""
        deadline = time.monotonic() + timeout
        while text not in self.messages():
            if self._process.status is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self}: no {text!r}\n{_read(self._errors)[-2000:]}\n{self.messages()[-6000:]}")
            time.sleep(0.02)

    def messages(self) -> str:
        """All that it has sent and received so far."""
        return _read(self._messages).replace("\r", "")

    def stop(self) -> None:
        """End it, if it still runs."""
        self._process.stop()

    def __str__(self) -> str:
        return f"sipp {self.scenario}"


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
