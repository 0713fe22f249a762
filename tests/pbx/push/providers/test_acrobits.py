"""The gateway of Acrobits, as its documents describe it, against a look-alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbx.push.providers import Recipient
from pbx.push.providers.acrobits import AcrobitsProvider
from tests.support.push_providers import AcrobitsServer
from tests.support.push_server import DROP, Answer

from .conftest import pushing

SELECTOR, TOKEN = "12869E0E6E553673C54F29105A0647204C416A2A:7C3A0D14", "dG9rZW4tb2YtYS1waG9uZQ+/="
PHONE = Recipient("key-1", "acrobits", "cz.acrobits.softphone.pushproxy", f"{SELECTOR} {TOKEN}", "ios")


@pytest.fixture
def server(tmp_path):
    server = AcrobitsServer(tmp_path)
    server.known.add(TOKEN)
    yield server
    server.close()


def provider_of(server: AcrobitsServer):
    return lambda client: AcrobitsProvider(client, f"{server.url}/pnm2/send")


@pytest.fixture
def send(server, use, call):
    def send(*, times: int = 1, timeout: float = 2.0):
        return use(server, provider_of(server), pushing(PHONE, call, times), timeout=timeout)

    return send


@pytest.mark.acceptance("H75")
@pytest.mark.acceptance("H79")
def test_the_app_is_told_of_the_call_by_its_call_id(server, send):
    result = send()

    (push,) = server.received
    assert (result.status, result.accepted) == (200, True)
    assert push.path == "/pnm2/send"
    assert push.body == {
        "verb": "NotifyIncomingCall",
        "AppId": "cz.acrobits.softphone.pushproxy",
        "DeviceToken": TOKEN,
        "Selector": SELECTOR,
        "Id": "c1@host",
        "UserName": "100@pbx.test",
        "UserDisplayName": '"},{"x":"',
    }


@pytest.mark.parametrize(
    ("_case", "answer", "expected"),
    [
        ("a dead token", Answer(200, b'{"code":410,"response":"gone"}'), {"token_is_gone": True, "reason": "gone"}),
        ("an unknown one", Answer(404, b""), {"token_invalid": True}),
        ("incomplete", Answer(400, b"AppId missing"), {"token_invalid": False, "is_temporary": False}),
        ("not for us", Answer(403, b""), {"credentials_refused": True}),
        ("throttled", Answer(429, b"", {"Retry-After": "7"}), {"retry_after": 7.0, "is_temporary": True}),
        ("down", Answer(503, b""), {"is_temporary": True, "blames_provider": True}),
        ("down behind a 200", Answer(200, b'{"code":500,"response":"error"}'), {"is_temporary": True, "accepted": False}),
        ("dropped", DROP, {"status": 0, "is_temporary": True}),
        ("echoed token", Answer(400, TOKEN.encode()), {"reason": "…"}),
    ],
)  # fmt: skip
def test_what_the_gateway_answers(_case, answer, expected, server, send):
    server.answers(answer)

    result = send()

    assert not result.accepted
    assert {name: getattr(result, name) for name in expected} == expected


@pytest.mark.parametrize(("kind", "verbs"), [("message", ["NotifyTextMessage"]), ("refresh", [])])
def test_what_is_no_call_rings_no_phone(kind, verbs, server, use, call):
    result = use(server, provider_of(server), pushing(PHONE, replace(call, kind=kind)))

    assert [push.body["verb"] for push in server.received] == verbs
    assert (result.accepted, result.is_temporary) == (bool(verbs), False)


def test_a_token_that_it_does_not_know(server, send):
    server.known.clear()

    assert send().token_invalid


def test_a_gateway_that_does_not_answer_in_time(server, send):
    server.answers(Answer(delay=5))

    assert send(timeout=0.3).reason == "timeout"


def test_a_slow_gateway_is_waited_for(server, send):
    server.answers(Answer(200, b'{"code":200}', delay=0.3))

    assert send().accepted


def test_nobody_listening_is_a_temporary_failure(server, send):
    server.close()

    assert send().reason == "unreachable: ConnectError"


def test_its_check_pushes_nobody(server, use):
    result = use(server, provider_of(server), lambda provider: provider.check())

    (push,) = server.received
    assert result.accepted
    assert push.body["DeviceToken"] == "none"


def test_a_gateway_that_is_down_fails_the_check(server, use):
    server.answers(Answer(502, b"<html>"))

    assert use(server, provider_of(server), lambda provider: provider.check()).blames_provider
