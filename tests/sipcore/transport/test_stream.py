from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from sipcore.contract.flow import Flow
from sipcore.transport import TransportLimits

from .network import HOST, StreamPeer, listening, options

pytestmark = pytest.mark.anyio

VIA = "SIP/2.0/TCP 192.0.2.9:5060;branch=z9hG4bK1"


@asynccontextmanager
async def connected(limits=None):
    """A worker and a phone that has connected to it."""
    async with listening(limits=limits) as worker, StreamPeer.connected(worker.transports.port) as phone:
        yield worker, phone


async def test_messages_arrive_however_they_are_split_and_answers_go_back_over_the_connection():
    async with connected() as (worker, phone):
        stream = options(VIA, call_id="one", body=b"x\r\n\r\ny") + options(VIA, call_id="two")
        for octet in stream:
            phone.send(bytes([octet]))

        first, second = await worker.hear("message"), await worker.hear("message")
        worker.transports.send(b"answer", first[2])

        assert [first[1].call_id, second[1].call_id, first[1].body] == ["one", "two", b"x\r\n\r\ny"]
        assert first[1].top_via.received == HOST
        assert first[2] == second[2] == Flow("tcp", HOST, phone.port, first[2].connection)
        assert first[2].connection
        assert await phone.receive(6) == b"answer"


async def test_the_core_is_pumped_once_for_what_came_together():
    async with connected() as (worker, phone):
        phone.send(options(VIA) * 3)

        assert [(await worker.hear())[0] for _ in range(4)] == ["message"] * 3 + ["batch"]


async def test_a_connection_is_found_by_its_name_and_by_its_peer():
    async with connected() as (worker, phone):
        phone.send(options(VIA))
        _, _, flow = await worker.hear("message")

        worker.transports.send(b"one", flow)
        worker.transports.send(b"two", Flow("tcp", HOST, phone.port))

        assert await phone.receive(6) == b"onetwo"
        assert worker.transports.is_connected(flow)
        assert worker.transports.is_connected(Flow("tcp", HOST, phone.port))


async def test_a_ping_is_answered_by_a_pong():
    async with connected() as (_, phone):
        phone.send(b"\r\n\r\n" * 2)

        assert await phone.receive(4) == b"\r\n\r\n"


async def test_a_closed_connection_is_told_and_cannot_be_used_any_more():
    async with connected() as (worker, phone):
        phone.send(options(VIA))
        _, _, flow = await worker.hear("message")

        phone.writer.close()
        assert await worker.hear("closed") == ("closed", flow)
        worker.transports.send(b"late", flow, "transaction")

        kind, transaction, error = await worker.hear("error")
        assert (kind, transaction, type(error)) == ("error", "transaction", ConnectionResetError)
        assert not worker.transports.is_connected(flow)
        assert worker.transports.connection_count == 0


async def test_a_broken_message_on_a_sound_stream_is_told_and_the_stream_goes_on():
    async with connected() as (worker, phone):
        phone.send(options("nonsense") + options(VIA))

        broken, sound = await worker.hear("message", "malformed"), await worker.hear("message", "malformed")

        assert (broken[0], broken[1], broken[2].status_hint) == ("malformed", options("nonsense"), 400)
        assert sound[0] == "message"


async def test_a_stream_that_cannot_be_trusted_is_closed_after_what_came_before():
    async with connected() as (worker, phone):
        phone.send(options(VIA) + b"GET / HTTP/1.1\nHost: x\r\n\r\n")

        heard = [(await worker.hear("message", "malformed", "closed"))[0] for _ in range(3)]

        assert heard == ["message", "malformed", "closed"]
        assert await phone.closed() == b""


async def test_a_connection_is_made_where_there_is_none_and_kept():
    async with listening() as worker, peer_server() as server:
        flow = Flow("tcp", HOST, server.port)
        for data in (b"one", b"two"):
            worker.transports.send(data, flow)
        phone = await server.accepted()
        assert await phone.receive(6) == b"onetwo"

        phone.send(options(VIA))
        _, _, arrived = await worker.hear("message")
        worker.transports.send(b"three", flow)
        worker.transports.send(b"four", arrived)

        assert await phone.receive(9) == b"threefour"
        assert (arrived.host, arrived.port) == (HOST, server.port)
        assert (server.count, worker.transports.connection_count) == (1, 1)


async def test_everything_that_waited_for_a_refused_connection_fails():
    async with listening() as worker:
        flow = Flow("tcp", HOST, unused_port())
        for transaction in ("one", "two", None):
            worker.transports.send(b"x", flow, transaction)

        heard = [await worker.hear() for _ in range(2)]

        assert [(kind, transaction) for kind, transaction, _ in heard] == [("error", "one"), ("error", "two")]
        assert all(isinstance(error, ConnectionRefusedError) for _, _, error in heard)
        assert worker.transports.connection_count == 0


async def test_a_connection_that_takes_too_long_is_given_up():
    async with listening(limits=TransportLimits(connect_seconds=0.0)) as worker, peer_server() as server:
        worker.transports.send(b"x", Flow("tcp", HOST, server.port), "transaction")

        kind, transaction, error = await worker.hear("error")

        assert (kind, transaction, type(error)) == ("error", "transaction", TimeoutError)


async def test_what_waits_for_a_connection_is_bounded():
    limits = TransportLimits(waiting_messages=2)
    async with listening(limits=limits) as worker, peer_server() as server:
        for number in range(3):
            worker.transports.send(b"%d" % number, Flow("tcp", HOST, server.port), number)

        assert (await worker.hear("error"))[1] == 2
        assert await (await server.accepted()).receive(2) == b"01"


async def test_a_request_is_failed_when_the_peer_closes_without_a_word():
    async with listening() as worker, peer_server() as server:
        worker.transports.send(b"INVITE", Flow("tcp", HOST, server.port), "transaction")
        phone = await server.accepted()
        await phone.receive(6)

        phone.writer.close()

        assert (await worker.hear("error"))[1] == "transaction"


async def test_a_request_is_not_failed_by_the_transport_when_the_peer_has_spoken():
    async with listening() as worker, peer_server() as server:
        worker.transports.send(b"INVITE", Flow("tcp", HOST, server.port), "transaction")
        phone = await server.accepted()
        phone.send(options(VIA))
        await worker.hear("message")

        phone.writer.close()

        assert (await worker.hear("closed", "error"))[0] == "closed"


async def test_a_peer_that_does_not_read_is_given_up():
    async with connected(TransportLimits(write_buffer=100_000)) as (worker, phone):
        phone.send(options(VIA))
        _, _, flow = await worker.hear("message")
        phone.writer.transport.pause_reading()

        for _ in range(1000):
            worker.transports.send(b"x" * 65_536, flow)
            if not worker.transports.is_connected(flow):
                break
            await asyncio.sleep(0)

        assert (await worker.hear("closed"))[1] == flow


async def test_connections_are_bounded_in_all_and_by_host():
    for limits in (TransportLimits(connections=1), TransportLimits(connections_per_host=1)):
        async with connected(limits) as (worker, first):
            first.send(options(VIA))
            await worker.hear("message")

            async with StreamPeer.connected(worker.transports.port) as second:
                assert await second.closed() == b""

            first.send(options(VIA))
            assert (await worker.hear("message", "closed"))[0] == "message"
            assert worker.transports.connection_count == 1


async def test_no_connection_is_made_beyond_the_bound():
    async with connected(TransportLimits(connections=1)) as (worker, phone):
        phone.send(options(VIA))
        await worker.hear("message")

        worker.transports.send(b"x", Flow("tcp", HOST, unused_port()), "transaction")

        assert (await worker.hear("error"))[1] == "transaction"


@pytest.mark.parametrize(
    ("_case", "limits", "sent"),
    [
        ("silent from the start", TransportLimits(complete_seconds=0.0, sweep_seconds=0.01), b""),
        ("never completing", TransportLimits(complete_seconds=0.0, sweep_seconds=0.01), options(VIA)[:40]),
        ("idle", TransportLimits(idle_seconds=0.0, sweep_seconds=0.01), options(VIA)),
    ],
)
async def test_a_connection_that_gives_no_sign_of_life_is_closed(_case, limits, sent):
    async with connected(limits) as (_, phone):
        phone.send(sent)

        assert await phone.closed() == b""


async def test_closing_lets_out_what_has_been_written():
    async with connected() as (worker, phone):
        phone.send(options(VIA))
        _, _, flow = await worker.hear("message")

        worker.transports.send(b"x" * 200_000, flow)
        closing = asyncio.ensure_future(worker.transports.close())

        assert await phone.closed() == b"x" * 200_000
        await closing
        assert worker.transports.connection_count == 0


def unused_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class PeerServer:
    def __init__(self):
        self._accepted = asyncio.Queue()
        self.count = 0

    async def serve(self):
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def _accept(self, reader, writer):
        self.count += 1
        self._accepted.put_nowait(StreamPeer(reader, writer))

    async def accepted(self):
        return await asyncio.wait_for(self._accepted.get(), 5)

    def close(self):
        self._server.close()
        while not self._accepted.empty():
            self._accepted.get_nowait().writer.close()


@asynccontextmanager
async def peer_server():
    """A peer that is connected to."""
    server = PeerServer()
    await server.serve()
    try:
        yield server
    finally:
        server.close()
