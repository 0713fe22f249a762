from __future__ import annotations

import asyncio

import pytest

from sipcore.transport.arrival import Arrival
from sipcore.transport.connections import Connections
from sipcore.transport.limits import TransportLimits

from .network import StreamPeer, listening, options

pytestmark = pytest.mark.anyio


def connections():
    arrival = Arrival(lambda message, flow: None, lambda data, error, flow: None)
    return Connections(
        "tcp",
        asyncio.get_running_loop(),
        arrival,
        lambda: None,
        lambda flow: None,
        lambda transaction, error: None,
        TransportLimits(),
    )


async def test_names_of_connections_do_not_come_back_after_a_restart():
    before, after = connections(), connections()
    try:
        names = [table.accept().flow.connection for table in (before, before, after, after)]
    finally:
        await before.close()
        await after.close()

    assert len(set(names)) == 4


async def test_it_is_told_when_a_connection_opens_and_why_it_closes():
    limits = TransportLimits(idle_seconds=0.3, sweep_seconds=0.05)
    async with listening(limits=limits) as worker:
        async with StreamPeer.connected(worker.transports.port) as phone:
            phone.send(b"\r\n\r\n")
        await worker.hear("closed")
        async with StreamPeer.connected(worker.transports.port):
            await worker.hear("closed")
        async with StreamPeer.connected(worker.transports.port) as phone:
            phone.send(b"OPTIONS sip:x SIP/2.0\r\nContent-Length: none\r\n\r\n")
            await worker.hear("closed")
        told = worker.observed[:]

    assert [what for _, what in told] == ["open", "peer", "open", "idle", "open", "error"]
    names = [flow.connection for flow, _ in told]
    assert names[::2] == names[1::2]
    assert len(set(names)) == 3
    assert told[0][0].host == "127.0.0.1"


async def test_an_orderly_end_closes_what_is_open():
    async with listening() as worker, StreamPeer.connected(worker.transports.port) as phone:
        phone.send(options())
        await worker.hear("message")
        await worker.transports.close()

        assert [what for _, what in worker.observed] == ["open", "shutdown"]
