"""The signed HTTP provider against a server on a real socket."""

from __future__ import annotations

import asyncio
from email.utils import formatdate

import httpx2
import pytest

from pbx.push.providers import Recipient, Wakeup
from pbx.push.providers.http import HttpProvider, sign
from tests.support.push_server import ACCEPT, DROP, Answer, PushServer

TOKEN = "a-token-that-nobody-may-see"
PHONE = Recipient("key-1", "http", "com.example.app", TOKEN, "android")
CALL = Wakeup("11111111-2222", "call", "101@pbx.test", "u1", "c1", "100@pbx.test", '"},{"x":"', 1.5, 21.5)


@pytest.fixture
def server():
    server = PushServer()
    yield server
    server.close()


def send(server: PushServer, *, times: int = 1, wakeup: Wakeup = CALL, timeout: float = 2.0):
    """Push so often over one client; return the last result."""

    async def run():
        async with httpx2.AsyncClient(http2=True, timeout=timeout) as client:
            provider = HttpProvider(client, server.url, server.secret)
            return [await provider.send(PHONE, wakeup) for _ in range(times)][-1]

    return asyncio.run(run())


def test_the_receiver_gets_the_call_and_the_token_signed(server):
    result = send(server)

    (push,) = server.received
    assert server.is_signed(push)
    assert push.headers["idempotency-key"] == "11111111-2222"
    assert push.headers["content-type"] == "application/json"
    assert abs(int(push.headers["x-pbx-timestamp"]) - push.at) < 2
    assert push.body == {
        "type": "call",
        "push_id": "11111111-2222",
        "aor": "101@pbx.test",
        "uuid": "u1",
        "call_id": "c1",
        "from_uri": "100@pbx.test",
        "display_name": '"},{"x":"',
        "sent_at": "1500",
        "expires_at": "21500",
        "media": "",
        "node": "",
        "provider": "http",
        "param": "com.example.app",
        "token": TOKEN,
        "device": "key-1",
    }
    assert (result.status, result.accepted) == (200, True)


def test_the_signature_is_the_documented_one():
    """A vector for those who write a receiver: HMAC-SHA256 of `1700000000.{"a":1}` with the key `secret`."""
    value = sign("secret", "1700000000", b'{"a":1}')

    assert value == "v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686"


def test_another_secret_is_noticed(server):
    server.secret = "another"
    send(server)

    server.secret = "not the sender's"

    assert not server.is_signed(server.received[0])


@pytest.mark.parametrize(
    ("_case", "answer", "expected"),
    [
        ("accepted", Answer(202), {"status": 202, "accepted": True}),
        ("gone", Answer(410, b'{"reason":"Unregistered"}'), {"reason": "Unregistered", "token_is_gone": True}),
        ("unknown", Answer(404, b""), {"status": 404, "token_invalid": True, "reason": ""}),
        ("throttled", Answer(429, headers={"Retry-After": "7"}), {"retry_after": 7.0, "is_temporary": True}),
        ("down", Answer(503, b"<h1>no</h1>"), {"is_temporary": True, "blames_provider": True, "reason": "<h1>no</h1>"}),
        ("wrong", Answer(401, b'{"error":"bad signature"}'), {"credentials_refused": True, "reason": "bad signature"}),
        ("moved", Answer(301, headers={"Location": "/"}), {"accepted": False, "is_temporary": False}),
        ("dropped", DROP, {"status": 0, "is_temporary": True, "reason": "unreachable: RemoteProtocolError"}),
        ("echoed token", Answer(400, TOKEN.encode()), {"reason": "…"}),
        ("a long story", Answer(500, b"x" * 100_000), {"reason": "x" * 200}),
    ],
)
def test_what_the_receiver_answers(_case, answer, expected, server):
    server.answers(answer)

    result = send(server)

    assert {name: getattr(result, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("_case", "answer", "expected"),
    [
        ("taken", Answer(204, b""), {"accepted": True}),
        ("an empty token is unknown: the signature was right", Answer(404), {"accepted": True, "status": 404}),
        ("another secret", Answer(401, b'{"error":"bad signature"}'), {"credentials_refused": True}),
        ("down", Answer(502, b""), {"accepted": False, "is_temporary": True}),
    ],
)
def test_the_credentials_are_tested_without_a_token(_case, answer, expected, server):
    server.answers(answer)

    async def run():
        async with httpx2.AsyncClient() as client:
            return await HttpProvider(client, server.url, server.secret).check()

    result = asyncio.run(run())

    (push,) = server.received
    assert server.is_signed(push)
    assert push.body == {"type": "check", "token": ""}
    assert {name: getattr(result, name) for name in expected} == expected


def test_a_date_to_come_back_at_is_understood(server):
    import time

    server.answers(Answer(503, headers={"Retry-After": formatdate(time.time() + 100, usegmt=True)}))

    assert 95 <= send(server).retry_after <= 100


def test_a_receiver_that_does_not_answer_in_time(server):
    server.answers(Answer(delay=5))

    result = send(server, timeout=0.1)

    assert (result.status, result.reason, result.is_temporary) == (0, "timeout", True)


def test_nobody_listening_is_a_temporary_failure(server):
    server.close()

    result = send(server)

    assert (result.reason, result.is_temporary) == ("unreachable: ConnectError", True)


def test_pushes_share_one_connection(server):
    server.answers(ACCEPT, Answer(410, b'{"reason":"Unregistered"}'), ACCEPT)

    send(server, times=3)

    assert len({push.connection for push in server.received}) == 1


def test_it_is_not_configured_without_a_secret(settings):
    settings.PUSH_HTTP_URL, settings.PUSH_HTTP_SECRET = "https://push.example.org/", ""

    assert HttpProvider.from_settings(None) is None


def test_the_token_is_in_no_repr():
    assert TOKEN not in repr(PHONE)
