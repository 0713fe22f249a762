from __future__ import annotations

import asyncio

import pytest

from sipcore.transport.arrival import Arrival
from sipcore.transport.connections import Connections
from sipcore.transport.limits import TransportLimits

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
