"""HTTP/2 over TLS on a real socket, as push providers speak it: one handler decides what each request is answered."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections import deque
from pathlib import Path

import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from .push_server import Answer, Received

__all__ = ["Http2Server"]


class Http2Server:
    """Listens on a free port of the loopback interface, in a thread of its own, until closed.

    What a provider would say by itself is `respond`; `answers` come before it, as troubles do.
    """

    def __init__(self, directory: Path) -> None:
        """`directory` is for the certificate authority's file, which clients must be told to trust: `ca_file`."""
        authority = trustme.CA()
        self.ca_file = directory / "push-ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.set_alpn_protocols(["h2"])
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(self._tls)
        self.received: list[Received] = []
        "Requests that were answered by `respond` or by a prepared answer, in the order in which they came."
        self._answers: deque[Answer] = deque()
        self._changed = threading.Condition()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls))
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def respond(self, request: Received) -> Answer:
        """What this provider says to a request when it has no trouble."""
        raise NotImplementedError

    def answers(self, *answers: Answer) -> None:
        """Give these answers to the next pushes, in order; then `respond` again."""
        self._answers.extend(answers)

    def is_push(self, request: Received) -> bool:
        """Whether a request is a push, rather than a sign-in: prepared answers are for pushes."""
        return True

    def wait(self, count: int, timeout: float = 5.0) -> list[Received]:
        """Return what was received once it is at least `count` requests."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.received) >= count, timeout):
                raise AssertionError(f"{len(self.received)} of {count} requests came within {timeout} s")
            return list(self.received)

    def close(self) -> None:
        """Stop listening and drop every connection; from now on connections are refused."""
        if self._loop.is_closed():
            return
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(5)

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await _Connection(self, reader, writer).run()
        except (ConnectionError, ProtocolError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _take(self, request: Received) -> Answer:
        with self._changed:
            self.received.append(request)
            self._changed.notify_all()
            prepared = self._answers.popleft() if self._answers and self.is_push(request) else None
        return prepared or self.respond(request)


class _Connection:
    """One client: streams are answered concurrently, each after its own delay."""

    def __init__(self, server: Http2Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._open: dict[int, tuple[dict[str, str], bytearray]] = {}
        self._answering: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        self._h2.initiate_connection()
        self._flush()
        while data := await self._reader.read(65536):
            for event in self._h2.receive_data(data):
                self._handle(event)
            self._flush()

    def _handle(self, event) -> None:
        if isinstance(event, RequestReceived):
            self._open[event.stream_id] = (dict(event.headers), bytearray())
        elif isinstance(event, DataReceived):
            self._open[event.stream_id][1].extend(event.data)
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            task = asyncio.get_running_loop().create_task(self._answer(event.stream_id))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        elif isinstance(event, StreamReset):
            self._open.pop(event.stream_id, None)

    async def _answer(self, stream: int) -> None:
        headers, body = self._open[stream]
        peer = self._writer.get_extra_info("peername")
        answer = self._server._take(Received(headers[":path"], headers, bytes(body), time.time(), peer))
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.drop:
            self._writer.transport.abort()
            return
        if self._open.pop(stream, None) is None:
            return  # the client has given up
        said = [(":status", str(answer.status)), *((name.lower(), value) for name, value in answer.headers.items())]
        self._h2.send_headers(stream, said, end_stream=not answer.body)
        if answer.body:
            self._h2.send_data(stream, answer.body, end_stream=True)
        self._flush()

    def _flush(self) -> None:
        self._writer.write(self._h2.data_to_send())
