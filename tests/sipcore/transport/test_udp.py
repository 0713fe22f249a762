from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from sipcore.contract.flow import Flow
from sipcore.transport import TransportLimits
from sipcore.transport.arrival import Arrival
from sipcore.transport.udp import LOOKS, UdpSocket

from .network import HOST, Listening, Peer, Settings, listening, options

pytestmark = pytest.mark.anyio


async def test_a_datagram_becomes_a_message_and_its_answer_finds_the_way_back():
    async with listening() as worker:
        with Peer() as phone:
            phone.send(options("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;rport"), worker.transports.port)

            _, message, flow = await worker.hear("message")
            worker.transports.send(b"answer", flow)

            assert flow == Flow("udp", HOST, phone.port)
            assert (message.top_via.received, message.top_via.rport) == (HOST, str(phone.port))
            assert await phone.receive() == b"answer"


async def test_the_core_is_pumped_once_for_all_that_arrived_together():
    async with listening(limits=TransportLimits(datagrams_per_wakeup=3)) as worker:
        with Peer() as phone:
            for number in range(5):
                phone.send(options(call_id=str(number)), worker.transports.port)

            kinds = [(await worker.hear())[0] for _ in range(7)]

            assert kinds == ["message"] * 3 + ["batch"] + ["message"] * 2 + ["batch"]


async def test_a_busy_socket_is_looked_at_once_in_a_while_and_a_quiet_one_at_once():
    limits = TransportLimits(rest=0.05, many=1.0)
    async with listening(limits=limits) as worker:
        with Peer() as phone:

            async def send(times: int) -> int:
                """How many turns that took."""
                for number in range(times):
                    phone.send(options(call_id=str(number)), worker.transports.port)
                    await asyncio.sleep(0.001)
                heard = [(await worker.hear())[0]]
                while heard.count("message") < times or heard[-1] != "batch":
                    heard.append((await worker.hear())[0])
                return heard.count("batch")

            await send(2)
            await asyncio.sleep(LOOKS * limits.rest)  # the density is known from now on: small
            assert await send(3) > 1
            await send(40)
            await asyncio.sleep(LOOKS * limits.rest / 2)
            busy = [await send(40) for _ in range(8)]
            assert min(busy) <= 10
            await asyncio.sleep(4 * LOOKS * limits.rest)
            took = []
            for _ in range(5):
                begin = asyncio.get_running_loop().time()
                assert await send(1) == 1
                took.append(asyncio.get_running_loop().time() - begin)
                await asyncio.sleep(limits.rest)
            assert min(took) < limits.rest / 2


async def test_a_fault_leaves_no_busy_socket_unread(monkeypatch):
    async with listening(limits=TransportLimits(rest=0.01, many=0.0)) as worker:
        with Peer() as phone:
            phone.send(options(), worker.transports.port)
            await worker.hear("message")
            faults = []
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
            with monkeypatch.context() as fault:
                fault.setattr(Arrival, "received_together", None)
                phone.send(options(), worker.transports.port)
                await asyncio.sleep(0.05)
            phone.send(options(call_id="later"), worker.transports.port)

            assert (await worker.hear("message"))[1].call_id == "later"
            assert len(faults) == 1


async def test_keep_alives_and_stun_are_not_messages():
    async with listening() as worker:
        with Peer() as phone:
            for data in (b"\r\n\r\n", b"\r\n", b"\0\0\0\0", b"", b"\0\1\0\0\x21\x12\xa4\x42" + b"\0" * 12):
                phone.send(data, worker.transports.port)
            phone.send(b"noise", worker.transports.port)

            heard = await worker.hear("message", "malformed")

            assert (heard[0], heard[1], heard[2].status_hint) == ("malformed", b"noise", 0)


async def test_a_peer_keeps_its_flow_and_the_memory_of_peers_is_bounded():
    async with listening(limits=TransportLimits(known_peers=2)) as worker:
        port = worker.transports.port
        with Peer() as one, Peer() as two, Peer() as three:
            flows = []
            for phone in (one, one, two, three, one):
                phone.send(options(), port)
                flows.append((await worker.hear("message"))[2])

            assert flows[0] is flows[1]
            assert flows[4] == flows[0]
            assert [flow.port for flow in flows] == [one.port, one.port, two.port, three.port, one.port]


async def test_what_cannot_be_sent_is_told_in_a_later_turn():
    async with listening() as worker:
        transaction = object()

        worker.transports.send(b"x" * 70_000, Flow("udp", HOST, 9), transaction)

        assert worker.heard_nothing
        kind, failed, error = await worker.hear()
        assert (kind, failed, error.errno) == ("error", transaction, errno.EMSGSIZE)


async def test_ipv6_is_spoken_without_and_with_brackets():
    async with listening(Settings("::1")) as worker:
        with Peer("::1") as phone:
            phone.send(options("SIP/2.0/UDP [::1];rport"), worker.transports.port)
            _, _, flow = await worker.hear("message")
            worker.transports.send(b"one", flow)
            worker.transports.send(b"two", flow._replace(host="[::1]"))

            assert flow.host == "::1"
            assert [await phone.receive(), await phone.receive()] == [b"one", b"two"]
            assert worker.transports.addresses[0] == f"udp:[::1]:{worker.transports.port}"


async def test_a_wildcard_of_ipv6_serves_ipv4_peers_under_their_own_address():
    async with listening(Settings("::")) as worker:
        with Peer() as phone:
            phone.send(options(), worker.transports.port)
            _, _, flow = await worker.hear("message")
            worker.transports.send(b"answer", flow)

            assert flow.host == HOST
            assert await phone.receive() == b"answer"


class FullSocket:
    """A socket whose buffer is full until told otherwise; the kernel's own loopback never is."""

    family = socket.AF_INET

    def __init__(self):
        self.real = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.real.bind((HOST, 0))
        self.is_full = True
        self.sent = []

    def __getattr__(self, name):
        return getattr(self.real, name)

    def sendto(self, data, address):
        if self.is_full:
            raise BlockingIOError
        if data == b"refused":
            raise OSError(errno.EPERM, "no")
        self.sent.append((data, address))


async def test_datagrams_wait_in_order_for_room_in_the_socket_and_the_queue_is_bounded():
    full, worker = FullSocket(), Listening()
    sent = asyncio.Event()
    failures = []

    def failed(transaction, error):
        failures.append((transaction, error.errno))
        sent.set()

    limits = TransportLimits(queued_datagrams=3)
    udp = UdpSocket(asyncio.get_running_loop(), full, worker.transports, lambda: None, failed, limits)
    try:
        for data in (b"one", b"two", b"refused", b"lost"):
            udp.send(data, HOST, 5060, data)
        assert (full.sent, udp.dropped) == ([], 1)

        full.is_full = False
        await asyncio.wait_for(sent.wait(), 5)
        udp.send(b"three", HOST, 5060, None)
    finally:
        udp.close()

    assert full.sent == [(data, (HOST, 5060)) for data in (b"one", b"two", b"three")]
    assert failures == [(b"refused", errno.EPERM)]
