"""Garbage, half messages, huge ones and clever ones, over UDP and TCP: the server serves on, and has not even stumbled."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.torture.messages import DATAGRAMS, STREAMS

from .clients.scripted import ScriptedPhone
from .exchange import Exchange

TROUBLE = ("ERROR", "CRITICAL", "Traceback")
WHOLE = (
    b"INVITE sip:100@pbx.example.org SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP 198.51.100.7:5060;branch=z9hG4bK-whole;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <sip:200@pbx.example.org>;tag=1\r\n"
    b"To: <sip:100@pbx.example.org>\r\n"
    b"Call-ID: whole@198.51.100.7\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Content-Length: 4\r\n\r\nbody"
)


def garbage() -> list[bytes]:
    """Octets without any sense, the same in every run."""
    source = random.Random(4475)
    return [source.randbytes(source.choice([1, 2, 20, 500, 1400, 60_000])) for _ in range(100)]


def halves() -> list[bytes]:
    """A good message, cut off everywhere."""
    return [WHOLE[:length] for length in range(1, len(WHOLE), 3)]


def huge() -> list[bytes]:
    """More of something than anybody needs."""
    start, _, rest = WHOLE.partition(b"\r\n")

    def with_lines(lines: bytes) -> bytes:
        return start + b"\r\n" + lines + rest

    return [
        with_lines(b"X-Long: " + b"a" * 50_000 + b"\r\n"),
        with_lines(b"X: y\r\n" * 9_000),
        with_lines(b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n" * 1_000),
        with_lines(b"Route: <sip:192.0.2.1;lr>\r\n" * 1_500),
        with_lines(b"Subject: " + b"\r\n a" * 10_000 + b"\r\n"),
        with_lines(b"Contact: " + b",".join([b"<sip:a@192.0.2.1>"] * 2_000) + b"\r\n"),
        WHOLE.replace(b"sip:100@", b"sip:" + b"1" * 40_000 + b"@", 1),
        WHOLE.replace(b"tag=1", b"tag=1" + b";a" * 20_000, 1),
        WHOLE.replace(b"Content-Length: 4", b"Content-Length: " + b"9" * 4_000),
    ]


KINDS: list[tuple[str, Callable[[], Iterable[bytes]]]] = [
    ("garbage", garbage),
    ("halves", halves),
    ("huge messages", huge),
    ("odd and broken messages", lambda: [hostile.data for hostile in DATAGRAMS]),
]


@contextlib.contextmanager
def unharmed(exchange: Exchange) -> Iterator[ScriptedPhone]:
    """A phone that is registered before, and makes a call after all that; the same process has served throughout."""
    product = exchange.product
    caller, callee = (exchange.scripted(who) for who in exchange.people(2))
    process, read_to = product.children()["sip"], len(product.log())

    yield caller

    call = caller.call(callee.user)
    incoming = callee.wait_for_call()
    incoming.respond(200)
    call.wait_for(200)
    incoming.wait_for_ack()
    call.bye(incoming)
    assert product.children()["sip"] == process
    assert [line for line in product.log()[read_to:].splitlines() if any(word in line for word in TROUBLE)] == []


def assert_serving(phone: ScriptedPhone, after: object) -> None:
    """An OPTIONS is answered, so all that was sent before it has been read."""
    assert phone.ask("OPTIONS", f"sip:{phone.domain}").status == 200, after


KINDS_OF_MESSAGES = pytest.mark.parametrize("messages", [pytest.param(kind, id=name) for name, kind in KINDS])


@KINDS_OF_MESSAGES
def test_datagrams_of_every_kind_leave_it_serving(exchange: Exchange, messages: Callable[[], Iterable[bytes]]) -> None:
    with unharmed(exchange) as phone, socket.socket(type=socket.SOCK_DGRAM) as sender:
        for number, data in enumerate(messages()):
            sender.sendto(data[:65_000], exchange.address)
            if number % 5 == 0:
                assert_serving(phone, number)


@KINDS_OF_MESSAGES
def test_streams_of_every_kind_leave_it_serving(exchange: Exchange, messages: Callable[[], Iterable[bytes]]) -> None:
    with unharmed(exchange) as phone:
        for number, data in enumerate(messages()):
            # A server that has heard enough closes the connection, perhaps before the last octet.
            with contextlib.suppress(ConnectionError), socket.create_connection(exchange.address) as connection:
                connection.sendall(data)
            if number % 5 == 0:
                assert_serving(phone, number)


def test_streams_with_broken_frames_leave_it_serving(exchange: Exchange) -> None:
    with unharmed(exchange) as phone:
        for name, data, _ in STREAMS:
            with contextlib.suppress(ConnectionError), socket.create_connection(exchange.address) as connection:
                connection.sendall(data)
            assert_serving(phone, name)


def test_connections_that_never_finish_their_message_keep_nobody_out(exchange: Exchange) -> None:
    with unharmed(exchange), contextlib.ExitStack() as connections:
        for _ in range(100):
            connection = connections.enter_context(socket.create_connection(exchange.address))
            connection.sendall(WHOLE[:100])

        with exchange.scripted(exchange.person(), transport="tcp") as phone:
            assert_serving(phone, "100 halves")


def test_a_message_that_comes_one_octet_at_a_time_is_understood(exchange: Exchange) -> None:
    with exchange.scripted(transport="tcp") as phone:
        number = phone.next_cseq()
        target = f"sip:{exchange.server}"
        request = phone.build("OPTIONS", target, "slow", number, [("To", f"<{target}>")])
        for position in range(len(request)):
            phone.send(request[position : position + 1])

        assert phone.wait_for_response("slow", number, "OPTIONS").status == 200
