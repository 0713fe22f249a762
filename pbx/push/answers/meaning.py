"""The words of the dictionary: a verdict for the code, and sentences for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from django.utils.functional import Promise

__all__ = ["Meaning", "Verdict"]


class Verdict(Enum):
    """What follows from a provider's answer."""

    DEAD_TOKEN = "dead-token"  # noqa: S105 - a verdict, no secret
    "This token will never work again: the device is not pushed until it registers once more."
    CREDENTIALS = "credentials"
    "The provider does not believe us: every device fails until somebody mends the settings."
    THROTTLED = "throttled"
    "Too many, for the moment."
    TEMPORARY = "temporary"
    "The provider or the way to it is in trouble; another try may help."
    PERMANENT = "permanent"
    "This request is wrong and would be so again."


@dataclass(frozen=True, slots=True)
class Meaning:
    """One answer of a provider, explained. The sentences are translated when they are shown."""

    verdict: Verdict
    text: str | Promise
    "What happened."
    cause: str | Promise
    "What it usually comes from."
    fix: str | Promise
    "What to do."
