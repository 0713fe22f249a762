"""A push service over real sockets: it checks signatures, remembers what it was sent, and answers as it is told."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["ACCEPT", "DROP", "Answer", "PushServer", "Received"]


@dataclass(frozen=True)
class Answer:
    """What to say to one push."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    "Seconds before the answer, for a client that ought to give up sooner."
    drop: bool = False
    "Close the connection without an answer."


ACCEPT = Answer()
DROP = Answer(drop=True)


@dataclass(frozen=True)
class Received:
    """One push as it came over the wire."""

    path: str
    headers: dict[str, str]
    "Names in lower case."
    raw: bytes
    at: float
    connection: tuple[str, int]

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.raw)


class PushServer:
    """Listens on a free port of the loopback interface until closed."""

    def __init__(self, secret: str = "shared-secret") -> None:
        self.secret = secret
        self.received: list[Received] = []
        self._answers: deque[Answer] = deque()
        self._always = ACCEPT
        self._changed = threading.Condition()
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/wake"

    def answers(self, *answers: Answer) -> None:
        """Give these answers to the next pushes, in order; then accept again."""
        self._answers.extend(answers)

    def always(self, answer: Answer) -> None:
        """Give this answer to every push that none was prepared for."""
        self._always = answer

    def wait(self, count: int, timeout: float = 5.0) -> list[Received]:
        """Return what was received once it is at least `count` pushes."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.received) >= count, timeout):
                raise AssertionError(f"{len(self.received)} of {count} pushes came within {timeout} s")
            return list(self.received)

    def is_signed(self, push: Received) -> bool:
        """Whether the signature is right, by the scheme's description and not by the sender's code."""
        signed = push.headers["x-pbx-timestamp"].encode() + b"." + push.raw
        digest = hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(push.headers["x-pbx-signature"], f"v1={digest}")

    def close(self) -> None:
        """Stop listening; from now on connections are refused."""
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def _take(self, push: Received) -> Answer:
        with self._changed:
            self.received.append(push)
            self._changed.notify_all()
            return self._answers.popleft() if self._answers else self._always

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = server._take(Received(self.path, headers, raw, time.time(), self.client_address))
                if answer.delay:
                    server._released.wait(answer.delay)
                if answer.drop:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                """Say nothing: what came is in `received`."""

        return Handler
