"""The dictionary of providers' answers: always a meaning, in both languages, with what to do."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from pbx.push.answers import DICTIONARY, Verdict, meaning_of, plain_words
from pbx.push.answers.ours import MEANINGS as OURS
from pbx.push.providers import REGISTRY

ALL = [(provider, code) for provider, words in DICTIONARY.items() for code in words]


def test_each_provider_has_its_words():
    assert set(REGISTRY) <= set(DICTIONARY)


@pytest.mark.parametrize(
    ("provider", "status", "reason", "verdict"),
    [
        ("apns", 410, "Unregistered", Verdict.DEAD_TOKEN),
        ("apns", 400, "BadDeviceToken", Verdict.DEAD_TOKEN),
        ("apns", 403, "InvalidProviderToken", Verdict.CREDENTIALS),
        ("apns", 429, "TooManyRequests", Verdict.THROTTLED),
        ("apns", 400, "SomethingNew", Verdict.PERMANENT),
        ("apns", 503, "", Verdict.TEMPORARY),
        ("fcm", 404, "UNREGISTERED", Verdict.DEAD_TOKEN),
        ("fcm", 403, "SENDER_ID_MISMATCH", Verdict.DEAD_TOKEN),
        ("fcm", 403, "PERMISSION_DENIED", Verdict.CREDENTIALS),
        ("fcm", 400, "INVALID_ARGUMENT: bad ttl", Verdict.PERMANENT),
        ("fcm", 400, "invalid_grant: Invalid JWT Signature.", Verdict.CREDENTIALS),
        ("webpush", 410, "push subscription has unsubscribed or expired", Verdict.DEAD_TOKEN),
        ("webpush", 403, "", Verdict.CREDENTIALS),
        ("acrobits", 400, "AppId missing", Verdict.PERMANENT),
        ("http", 404, "", Verdict.DEAD_TOKEN),
        ("http", 0, "timeout", Verdict.TEMPORARY),
        ("http", 0, "unreachable: ConnectError", Verdict.TEMPORARY),
        ("of-tomorrow", 500, "", Verdict.TEMPORARY),
        ("of-tomorrow", 401, "", Verdict.CREDENTIALS),
        ("of-tomorrow", 418, "teapot", Verdict.PERMANENT),
    ],
)
def test_an_answer_has_a_meaning(provider, status, reason, verdict):
    assert meaning_of(provider, status, reason).verdict is verdict


@pytest.mark.parametrize(
    ("provider", "error", "words"),
    [
        ("apns", "Unregistered", "The token is dead."),
        ("http", "HTTP 401", "The receiver does not accept our signature."),
        ("http", "HTTP 503", "The provider is in trouble."),
        ("fcm", "unreachable: ConnectError", "The provider could not be reached."),
        ("http", "what the receiver says", "what the receiver says"),
        ("http", "", ""),
    ],
)
def test_the_last_trouble_of_a_device_in_plain_words(provider, error, words):
    with override("en"):
        assert plain_words(provider, error) == words


@pytest.mark.parametrize(("provider", "code"), [*ALL, *(("", code) for code in OURS)])
def test_it_is_explained_in_both_languages(provider, code):
    meaning = (DICTIONARY.get(provider) or OURS)[code]
    with override("en"):
        english = [str(sentence) for sentence in (meaning.text, meaning.cause, meaning.fix)]

    assert all(sentence.endswith(".") for sentence in english)
    with override("ko"):
        korean = [str(sentence) for sentence in (meaning.text, meaning.cause, meaning.fix)]
    assert not set(korean) & set(english), "not translated"
