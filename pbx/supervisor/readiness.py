"""Whether the product serves, asked as a monitoring system would: by HTTP."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable

from .configuration import Listener

__all__ = ["Readiness"]

INTERVAL = 0.1  # seconds between two questions
TIMEOUT = 5.0  # seconds for one answer


class Readiness:
    """Asks from a thread of its own until the answer is yes, then wakes the supervisor.

    A thread, since an answer may take seconds while a server starts, and the children's lines should appear meanwhile.
    """

    def __init__(self, listener: Listener, path: str, wake: Callable[[], None]) -> None:
        self.ready = False
        self.missing: tuple[str, ...] = ()
        "The names that /readyz gave of what does not answer yet."
        self._host = listener.host
        if listener.everywhere:
            self._host = "::1" if ":" in listener.host else "127.0.0.1"
        self._port = listener.port
        self._path = path
        self._wake = wake
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask_until_ready, name="readiness", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def end(self) -> None:
        """Ask no more."""
        self._ended.set()

    def _ask_until_ready(self) -> None:
        while not self._ended.wait(INTERVAL):
            if self._ask():
                self.ready = True
                self._wake()
                return

    def _ask(self) -> bool:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        try:
            connection.request("GET", self._path, headers={"Host": "localhost"})
            answer = connection.getresponse()
            body = answer.read(65536)
        except (OSError, http.client.HTTPException):
            self.missing = ("web",)
            return False
        finally:
            connection.close()
        try:
            self.missing = tuple(str(name) for name in json.loads(body).get("failing", ()))
        except (ValueError, AttributeError):
            self.missing = ()
        return answer.status == 200
