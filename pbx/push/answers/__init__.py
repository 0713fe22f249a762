"""What providers answer, in plain words: what it is, what it comes from, and what to do about it.

The same table tells a provider's code how to behave: whether the token is dead, the credentials are wrong, or another
try may help. So a page never explains one thing while the product does another.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import acrobits, apns, fcm, http, ours, webpush
from .meaning import Meaning, Verdict

__all__ = ["DICTIONARY", "Meaning", "Verdict", "meaning_of"]

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
    words = DICTIONARY.get(provider, {})
    code = reason.partition(":")[0].strip()
    found = words.get(code) or ours.MEANINGS.get(code) if code else None
    return found or words.get(str(status)) or ours.by_status(status)
