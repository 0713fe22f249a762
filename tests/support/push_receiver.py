"""The other end of `PBX_PUSH_HTTP_URL`: writes down what it is sent, and answers as told."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Push", "PushReceiver"]


@dataclass(frozen=True, slots=True)
class Push:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    "Names in lower case."
    body: bytes
    at: float
    "Monotonic seconds."

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


class PushReceiver:
    """A web server of the loopback interface, in threads of its own, from construction until `close()`."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._received: list[Push] = []
        self._answer: Callable[[Push], int] = lambda push: 200
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(receiver._take(Push(self.path, headers, body, time.monotonic())))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Stay silent."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/push"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def received(self) -> list[Push]:
        """Everything so far, oldest first."""
        with self._arrived:
            return list(self._received)

    def answer_with(self, answer: int | Callable[[Push], int]) -> None:
        """What is answered from now on: a status, or what a function makes of the push. 200 in the beginning."""
        self._answer = answer if callable(answer) else lambda push: answer

    def wait_for(self, wanted: Callable[[Push], bool] = lambda push: True, seconds: float = 10.0) -> Push:
        """Return the first push, of those received already and those to come, that is wanted."""
        found: list[Push] = []

        def arrived() -> bool:
            found[:] = [push for push in self._received if wanted(push)]
            return bool(found)

        with self._arrived:
            assert self._arrived.wait_for(arrived, seconds), f"no such push among {len(self._received)} received"
        return found[0]

    def close(self) -> None:
        """End the server; may be called twice."""
        self._server.shutdown()
        self._server.server_close()

    def _take(self, push: Push) -> int:
        status = self._answer(push)
        with self._arrived:
            self._received.append(push)
            self._arrived.notify_all()
        return status
