"""What the Acrobits push gateway answers: an HTTP status, and a `code` in its JSON."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from . import ours
from .meaning import Meaning, Verdict

__all__ = ["MEANINGS"]

GONE = Meaning(
    Verdict.DEAD_TOKEN,
    _("The token is dead."),
    _("The app was removed, or reported a new token since."),
    _("Nothing: the app reports its token each time it is started."),
)
INCOMPLETE = Meaning(
    Verdict.PERMANENT,
    _("The gateway does not accept the app or its token."),
    _("AppId, DeviceToken or Selector is missing or is not known to Acrobits."),
    _(
        "Let the app report its token again. If it was entered by hand: the AppId is the application, the token is “selector token”."
    ),
)

CALLS_ONLY = Meaning(
    Verdict.PERMANENT,
    _("The gateway knows no push of this kind."),
    _("It wakes an app for calls and messages; nothing wakes it just to register again."),
    _("Nothing: the next call wakes it all the same."),
)

MEANINGS: Mapping[str, Meaning] = {
    "no-such-push": CALLS_ONLY,
    "400": INCOMPLETE,
    "404": GONE,
    "410": GONE,
    "429": ours.THROTTLED,
}
