"""The whole product as an operator runs it, for tests that only know it from outside.

One `manage.py runpbx` with data, ports and a push receiver of its own. The fixture `product` in `tests/conftest.py` shares
one among all tests of a session, so a test makes subscribers of its own and leaves the product running; a test that
stops it, kills it or needs other settings asks for `start_product`.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pbx.supervisor import launcher

from .machine import free_port, wait_until
from .push_receiver import PushReceiver

__all__ = ["ProductUnderTest", "Subscriber"]

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60.0  # what the product promises for its first start
STOP_SECONDS = 40.0
# Of the test session, not of the product.
NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE", "PYTEST_CURRENT_TEST")

_numbers = itertools.count(1000)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody who can register and call."""

    username: str
    password: str
    pickup_groups: tuple[str, ...] = ()
    display_name: str = ""

    @classmethod
    def new(cls, *pickup_groups: str) -> Subscriber:
        """Somebody whom no other test knows."""
        username = str(next(_numbers))
        return cls(username, f"secret-of-{username}", pickup_groups)


class ProductUnderTest:
    """A product that runs, or has run.

    `environment` adds to and overrides the settings it is started with; an override of `None` removes one.
    """

    def __init__(
        self,
        directory: Path,
        *,
        environment: Mapping[str, str | None] | None = None,
        arguments: Iterable[str] = (),
        static_cache: Path | None = None,
    ) -> None:
        self.directory = directory
        self.data = directory / "var"
        self.log_file = directory / "product.log"
        self.push = PushReceiver()
        self.host = "127.0.0.1"
        self.http_port = free_port()
        self.sip_port = free_port(udp=True)
        self.admin = ("admin", "the-administrator-of-the-tests")
        self.domain = self.host  # the address that it listens at is its first domain, hence the realm
        self._arguments = tuple(arguments)
        self._static_cache = static_cache
        self._process: subprocess.Popen[bytes] | None = None
        self._read_from = 0
        settings = {
            "PBX_ENV_FILE": "",  # a developer's .env has no say here
            "PBX_DATA_DIR": str(self.data),
            "PBX_HTTP": f"{self.host}:{self.http_port}",
            "PBX_SIP": f"{self.host}:{self.sip_port}",
            "PBX_ADMIN_PASSWORD": self.admin[1],
            "PBX_PUSH_HTTP_URL": self.push.url,
            "PBX_PUSH_HTTP_SECRET": "secret-of-the-push-receiver",
            **(environment or {}),
        }
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PBX_") and name not in NOT_INHERITED
        }
        self.environment = {
            **inherited,
            **{name: value for name, value in settings.items() if value is not None},
        }

    # ------------------------------------------------------------------------------------------- start and stop

    @property
    def http_url(self) -> str:
        """Where the pages are, without a slash at the end."""
        return f"http://{self.host}:{self.http_port}"

    @property
    def sip_uri(self) -> str:
        """Where the proxy is, UDP and TCP."""
        return f"sip:{self.host}:{self.sip_port}"

    def aor(self, subscriber: Subscriber | str) -> str:
        """The address-of-record of a subscriber, or of anything dialled."""
        user = subscriber if isinstance(subscriber, str) else subscriber.username
        return f"sip:{user}@{self.domain}"

    def start(self, *, until_ready: bool = True) -> ProductUnderTest:
        """Start it and wait until it says that it is ready."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._bring_static()
        self._read_from = self.log_file.stat().st_size if self.log_file.exists() else 0
        with self.log_file.open("ab") as output:
            self._process = subprocess.Popen(
                # A test run that is killed takes the product with it.
                launcher.command_line(
                    [sys.executable, str(ROOT / "manage.py"), "runpbx", *self._arguments],
                    death_signal=signal.SIGTERM,
                ),
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if until_ready:
            self.wait_until_ready()
        return self

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Return when the log of this start says so; AssertionError with the log when it ends or takes too long."""
        self.wait_for_log(r"Ready after", seconds)
        self._keep_static()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it as an operator would and return its exit status; also ends the push receiver."""
        self.push.close()
        return self.end(number)

    def end(self, number: int = signal.SIGTERM) -> int:
        """End the product, which may be started again, and return its exit status."""
        if self._process is None:
            return 0
        self._process.send_signal(number)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            raise AssertionError(f"The product did not stop.\n{self.log_tail()}") from None
        finally:
            self._process = None

    def wait_for_end(self, seconds: float = STOP_SECONDS) -> int:
        """Return the exit status of a product that ends by itself."""
        assert self._process is not None
        return self._process.wait(seconds)

    @property
    def pid(self) -> int:
        """The supervisor's process."""
        assert self._process is not None
        return self._process.pid

    # ------------------------------------------------------------------------------------------------- children

    def children(self) -> dict[str, int]:
        """Process ids of the children that run, by name: web, sip, celery, beat, valkey, postgres."""
        text = (self.data / "children").read_text(encoding="ascii")
        return {name: int(pid) for name, pid in (line.split() for line in text.splitlines())}

    def kill_child(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to a child and return the process id that it had."""
        pid = self.children()[name]
        os.kill(pid, number)
        return pid

    def wait_for_new_child(self, name: str, old_pid: int, seconds: float = 30.0) -> int:
        """Return the process id of a child that was started again."""
        wait_until(lambda: self.children().get(name, old_pid) != old_pid, seconds, f"{name} was not started again")
        return self.children()[name]

    # ------------------------------------------------------------------------------------------------------ log

    def log(self) -> str:
        """Everything that was printed since the last start."""
        with self.log_file.open("rb") as file:
            file.seek(self._read_from)
            return file.read().decode("utf-8", "replace")

    def log_tail(self, lines: int = 80) -> str:
        """The last lines of it."""
        return "\n".join(self.log().splitlines()[-lines:]) if self.log_file.exists() else ""

    def wait_for_log(self, pattern: str, seconds: float = 10.0) -> re.Match[str]:
        """Return the first match in what was printed since the last start."""
        found: re.Match[str] | None = None

        def printed() -> bool:
            nonlocal found
            found = re.search(pattern, self.log())
            return found is not None or self._process is None or self._process.poll() is not None

        with contextlib.suppress(AssertionError):
            wait_until(printed, seconds, "")
        assert found is not None, f"{pattern!r} was not printed.\n{self.log_tail()}"
        return found

    # ------------------------------------------------------------------------------------------- what it is told

    def manage(self, *arguments: str, seconds: float = 60.0) -> str:
        """Run `manage.py` as in another terminal beside the product and return what it prints."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert done.returncode == 0, f"manage.py {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def add_subscribers(self, *subscribers: Subscriber) -> None:
        """Create subscribers, and the pickup groups they name; the SIP side knows them when this returns."""
        sheet = self.directory / f"subscribers-{next(_numbers)}.csv"
        with sheet.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["username", "password", "display_name", "email", "pickup_groups"])
            for each in subscribers:
                writer.writerow([each.username, each.password, each.display_name, "", ";".join(each.pickup_groups)])
        self.manage("import_subscribers", str(sheet))

    def new_subscribers(self, count: int, *pickup_groups: str) -> list[Subscriber]:
        """Create that many subscribers whom no other test knows."""
        made = [Subscriber.new(*pickup_groups) for _ in range(count)]
        self.add_subscribers(*made)
        return made

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Status and body of a GET; status 0 when nobody answers."""
        request = urllib.request.Request(self.http_url + path, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode("utf-8", "replace")
        except OSError:
            return 0, ""

    # --------------------------------------------------------------------------------------------------- inside

    def _bring_static(self) -> None:
        """Compressing the static files takes longer than all the rest of a start; an earlier run has done it."""
        if self._static_cache is not None and (self._static_cache / ".collected").exists() and not self.data.exists():
            self.data.mkdir(mode=0o700)
            shutil.copytree(self._static_cache, self.data / "static")

    def _keep_static(self) -> None:
        if self._static_cache is None:
            return
        stamp, kept = self.data / "static" / ".collected", self._static_cache / ".collected"
        if not kept.exists() or kept.read_bytes() != stamp.read_bytes():
            shutil.rmtree(self._static_cache, ignore_errors=True)
            shutil.copytree(self.data / "static", self._static_cache)
