from __future__ import annotations

import logging
import socket
from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sipcore.config import SHIPPED_ROUTES, WorkerConfig, default_route_address
from sipcore.errors import ConfigurationError
from tests.support.keys import SECP160R1


def read(**environ):
    return WorkerConfig.from_environment(
        {"REDIS_URL": "redis://localhost:6379/0", **environ},
        own_address=lambda family: "2001:db8::7" if family == socket.AF_INET6 else "192.0.2.7",
        own_name=lambda: "Host.example",
    )


def test_nothing_but_the_store_has_to_be_said():
    config = read()

    assert (config.sip_host, config.sip_port, config.share_port) == ("0.0.0.0", 5060, False)
    assert config.advertised == {"udp": ("192.0.2.7", 5060), "tcp": ("192.0.2.7", 5060)}
    assert config.listening == {("127.0.0.1", 5060), ("[::1]", 5060)}
    assert config.domains == ("192.0.2.7", "host.example", "localhost", "127.0.0.1", "[::1]")
    assert config.realm == "192.0.2.7"
    assert (config.routes, config.log_level) == (SHIPPED_ROUTES, logging.INFO)
    assert (config.wake_seconds, config.ring_seconds, config.hold) == (20.0, 60.0, "auto")
    assert (config.pickup_codes, config.pickup_directed) == (("33", "*8"), "**")
    assert (config.global_decline, config.trusted_sources, config.push_providers) == (False, (), ())
    assert config.broker_url == "redis://localhost:6379/1"


def test_everything_may_be_said(tmp_path):
    script = tmp_path / "own.py"
    script.touch()

    config = read(
        PBX_SIP="127.0.0.2:5070",
        PBX_ADVERTISE="PBX.example.org:15070",
        PBX_DOMAINS="Example.org, 203.0.113.1,example.org",
        PBX_ROUTES=str(script),
        PBX_WAKE_SECONDS="2.5",
        PBX_RING_SECONDS="30",
        PBX_HOLD="Push",
        PBX_PICKUP_CODE="*7",
        PBX_PICKUP_DIRECTED="*9",
        PBX_SIP_WORKERS="4",
        PBX_BROKER_URL="redis+socket:///x.sock?virtual_host=3",
        PBX_GLOBAL_DECLINE="on",
        PBX_TRUSTED_SOURCES="192.0.2.0/24, 2001:db8::1",
        PBX_PUSH_PROVIDERS="FCM,http",
        PBX_LOG_LEVEL="warning",
        PBX_WORKER_ID="w-1",
    )

    assert (config.sip_host, config.sip_port, config.share_port, config.sip_workers) == ("127.0.0.2", 5070, True, 4)
    assert config.advertised["tcp"] == ("pbx.example.org", 15070)
    assert config.domains == ("example.org", "203.0.113.1", "pbx.example.org", "host.example", "localhost", "127.0.0.2")
    assert (config.routes, config.wake_seconds, config.ring_seconds, config.hold) == (script, 2.5, 30.0, "push")
    assert (config.pickup_codes, config.pickup_directed, config.global_decline) == (("*7",), "*9", True)
    assert config.broker_url == "redis+socket:///x.sock?virtual_host=3"
    assert config.trusted_sources == ("192.0.2.0/24", "2001:db8::1/128")
    assert (config.push_providers, config.log_level, config.worker_id) == (("fcm", "http"), logging.WARNING, "w-1")


@pytest.mark.parametrize(
    ("sip", "advertise", "expected"),
    [
        ("192.0.2.1:5062", "", ("192.0.2.1", 5062)),
        ("[::]:5060", "", ("[2001:db8::7]", 5060)),
        ("[2001:DB8::1]:5060", "", ("[2001:db8::1]", 5060)),
        ("", "pbx.example.org", ("pbx.example.org", 5060)),
        ("", "2001:db8::9", ("[2001:db8::9]", 5060)),
        ("", "[2001:db8::9]", ("[2001:db8::9]", 5060)),
        ("", "[2001:db8::9]:7", ("[2001:db8::9]", 7)),
    ],
)
def test_the_advertised_address_is_one_that_can_be_written_into_a_via(sip, advertise, expected):
    assert read(PBX_SIP=sip, PBX_ADVERTISE=advertise).advertised == {"udp": expected, "tcp": expected}


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PBX_SIP", "5060", "an IP address and a port"),
        ("PBX_SIP", "localhost:5060", "an IP address and a port"),
        ("PBX_SIP", "0.0.0.0:0", "a port from 1 to 65535"),
        ("PBX_SIP", "0.0.0.0:65536", "a port from 1 to 65535"),
        ("PBX_SIP", ":::5060", "[::]:5060"),
        ("PBX_ADVERTISE", "0.0.0.0", "that phones can reach"),
        ("PBX_ADVERTISE", "pbx.example.org:x", "with or without a port"),
        ("PBX_ADVERTISE", "two words", "a host name"),
        ("PBX_ADVERTISE", "1:2:3", "a host name"),
        ("PBX_DOMAINS", "ok.example,not ok", "separated by commas"),
        ("PBX_ROUTES", "/nowhere/pbx.py", "a routing script that exists"),
        ("PBX_WAKE_SECONDS", "soon", "from 0 to 600"),
        ("PBX_WAKE_SECONDS", "-1", "from 0 to 600"),
        ("PBX_RING_SECONDS", "0", "from 1 to 3600"),
        ("PBX_RING_SECONDS", "nan", "from 1 to 3600"),
        ("PBX_HOLD", "never", "auto, always or push"),
        ("PBX_KEEP_MESSAGES_HOURS", "25", "a whole number from 0 to 24"),
        ("PBX_WAITING", "music", "auto, 100, 180, 182 or 183"),
        ("PBX_PICKUP_CODE", "3 3", "such as 33,*8, or off"),
        ("PBX_PICKUP_CODE", ",", "such as 33,*8, or off"),
        ("PBX_PICKUP_DIRECTED", "a@b", "such as **, or off"),
        ("PBX_PICKUP_DIRECTED", "*8", "not a code of PBX_PICKUP_CODE"),
        ("PBX_SIP_WORKERS", "0", "from 1 to 64"),
        ("PBX_SIP_WORKERS", "٣", "from 1 to 64"),
        ("PBX_GLOBAL_DECLINE", "maybe", "on or off"),
        ("PBX_TRUSTED_SOURCES", "192.0.2.1/24", "such as 192.0.2.0/24"),
        ("PBX_PUSH_PROVIDERS", "a b", "separated by commas"),
        ("PBX_LOG_LEVEL", "loud", "debug, info, warning or error"),
        ("PBX_WORKER_ID", "a.b", "letters, digits"),
    ],
)
def test_a_wrong_value_is_a_sentence_with_name_finding_and_allowance(name, value, allowed):
    with pytest.raises(ConfigurationError) as caught:
        read(**{name: value})

    sentence = str(caught.value)
    assert sentence.startswith(f"{name} is {value!r}; allowed is ")
    assert allowed in sentence
    assert "\n" not in sentence


def test_all_mistakes_are_told_together():
    with pytest.raises(ConfigurationError) as caught:
        WorkerConfig.from_environment({"PBX_SIP": "x", "PBX_HOLD": "y", "PBX_LOG_LEVEL": "z"})

    assert [sentence.split()[0] for sentence in str(caught.value).split("\n")] == [
        "PBX_SIP",
        "REDIS_URL",
        "PBX_HOLD",
        "PBX_LOG_LEVEL",
    ]


@pytest.mark.parametrize("url", ["http://:secret@host", "redis://", "unix://", "secret", "redis://:secret@host:x"])
@pytest.mark.parametrize("name", ["REDIS_URL"])
def test_a_wrong_url_is_refused_without_being_quoted(name, url):
    with pytest.raises(ConfigurationError, match=f"^{name} begins with .*; allowed is redis://") as caught:
        read(**{name: url})

    assert "secret" not in str(caught.value)


def test_a_broker_of_another_kind_is_refused():
    with pytest.raises(ConfigurationError, match=r"^PBX_BROKER_URL begins with 'amqp'"):
        read(PBX_BROKER_URL="amqp://:secret@host")


def test_no_password_is_shown():
    assert "secret" not in repr(read(REDIS_URL="redis://:secret@host:6379/0"))


def test_a_secret_may_be_in_a_file(tmp_path):
    kept = tmp_path / "redis"
    kept.write_text("unix:///run/redis.sock?db=2\n")

    assert read(REDIS_URL_FILE=str(kept)).redis_url == "unix:///run/redis.sock?db=2"
    with pytest.raises(ConfigurationError, match="REDIS_URL_FILE is '/nowhere', which cannot be read"):
        read(REDIS_URL_FILE="/nowhere")


def test_codes_may_be_off():
    config = read(PBX_PICKUP_CODE="off", PBX_PICKUP_DIRECTED="OFF")

    assert (config.pickup_codes, config.pickup_directed) == ((), "")


def test_a_provider_that_is_set_up_is_announced():
    assert read(PBX_PUSH_HTTP_URL="https://push.example.org").push_providers == ("http",)
    assert read(PBX_PUSH_HTTP_URL="https://x", PBX_PUSH_PROVIDERS="fcm").push_providers == ("fcm",)
    assert read(PBX_FCM_CREDENTIALS_FILE="/run/fcm").push_providers == ("fcm",)
    assert read(PBX_APNS_KEY="/key.p8", PBX_ACROBITS_URL="https://x").push_providers == ("acrobits", "apns", "apns.dev")


VAPID_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
VAPID_PUBLIC = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"


@pytest.mark.acceptance("H67")
def test_browsers_are_told_the_public_part_of_the_key(tmp_path):
    """The pair of RFC 8291 appendix A, in base64url and as PEM."""
    key = ec.derive_private_key(int.from_bytes(urlsafe_b64decode(VAPID_PRIVATE + "=")), ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    path = tmp_path / "vapid.pem"
    path.write_text(pem)

    for text in (VAPID_PRIVATE, f"{VAPID_PRIVATE}=", str(path), pem, pem.replace("\n", "\\n"), VAPID_PUBLIC):
        assert read(PBX_VAPID_KEY=text).vapid == VAPID_PUBLIC
    assert read(PBX_VAPID_KEY_FILE=str(path)).vapid == VAPID_PUBLIC
    assert read(PBX_VAPID_KEY=VAPID_PRIVATE).push_providers == ("webpush",)


@pytest.mark.parametrize("text", ["/nowhere.pem", "-----BEGIN NOTHING", "A" * 43, "secret-half-of-a-key"])
def test_a_key_that_cannot_be_used_is_refused_and_not_quoted(text):
    with pytest.raises(ConfigurationError, match="PBX_VAPID_KEY cannot be used; allowed is a private key") as caught:
        read(PBX_VAPID_KEY=text)

    assert text not in str(caught.value)


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()])
def test_a_key_of_another_kind_is_refused(key):
    """RFC 8292 §2: P-256. The web side could not sign with it, so no browser is to subscribe to it."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    with pytest.raises(ConfigurationError, match="PBX_VAPID_KEY cannot be used; allowed is a private key"):
        read(PBX_VAPID_KEY=pem)


def test_a_key_of_a_curve_that_nobody_knows_is_refused():
    with pytest.raises(ConfigurationError, match="PBX_VAPID_KEY cannot be used; allowed is a private key"):
        read(PBX_VAPID_KEY=SECP160R1)


def test_each_start_has_a_name_of_its_own():
    assert read().worker_id != read().worker_id


def test_the_route_to_the_world_has_an_address():
    assert socket.inet_pton(socket.AF_INET, default_route_address(socket.AF_INET))


def test_the_script_is_told_what_concerns_it():
    pytest.importorskip("sipcore.script.settings")
    config = read(PBX_DOMAINS="example.org", PBX_HOLD="always", PBX_WAKE_SECONDS="3")

    settings = config.script_settings()

    assert (settings.realm, settings.hold, settings.wake_seconds) == ("example.org", "always", 3.0)
    assert settings.trusted_sources == config.trusted_sources
