"""What providers answer, in plain words: what it is, what it comes from, and what to do about it.

The same table tells a provider's code how to behave: whether the token is dead, the credentials are wrong, or another
try may help. So a page never explains one thing while the product does another.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import acrobits, apns, fcm, http, ours, webpush
from .meaning import Meaning, Verdict

__all__ = ["DICTIONARY", "Meaning", "Verdict", "meaning_of", "plain_words"]

DICTIONARY: Mapping[str, Mapping[str, Meaning]] = {
    "acrobits": acrobits.MEANINGS,
    "apns": apns.MEANINGS,
    "apns.dev": apns.MEANINGS,
    "fcm": fcm.MEANINGS,
    "http": http.MEANINGS,
    "webpush": webpush.MEANINGS,
}
"For each provider: its documented codes, and its statuses as text for answers that carry no code."


def meaning_of(provider: str, status: int, reason: str) -> Meaning:
    """Explain an answer. The provider's code is the beginning of `reason`, up to a colon.

    In this order: the code, the status, the kind of status; there is always some meaning.
    """
    return _by_code(provider, reason) or DICTIONARY.get(provider, {}).get(str(status)) or ours.by_status(status)


def plain_words(provider: str, error: str) -> str:
    """What is remembered of a device's last trouble, for people: a code, or `HTTP <status>` where there was none."""
    status = error.removeprefix("HTTP ")
    if status != error and status.isdigit():
        return str(meaning_of(provider, int(status), "").text)
    found = _by_code(provider, error)
    return str(found.text) if found else error


def _by_code(provider: str, reason: str) -> Meaning | None:
    code = reason.partition(":")[0].strip()
    return DICTIONARY.get(provider, {}).get(code) or ours.MEANINGS.get(code)
