"""Web Push against a look-alike of a browser and its push service: VAPID is checked, the payload decrypted."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pbx.push.credentials import from_base64url, vapid_key
from pbx.push.providers import Recipient
from pbx.push.providers.encryption import BrowserKeys, encrypt
from pbx.push.providers.webpush import WebPushProvider
from tests.support.push_providers import WebPushServer
from tests.support.push_server import DROP, Answer

from .conftest import pushing


@pytest.fixture
def server(tmp_path):
    server = WebPushServer(tmp_path)
    yield server
    server.close()


def provider_of(server: WebPushServer, **changes):
    about = {"subject": "mailto:admin@pbx.test", "hosts": ["localhost"], **changes}
    return lambda client: WebPushProvider(client, vapid_key(server.key_pem), **about)


@pytest.fixture
def send(server, use, call):
    """Push so often; return the last result."""

    def send(*, keys=None, endpoint="", times: int = 1, timeout: float = 2.0, **changes):
        phone = Recipient("key-1", "webpush", "", endpoint or server.endpoint, "web", keys or {})
        return use(server, provider_of(server, **changes), pushing(phone, call, times), timeout=timeout)

    return send


@pytest.mark.acceptance("H75")
@pytest.mark.acceptance("H79")
def test_a_browser_that_gave_its_keys_reads_who_calls(server, send):
    result = send(keys=server.keys)

    (push,) = server.received
    assert (result.status, result.accepted) == (201, True)
    assert push.headers["content-encoding"] == "aes128gcm"
    assert push.headers["ttl"] in ("19", "20")
    assert push.headers["urgency"] == "high"
    assert b"c1@host" not in push.raw
    told = server.decrypted(push)
    assert (told["call_id"], told["display_name"], told["type"]) == ("c1@host", '"},{"x":"', "call")


def test_one_that_did_not_is_woken_without_a_word(server, send):
    result = send()

    (push,) = server.received
    assert result.accepted
    assert push.raw == b""
    assert "content-encoding" not in push.headers


def test_pushes_share_one_connection_and_one_signature(server, send):
    send(times=3)

    assert len({push.connection for push in server.received}) == 1
    assert len({push.headers["authorization"] for push in server.received}) == 1


@pytest.mark.acceptance("H35")
def test_a_subscription_that_is_over(server, send):
    server.gone = True

    result = send()

    assert (result.status, result.token_invalid, result.token_is_gone) == (410, True, True)


@pytest.mark.parametrize(
    ("_case", "answer", "expected"),
    [
        ("unknown", Answer(404, b""), {"token_invalid": True, "token_is_gone": True}),
        ("another key", Answer(403, b'{"message":"VAPID public key mismatch"}'), {"credentials_refused": True, "reason": "VAPID public key mismatch"}),
        ("throttled", Answer(429, b"", {"Retry-After": "7"}), {"retry_after": 7.0, "is_temporary": True}),
        ("down", Answer(503, b""), {"is_temporary": True, "blames_provider": True}),
        ("wrong", Answer(400, b"no"), {"token_invalid": False, "is_temporary": False, "reason": "no"}),
        ("dropped", DROP, {"status": 0, "is_temporary": True}),
        ("moved", Answer(301, b"", {"Location": "https://localhost/"}), {"accepted": False, "is_temporary": False}),
    ],
)  # fmt: skip
def test_what_push_services_answer(_case, answer, expected, server, send):
    server.answers(answer)

    result = send()

    assert not result.accepted
    assert {name: getattr(result, name) for name in expected} == expected


def test_a_key_that_the_browser_did_not_subscribe_with(server, use, call, tmp_path_factory):
    other = WebPushServer(tmp_path_factory.mktemp("other"))
    other.close()
    phone = Recipient("key-1", "webpush", "", server.endpoint)
    make = lambda client: WebPushProvider(client, vapid_key(other.key_pem), "mailto:a@b", ["localhost"])  # noqa: E731

    result = use(server, make, pushing(phone, call))

    assert (result.status, result.credentials_refused) == (403, True)


def test_the_address_that_nobody_may_know_is_in_no_reason(server, send):
    server.answers(Answer(400, f"bad endpoint {server.endpoint}".encode()))

    result = send()

    assert result.reason == "bad endpoint …"


def test_a_service_that_does_not_answer_in_time(server, send):
    server.answers(Answer(delay=5))

    assert send(timeout=0.3).reason == "timeout"


def test_nobody_listening_is_a_temporary_failure(server, send):
    server.close()

    assert send().reason == "unreachable: ConnectError"


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://127.0.0.1:6379/",
        "https://metadata.internal/latest",
        "http://localhost/wpush/v2/x",
        "https://push.apple.com.evil.example/x",
        "https://user:secret@localhost/x",
        "https://evilpush.apple.com@127.0.0.1/x",
        "file:///etc/passwd",
        "https://[::1/x",
        "nonsense",
        "",
    ],
)
def test_a_phone_makes_this_host_call_no_other(endpoint, server, use, call):
    phone = Recipient("key-1", "webpush", "", endpoint)

    result = use(server, provider_of(server), pushing(phone, call))

    assert (result.reason, result.is_temporary, result.blames_provider) == ("host-not-allowed", False, False)
    assert server.received == []


@pytest.mark.parametrize(
    ("endpoint", "allowed"),
    [
        ("https://updates.push.services.mozilla.com/wpush/v2/x", True),
        ("https://fcm.googleapis.com/fcm/send/x", True),
        ("https://web.push.apple.com/x", True),
        ("https://wns2-par02p.notify.windows.com/w/?token=x", True),
        ("https://notfcm.googleapis.com/x", False),
        ("https://localhost/x", False),
    ],
)
def test_the_push_services_of_browsers_are_known(endpoint, allowed, server):
    assert provider_of(server, hosts=())(None)._is_allowed(endpoint) is allowed


@pytest.mark.parametrize("keys", [{"p256dh": "AAAA", "auth": "AAAA"}, {"p256dh": "", "auth": ""}, {"auth": "%%"}])
def test_keys_that_cannot_be_used_are_refused_and_nothing_is_sent(keys, server, send):
    result = send(keys=keys)

    assert result.reason == "bad-subscription-keys"
    assert server.received == []


def test_the_example_of_rfc_8291_comes_out():
    """RFC 8291 §5 and appendix A."""
    ours = ec.derive_private_key(
        int.from_bytes(from_base64url("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")), ec.SECP256R1()
    )
    browser = BrowserKeys.read(
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg",
    )

    body = encrypt(
        b"When I grow up, I want to be a watermelon",
        browser,
        ours=ours,
        salt=from_base64url("DGv6ra1nlYgDCS1FRnbzlw"),
    )

    assert body == from_base64url(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
        "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


def test_no_payload_is_encrypted_alike_twice(server):
    browser = BrowserKeys.read(**server.keys)
    plain = json.dumps({"a": 1}).encode()

    assert encrypt(plain, browser) != encrypt(plain, browser)


def test_its_check_asks_nobody(server, use):
    result = use(server, provider_of(server), lambda provider: provider.check())

    assert (result.accepted, result.status) == (True, 0)
    assert server.received == []
