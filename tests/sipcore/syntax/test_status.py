from __future__ import annotations

import pytest

from sipcore.syntax.status import REASON_PHRASES, reason_phrase


@pytest.mark.parametrize(
    ("status", "phrase"),
    [(100, "Trying"), (487, "Request Terminated"), (555, "Push Notification Service Not Supported")],
)
def test_known_codes_have_their_phrase(status, phrase):
    assert reason_phrase(status) == phrase


def test_unknown_codes_have_the_phrase_of_their_class():
    assert [reason_phrase(status) for status in (199 - 10, 299, 499, 699, 799)] == [
        "Progress",
        "Success",
        "Request Failure",
        "Global Failure",
        "Unknown",
    ]


def test_phrases_can_stand_in_a_status_line():
    assert all(phrase.isascii() and phrase.isprintable() for phrase in REASON_PHRASES.values())
