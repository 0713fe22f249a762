"""Firebase Cloud Messaging against a look-alike that checks the signature, over real HTTP/2."""

from __future__ import annotations

import asyncio

import pytest

from pbx.push.credentials import fcm_account
from pbx.push.providers import Recipient
from pbx.push.providers.fcm import FcmProvider
from tests.support.push_providers import FcmServer
from tests.support.push_server import DROP, Answer

from .conftest import pushing

TOKEN = "fcm-token-that-nobody-may-see:APA91b"
PHONE = Recipient("key-1", "fcm", "phone-project", TOKEN, "android")


@pytest.fixture
def server(tmp_path):
    server = FcmServer(tmp_path)
    yield server
    server.close()


def provider_of(server: FcmServer, **changes: str):
    return lambda client: FcmProvider(client, fcm_account(server.credentials(**changes)), server.url)


@pytest.fixture
def send(server, use, call):
    """Push so often; return the last result."""

    def send(*, times: int = 1, timeout: float = 2.0, **changes: str):
        return use(server, provider_of(server, **changes), pushing(PHONE, call, times), timeout=timeout)

    return send


@pytest.mark.acceptance("H75")
@pytest.mark.acceptance("H79")
def test_the_phone_is_sent_the_call_as_data_at_high_priority(server, send):
    result = send()

    (push,) = server.pushes
    assert (result.status, result.accepted, result.reason) == (200, True, "")
    assert push.headers[":method"] == "POST"
    message = push.body["message"]
    assert message["token"] == TOKEN
    assert message["android"]["priority"] == "HIGH"
    assert message["android"]["ttl"] in ("19s", "20s")
    assert "notification" not in message
    assert message["data"]["type"] == "call"
    assert message["data"]["call_id"] == "c1@host"
    assert message["data"]["display_name"] == '"},{"x":"'
    assert {type(value) for value in message["data"].values()} == {str}


def test_one_sign_in_and_one_connection_serve_many_pushes(server, send):
    send(times=5)

    assert len(server.pushes) == 5
    assert server.given == ["access-1"]
    assert len({request.connection for request in server.received}) == 1


def test_pushes_at_the_same_moment_share_one_sign_in(server, use, call):
    server.sign_in_delay = 0.1

    async def burst(provider):
        return await asyncio.gather(*(provider.send(PHONE, call) for _ in range(20)))

    results = use(server, provider_of(server), burst)

    assert [result.accepted for result in results] == [True] * 20
    assert server.given == ["access-1"]


def test_an_access_token_is_fetched_ahead_of_its_end_and_no_push_waits_for_it(server, use, call):
    server.lifetime = 2  # used until its last second, fetched anew from half of its life on

    async def twice(provider):
        await provider.send(PHONE, call)
        await asyncio.sleep(1.05)
        server.sign_in_delay = 0.3
        return await provider.send(PHONE, call)

    result = use(server, provider_of(server), twice)

    assert result.accepted
    assert result.ms < 300


def test_a_withdrawn_access_token_is_replaced_at_once(server, use, call):
    async def withdrawn(provider):
        await provider.send(PHONE, call)
        server.valid.clear()
        return await provider.send(PHONE, call)

    result = use(server, provider_of(server), withdrawn)

    assert result.accepted
    assert server.given == ["access-1", "access-2"]


@pytest.mark.acceptance("H35")
def test_a_token_that_is_not_registered_any_more(server, send):
    server.gone.add(TOKEN)

    result = send()

    assert (result.status, result.reason, result.token_invalid) == (404, "UNREGISTERED", True)
    assert result.token_is_gone


def error(*arguments, **keywords) -> Answer:
    return FcmServer.error(*arguments, **keywords)


VIOLATION = {"fieldViolations": [{"field": "message.token", "description": "Invalid registration token"}]}


@pytest.mark.parametrize(
    ("_case", "answer", "expected"),
    [
        (
            "no token at all",
            error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", **VIOLATION),
            {"token_invalid": True, "token_is_gone": False, "reason": "INVALID_ARGUMENT (message.token)"},
        ),
        (
            "another mistake of the same name",
            error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "Invalid value at 'message.android'"),
            {"token_invalid": False, "is_temporary": False, "reason": "INVALID_ARGUMENT: Invalid value at 'message.android'"},
        ),
        (
            "the token of another project",
            error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
            {"token_invalid": True, "reason": "SENDER_ID_MISMATCH"},
        ),
        (
            "an account without the role",
            error(403, "PERMISSION_DENIED"),
            {"token_invalid": False, "credentials_refused": True, "reason": "PERMISSION_DENIED"},
        ),
        (
            "throttled",
            Answer(429, error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED").body, {"Retry-After": "7"}),
            {"retry_after": 7.0, "is_temporary": True, "blames_provider": False},
        ),
        ("throttled without a time", error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), {"retry_after": 60.0}),
        ("down", error(503, "UNAVAILABLE", "UNAVAILABLE"), {"is_temporary": True, "blames_provider": True}),
        ("broken", error(500, "INTERNAL", "INTERNAL"), {"is_temporary": True, "reason": "INTERNAL"}),
        ("no such page", Answer(404, b"<html>"), {"token_invalid": False, "is_temporary": False, "reason": "<html>"}),
        ("dropped", DROP, {"status": 0, "is_temporary": True, "blames_provider": True}),
        ("echoed token", Answer(400, TOKEN.encode()), {"reason": "…"}),
    ],
)  # fmt: skip
def test_what_google_answers(_case, answer, expected, server, send):
    server.answers(answer)

    result = send()

    assert not result.accepted
    assert {name: getattr(result, name) for name in expected} == expected


def test_a_provider_that_does_not_answer_in_time(server, send):
    server.answers(Answer(delay=5))

    result = send(timeout=0.3)

    assert (result.status, result.reason, result.is_temporary) == (0, "timeout", True)


def test_a_slow_provider_is_waited_for(server, send):
    server.answers(Answer(delay=0.3))

    result = send()

    assert result.accepted
    assert result.ms >= 300


def test_nobody_listening_is_a_temporary_failure(server, send):
    server.close()

    result = send()

    assert (result.reason, result.is_temporary) == ("unreachable: ConnectError", True)


def test_a_certificate_of_somebody_else_is_not_believed(server, call, tmp_path_factory, use):
    """The push carries a token, so it goes to nobody who cannot show that he is the provider."""
    other = FcmServer(tmp_path_factory.mktemp("other"))
    server.ca_file = other.ca_file

    result = use(server, provider_of(server), pushing(PHONE, call))

    other.close()
    assert result.reason == "unreachable: ConnectError"
    assert server.received == []


class TestCheck:
    """The test of the credentials wakes nobody and says what is wrong."""

    @pytest.fixture
    def check(self, server, use):
        return lambda **changes: use(server, provider_of(server, **changes), lambda provider: provider.check())

    def test_right_ones(self, server, check):
        assert check().accepted
        (push,) = server.pushes
        assert push.body["validate_only"] is True
        assert "token" not in push.body["message"]

    def test_a_key_that_was_deleted(self, server, check, tmp_path_factory):
        other = FcmServer(tmp_path_factory.mktemp("other"))
        key = fcm_account(other.credentials()).key
        other.close()
        from tests.support.push_providers import _pem

        result = check(private_key=_pem(key))

        assert (result.accepted, result.credentials_refused) == (False, True)
        assert result.reason == "invalid_grant: Invalid JWT Signature."

    def test_an_account_without_the_role(self, server, check):
        server.answers(error(403, "PERMISSION_DENIED"))

        assert check().credentials_refused

    def test_a_sign_in_that_cannot_be_reached(self, server, check):
        result = check(token_uri="https://127.0.0.1:9/token")

        assert (result.reason, result.is_temporary) == ("unreachable: ConnectError", True)


def test_it_is_not_configured_without_credentials(settings):
    settings.FCM_CREDENTIALS = ""

    assert FcmProvider.from_settings(None) is None


def test_no_secret_is_in_a_repr(server):
    account = fcm_account(server.credentials())

    assert "PRIVATE" not in repr(account)
    assert "RSAPrivateKey" not in repr(account)
