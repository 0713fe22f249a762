"""Apple's push service against a look-alike that checks the ES256 signature, over real HTTP/2."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode

import pytest
from django.conf import settings as django_settings

from pbx.push.credentials import apns_key
from pbx.push.providers import Recipient, Wakeup
from pbx.push.providers.apns import NO_DEVICE, ApnsProvider, ApnsSandboxProvider
from tests.support.push_providers import ApnsServer
from tests.support.push_server import DROP, Answer

from .conftest import pushing

VOIP, REMOTE = "aa11" * 16, "bb22" * 16
BUNDLE = ApnsServer.bundle


@pytest.fixture
def server(tmp_path):
    server = ApnsServer(tmp_path)
    server.devices = {VOIP: f"{BUNDLE}.voip", REMOTE: BUNDLE}
    yield server
    server.close()


def key_of(server: ApnsServer, **changes: str):
    words = {"text": server.key_pem, "key_id": server.key_id, "team_id": server.team_id, "topic": BUNDLE, **changes}
    return apns_key(**words)


def provider_of(server: ApnsServer, **changes: str):
    return lambda client: ApnsProvider(client, key_of(server, **changes), server.url)


@pytest.fixture
def send(server, use, call):
    """Push so often; return the last result."""

    def send(
        *,
        token: str = VOIP,
        param: str = f"TEAM123456.{BUNDLE}.voip",
        kind: str = "call",
        times: int = 1,
        timeout: float = 2.0,
        **changes: str,
    ):
        about = (call.aor, call.call_uid, call.call_id, call.caller, call.caller_name, call.sent_at, call.deadline)
        wakeup = Wakeup(call.push_id, kind, *about)
        work = pushing(Recipient("key-1", "apns", param, token, "ios"), wakeup, times)
        return use(server, provider_of(server, **changes), work, timeout=timeout)

    return send


@pytest.mark.acceptance("H75")
@pytest.mark.acceptance("H79")
def test_a_call_goes_to_the_voip_token_at_once(server, send, call):
    result = send()

    (push,) = server.received
    assert (result.status, result.accepted) == (200, True)
    assert push.path == f"/3/device/{VOIP}"
    assert push.headers["apns-topic"] == f"{BUNDLE}.voip"
    assert (push.headers["apns-push-type"], push.headers["apns-priority"]) == ("voip", "10")
    assert push.headers["apns-id"] == call.push_id
    assert push.headers["apns-expiration"] == str(int(call.deadline))
    assert push.body["aps"] == {}
    assert (push.body["call_id"], push.body["display_name"]) == ("c1@host", '"},{"x":"')


def test_the_provider_token_is_signed_once_for_many_pushes(server, send):
    send(times=5)

    assert len(server.received) == 5
    (token,) = server.tokens
    head, claims, _ = (part + "=" * (-len(part) % 4) for part in token.split("."))
    assert json.loads(urlsafe_b64decode(head)) == {"alg": "ES256", "kid": server.key_id, "typ": "JWT"}
    assert set(json.loads(urlsafe_b64decode(claims))) == {"iss", "iat"}
    assert len({push.connection for push in server.received}) == 1


BOTH = f"{REMOTE}:remote&{VOIP}:voip"


@pytest.mark.parametrize(
    ("_case", "param", "token", "kind", "pushed"),
    [
        ("RFC 8599", f"TEAM123456.{BUNDLE}.voip", VOIP, "call", (VOIP, f"{BUNDLE}.voip", "voip", "10")),
        ("without a team", f"{BUNDLE}.voip", VOIP, "call", (VOIP, f"{BUNDLE}.voip", "voip", "10")),
        ("the topic of the settings", "", VOIP, "call", (VOIP, f"{BUNDLE}.voip", "voip", "10")),
        ("Linphone", f"TEAM123456.{BUNDLE}.remote&voip", BOTH, "call", (VOIP, f"{BUNDLE}.voip", "voip", "10")),
        ("a test spares the VoIP token", f"TEAM123456.{BUNDLE}.voip&remote", BOTH, "test", (REMOTE, BUNDLE, "background", "5")),
        ("a test where there is no other", f"TEAM123456.{BUNDLE}.voip", VOIP, "test", (VOIP, f"{BUNDLE}.voip", "voip", "10")),
        ("a message", f"TEAM123456.{BUNDLE}.voip&remote", BOTH, "message", (REMOTE, BUNDLE, "alert", "10")),
        ("a refresh", f"TEAM123456.{BUNDLE}.voip&remote", BOTH, "refresh", (REMOTE, BUNDLE, "background", "5")),
        ("in a call", f"TEAM123456.{BUNDLE}.voip&remote", BOTH, "dialog", (REMOTE, BUNDLE, "background", "5")),
        ("an app without VoIP", f"TEAM123456.{BUNDLE}", REMOTE, "call", (REMOTE, BUNDLE, "alert", "10")),
    ],
)  # fmt: skip
def test_which_token_is_pushed_and_how(_case, param, token, kind, pushed, server, send):
    result = send(param=param, token=token, kind=kind)

    (push,) = server.received
    assert result.accepted
    names = ("apns-topic", "apns-push-type", "apns-priority")
    assert (push.path.removeprefix("/3/device/"), *(push.headers[name] for name in names)) == pushed


@pytest.mark.parametrize("kind", ["message", "refresh", "dialog"])
def test_what_is_no_call_never_goes_to_the_voip_token(kind, server, send):
    result = send(kind=kind)

    assert (result.reason, result.is_temporary) == ("voip-token-only", False)
    assert server.received == []


def test_an_alert_names_the_caller(server, send):
    send(param=f"TEAM123456.{BUNDLE}", token=REMOTE)

    (push,) = server.received
    assert push.body["aps"]["alert"] == {"title": '"},{"x":"', "body": "100@pbx.test"}


def test_a_name_as_long_as_a_caller_likes_fits(server, use, call):
    about = (call.aor, call.call_uid, call.call_id, call.caller, "가" * 5000, call.sent_at, call.deadline)
    wakeup = Wakeup(call.push_id, "call", *about)
    phone = Recipient("key-1", "apns", f"TEAM123456.{BUNDLE}", REMOTE)

    assert use(server, provider_of(server), pushing(phone, wakeup)).accepted


@pytest.mark.parametrize("token", ["../../../admin", "", "a1b2?x=y", VOIP + "/", "not-hex-" * 8])
def test_what_is_no_token_reaches_no_path(token, server, send):
    result = send(token=token)

    assert (result.token_invalid, result.reason) == (True, "BadDeviceToken")
    assert server.received == []


@pytest.mark.acceptance("H77")
def test_apple_says_since_when_a_token_is_dead(server, send):
    server.gone[VOIP] = 1_700_000_000_500

    result = send()

    assert (result.status, result.reason, result.token_invalid) == (410, "Unregistered", True)
    assert result.token_is_gone
    assert result.invalid_since == 1_700_000_000.5


def said(status: int, reason: str, **more) -> Answer:
    return Answer(status, json.dumps({"reason": reason, **more}).encode())


@pytest.mark.parametrize(
    ("_case", "answer", "expected"),
    [
        ("sandbox token", said(400, "BadDeviceToken"), {"token_is_gone": False, "reason": "BadDeviceToken"}),
        ("another app's", said(400, "DeviceTokenNotForTopic"), {"token_invalid": True}),
        ("wrong key", said(403, "InvalidProviderToken"), {"credentials_refused": True, "is_temporary": False}),
        (
            "throttled",
            Answer(429, b'{"reason":"TooManyRequests"}', {"Retry-After": "7"}),
            {"retry_after": 7.0, "is_temporary": True, "blames_provider": False},
        ),
        ("broken", said(500, "InternalServerError"), {"is_temporary": True, "blames_provider": True}),
        ("down", said(503, "ServiceUnavailable"), {"is_temporary": True, "blames_provider": True}),
        ("no JSON", Answer(502, b"<html>bad gateway"), {"reason": "<html>bad gateway", "is_temporary": True}),
        ("dropped", DROP, {"status": 0, "is_temporary": True}),
        ("echoed token", Answer(400, VOIP.encode()), {"reason": "…"}),
    ],
)
def test_what_apple_answers(_case, answer, expected, server, send):
    server.answers(answer)

    result = send()

    assert not result.accepted
    assert {name: getattr(result, name) for name in expected} == expected


def test_a_provider_that_does_not_answer_in_time(server, send):
    server.answers(Answer(delay=5))

    assert send(timeout=0.3).reason == "timeout"


def test_a_slow_push_does_not_hold_up_others_on_its_connection(server, use, call):
    server.answers(Answer(200, b"", delay=0.5))
    phone = Recipient("key-1", "apns", "", VOIP)

    async def both(provider):
        slow = asyncio.create_task(provider.send(phone, call))
        await asyncio.to_thread(server.wait, 1)
        quick = await provider.send(phone, call)
        return quick, await slow

    quick, slow = use(server, provider_of(server), both)

    assert quick.accepted
    assert quick.ms < 400 <= slow.ms
    assert len({push.connection for push in server.received}) == 1


def test_nobody_listening_is_a_temporary_failure(server, send):
    server.close()

    assert send().reason == "unreachable: ConnectError"


def test_a_token_that_apple_calls_too_old_is_not_signed_again_and_again(server, use, call):
    """Apple refuses more than one new token in twenty minutes, so a young one is not replaced: the clock is wrong."""
    server.oldest = 0.0

    result = use(server, provider_of(server), pushing(Recipient("key-1", "apns", "", VOIP), call, 3))

    assert (result.reason, result.credentials_refused) == ("ExpiredProviderToken", True)
    assert len(server.tokens) == 1


def test_an_old_token_that_apple_refuses_is_replaced_at_once(server, use, call, monkeypatch):
    monkeypatch.setattr("pbx.push.providers.apns.NOT_BEFORE", 0.0)
    server.answers(said(403, "ExpiredProviderToken"))

    result = use(server, provider_of(server), pushing(Recipient("key-1", "apns", "", VOIP), call))

    assert result.accepted
    assert len(server.received) == 2


class TestCheck:
    """The test of the credentials pushes a device that does not exist."""

    @pytest.fixture
    def check(self, server, use):
        return lambda **changes: use(server, provider_of(server, **changes), lambda provider: provider.check())

    def test_right_ones(self, server, check):
        assert check().accepted
        (push,) = server.received
        assert push.path == f"/3/device/{NO_DEVICE}"

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"key_id": "KEY7654321"}, "InvalidProviderToken"),
            ({"team_id": "TEAM654321"}, "InvalidProviderToken"),
            ({"topic": "org.example.other"}, "TopicDisallowed"),
        ],
    )
    def test_wrong_ones(self, check, changes, reason):
        result = check(**changes)

        assert (result.accepted, result.credentials_refused, result.reason) == (False, True, reason)

    def test_another_key(self, check, tmp_path_factory):
        other = ApnsServer(tmp_path_factory.mktemp("other"))
        other.close()

        assert check(text=other.key_pem).reason == "InvalidProviderToken"


def test_development_builds_have_a_provider_of_their_own(settings, server):
    settings.APNS_KEY, settings.APNS_KEY_ID, settings.APNS_TEAM_ID = server.key_pem, server.key_id, server.team_id
    settings.APNS_TOPIC = ""

    assert ApnsProvider.from_settings(None)._url == "https://api.push.apple.com"
    assert ApnsSandboxProvider.from_settings(None)._url == "https://api.sandbox.push.apple.com"


def test_it_is_not_configured_without_a_key():
    assert django_settings.APNS_KEY == ""
    assert ApnsProvider.from_settings(None) is None
