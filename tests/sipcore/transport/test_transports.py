from __future__ import annotations

import pytest

from sipcore.contract.flow import Flow
from sipcore.errors import ConfigurationError

from .network import HOST, Peer, Settings, StreamPeer, listening, options

pytestmark = pytest.mark.anyio


async def test_udp_and_tcp_share_a_port():
    async with listening() as worker:
        port = worker.transports.port

        assert worker.transports.addresses == [f"udp:{HOST}:{port}", f"tcp:{HOST}:{port}"]
        assert worker.transports.socket_of(Flow("tcp", "192.0.2.1", 9)) == f"tcp:{HOST}:{port}"


async def test_a_taken_port_is_a_sentence():
    async with listening() as worker:
        port = worker.transports.port
        with pytest.raises(ConfigurationError, match=f"PBX_SIP is {HOST}:{port}, which cannot be listened on: "):
            async with listening(Settings(sip_port=port)):
                pass


async def test_workers_share_a_port_when_told_to():
    async with (
        listening(Settings(share_port=True)) as one,
        listening(Settings(sip_port=one.transports.port, share_port=True)) as two,
    ):
        assert two.transports.port == one.transports.port


async def test_names_are_resolved_on_the_way_out():
    async with listening() as worker:
        with Peer() as phone:
            worker.transports.send_outbound((b"to a name", Flow("udp", "localhost", phone.port), None))

            assert await phone.receive() == b"to a name"


async def test_a_name_that_cannot_be_is_an_error():
    async with listening() as worker:
        worker.transports.send(b"x", Flow("udp", "a" * 64 + ".invalid", 5060), "transaction")

        assert (await worker.hear("error"))[1] == "transaction"


async def test_an_unknown_transport_is_an_error():
    async with listening() as worker:
        worker.transports.send(b"x", Flow("sctp", HOST, 5060), "transaction")

        assert (await worker.hear("error"))[1] == "transaction"
        assert not worker.transports.is_connected(Flow("sctp", HOST, 5060))
        assert worker.transports.is_connected(Flow("udp", HOST, 5060))


async def test_closing_twice_and_sending_afterwards_is_harmless():
    async with listening() as worker, StreamPeer.connected(worker.transports.port) as phone:
        phone.send(options("SIP/2.0/TCP x;branch=z9hG4bK1"))
        await worker.hear("message")

        await worker.transports.close()
        await worker.transports.close()
        for transport in ("udp", "tcp"):
            worker.transports.send(b"late", Flow(transport, HOST, 5060), "transaction")

        assert await phone.closed() == b""


async def test_closing_before_the_start_is_harmless():
    async with listening() as other:
        worker = type(other)()

        await worker.transports.close()
