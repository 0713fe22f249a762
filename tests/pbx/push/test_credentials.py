"""Credentials that cannot be used are refused with a sentence that names the variable and shows no key."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pbx.push.credentials import WrongCredentials, apns_key, fcm_account, vapid_key
from tests.support.keys import SECP160R1


def pem(key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


RSA = pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
P256 = pem(ec.generate_private_key(ec.SECP256R1()))
P384 = pem(ec.generate_private_key(ec.SECP384R1()))
ED25519 = pem(ed25519.Ed25519PrivateKey.generate())
ACCOUNT = {
    "project_id": "phones",
    "client_email": "pbx@phones.iam.gserviceaccount.com",
    "private_key": RSA,
    "private_key_id": "k1",
    "token_uri": "https://oauth2.googleapis.com/token",
}


def account(**changes) -> str:
    return json.dumps({**ACCOUNT, **changes})


def test_a_service_account_is_read_from_its_content_and_from_its_file(tmp_path):
    path = tmp_path / "account.json"
    path.write_text(account())

    for text in (account(), str(path)):
        found = fcm_account(text)
        assert (found.project, found.email, found.key_id) == ("phones", ACCOUNT["client_email"], "k1")


def test_nothing_set_is_nothing():
    assert fcm_account("") is None


@pytest.mark.parametrize(
    ("_case", "text", "words"),
    [
        ("no such file", "/nowhere/fcm.json", "PBX_FCM_CREDENTIALS is '/nowhere/fcm.json', which cannot be read"),
        ("a directory", "/", "PBX_FCM_CREDENTIALS names a file, which cannot be read"),
        ("half a file", '{"project_id": "pho', "PBX_FCM_CREDENTIALS is no JSON"),
        ("a web app's configuration", '{"apiKey": "x"}', "no service account: project_id, client_email"),
        ("a list", "[]", "cannot be read"),
        ("no key", account(private_key="none"), "PBX_FCM_CREDENTIALS has no private key"),
        ("a key of another kind", account(private_key=P256), "no RSA key"),
        ("no address to sign in at", account(token_uri="oauth2"), "token_uri"),
    ],
)
def test_a_wrong_service_account_is_refused(_case, text, words):
    with pytest.raises(WrongCredentials, match=words.replace("(", r"\(")):
        fcm_account(text)


def test_a_key_that_is_taken_for_a_file_name_is_not_shown():
    body = RSA.splitlines()[1]

    with pytest.raises(WrongCredentials) as caught:
        fcm_account(body)

    assert body[:20] not in str(caught.value)


def test_an_apple_key_is_read_from_its_content_and_from_its_file(tmp_path):
    path = tmp_path / "AuthKey_KEY1234567.p8"
    path.write_text(P256)

    for text in (P256, P256.replace("\n", "\\n"), str(path)):
        found = apns_key(text, "KEY1234567", "TEAM123456", "org.example.phone.voip")
        assert (found.key_id, found.team_id, found.topic) == ("KEY1234567", "TEAM123456", "org.example.phone")


@pytest.mark.parametrize(
    ("_case", "changes", "words"),
    [
        (
            "no such file",
            {"text": "/nowhere/AuthKey.p8"},
            "PBX_APNS_KEY is '/nowhere/AuthKey.p8', which cannot be read",
        ),
        ("another curve", {"text": P384}, "PBX_APNS_KEY is no P-256 key"),
        ("another kind", {"text": RSA}, "PBX_APNS_KEY is no P-256 key"),
        ("half of it", {"text": P256[:80]}, "PBX_APNS_KEY has no private key"),
        ("no key id", {"key_id": ""}, "PBX_APNS_KEY_ID is not set"),
        ("a key id of another length", {"key_id": "KEY"}, "PBX_APNS_KEY_ID is 'KEY'"),
        ("a team's name", {"team_id": "Example Ltd"}, "PBX_APNS_TEAM_ID is 'Example Ltd'"),
        ("no bundle id", {"topic": "phone"}, "PBX_APNS_TOPIC is 'phone'"),
    ],
)
def test_a_wrong_apple_key_is_refused(_case, changes, words):
    words_of = {"text": P256, "key_id": "KEY1234567", "team_id": "TEAM123456", "topic": ""}

    with pytest.raises(WrongCredentials, match=words):
        apns_key(**{**words_of, **changes})


VAPID = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"


def test_a_vapid_key_is_read_in_both_forms():
    assert vapid_key(VAPID).public.startswith("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy")
    assert vapid_key(P256).public == vapid_key(P256).public
    assert "EllipticCurve" not in repr(vapid_key(VAPID))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A" * 43, "no private key of the curve"),
        ("/nowhere/vapid.pem", "PBX_VAPID_KEY is '/nowhere/vapid.pem'"),
        (P384, "PBX_VAPID_KEY is no P-256 key"),
        (ED25519, "PBX_VAPID_KEY is no P-256 key"),
        (SECP160R1, "PBX_VAPID_KEY is a key of an unknown kind: Curve 1.3.132.0.8 is not supported"),
    ],
)
def test_a_wrong_vapid_key_is_refused(text, words):
    with pytest.raises(WrongCredentials, match=words):
        vapid_key(text)
