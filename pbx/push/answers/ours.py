"""What we say ourselves when there was no answer, and what an HTTP status means where a provider gives no code."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from .meaning import Meaning, Verdict

__all__ = ["MEANINGS", "by_status"]

UNREACHABLE = Meaning(
    Verdict.TEMPORARY,
    _("The provider could not be reached."),
    _(
        "The network, its DNS, a firewall or a proxy stands between this host and the provider, or the provider is down."
    ),
    _("Try again. If it stays so, check from this host that the provider's address answers on its port."),
)
TIMEOUT = Meaning(
    Verdict.TEMPORARY,
    _("The provider did not answer in time."),
    _("It is overloaded, or packets are lost on the way to it."),
    _("Nothing, if it happens now and then. If it stays so, check the network of this host."),
)
DOWN = Meaning(
    Verdict.TEMPORARY,
    _("The provider is in trouble."),
    _("It reported an error of its own."),
    _("Nothing here: pushes are tried again, and the provider's status page says more."),
)
THROTTLED = Meaning(
    Verdict.THROTTLED,
    _("The provider asks for fewer pushes."),
    _("Too many pushes were sent to it within a short time."),
    _("Wait. If it happens often, ask the provider for a higher limit."),
)
REFUSED_CREDENTIALS = Meaning(
    Verdict.CREDENTIALS,
    _("The provider does not accept our credentials."),
    _("The key, the secret or the account is wrong, or has been withdrawn."),
    _("Check the provider's credentials in the settings, then test them on this page."),
)
WRONG_REQUEST = Meaning(
    Verdict.PERMANENT,
    _("The provider refused this push."),
    _("It does not like something about the request itself."),
    _("Read its words beside this; if they do not help, report them as an error of this product."),
)
SPARED = Meaning(
    Verdict.TEMPORARY,
    _("The provider was not asked, because it has failed too often in the last seconds."),
    _("Half of the recent pushes failed. Until one succeeds, only one is tried every five seconds."),
    _("Nothing: it ends by itself when the provider answers again."),
)
NOT_CONFIGURED = Meaning(
    Verdict.CREDENTIALS,
    _("This provider is not set up here."),
    _("A phone has registered a token for it, or a device was entered for it by hand."),
    _("Give its credentials in the settings, and restart."),
)
WRONG_SETTINGS = Meaning(
    Verdict.CREDENTIALS,
    _("The credentials cannot be used."),
    _("What is set in the environment is not what it has to be."),
    _("The sentence beside this names the variable. Mend it, and restart."),
)
UNREADABLE = Meaning(
    Verdict.PERMANENT,
    _("The stored token cannot be read."),
    _("It was stored under another SECRET_KEY."),
    _("Put the old key into SECRET_KEY_FALLBACKS, or let the phone register again: it brings its token along."),
)
NO_TOKEN = Meaning(
    Verdict.PERMANENT,
    _("This device has no token any more."),
    _("The provider said that the token is dead, so it was deleted."),
    _("Nothing: when the app is opened, it registers with its new token."),
)
INTERNAL = Meaning(
    Verdict.PERMANENT,
    _("The push failed because of an error in this product."),
    _("The log of the Celery worker has the details."),
    _("Please report it."),
)

MEANINGS: Mapping[str, Meaning] = {
    "timeout": TIMEOUT,
    "unreachable": UNREACHABLE,
    "provider-down": SPARED,
    "not-configured": NOT_CONFIGURED,
    "wrong-credentials": WRONG_SETTINGS,
    "unreadable-token": UNREADABLE,
    "no-token": NO_TOKEN,
    "internal-error": INTERNAL,
}


def by_status(status: int) -> Meaning:
    """The meaning of a bare HTTP status; 0 is no answer at all."""
    if status == 0:
        return UNREACHABLE
    if status in (401, 403):
        return REFUSED_CREDENTIALS
    if status == 429:
        return THROTTLED
    return DOWN if status >= 500 else WRONG_REQUEST
