"""What Google answers: Firebase's error codes, those of its sign-in, and Google's own statuses."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from . import ours
from .meaning import Meaning, Verdict

__all__ = ["BAD_TOKEN", "MEANINGS"]

BAD_TOKEN = "INVALID_ARGUMENT (message.token)"  # noqa: S105 - a code
"Ours, to tell apart what Google calls INVALID_ARGUMENT in both cases: the token, or the rest of the message."

UNREGISTERED = Meaning(
    Verdict.DEAD_TOKEN,
    _("The token is dead."),
    _("The app was removed from the phone, its data was cleared, or it has not been used for 270 days."),
    _("Nothing: when the app is opened, it registers with a new token."),
)
NO_TOKEN = Meaning(
    Verdict.DEAD_TOKEN,
    _("Google says that this is no token."),
    _("It was cut off or changed on its way, or is a token of another provider."),
    _("Let the app register again. If the token was entered by hand, enter it anew."),
)
OTHER_SENDER = Meaning(
    Verdict.DEAD_TOKEN,
    _("The token belongs to another Firebase project."),
    _("The app was built for another project than the one of PBX_FCM_CREDENTIALS."),
    _("Use the service account of the app's own project. Its project id is what the app sends as pn-param."),
)
SIGN_IN = Meaning(
    Verdict.CREDENTIALS,
    _("Google does not accept our service account."),
    _("The key in PBX_FCM_CREDENTIALS was deleted, its account disabled, or the clock of this host is wrong."),
    _("Make a new key for the service account in the Google Cloud console, and check the clock."),
)
NOT_ALLOWED = Meaning(
    Verdict.CREDENTIALS,
    _("The service account may not send pushes for this project."),
    _("The Firebase Cloud Messaging API is not enabled for the project, or the account lacks the role for it."),
    _("Enable the API in the Google Cloud console, and give the account the role Firebase Cloud Messaging API Admin."),
)
APPLE_KEY = Meaning(
    Verdict.CREDENTIALS,
    _("Firebase cannot reach Apple for this iPhone."),
    _("The APNs key that was uploaded to Firebase is missing or wrong."),
    _("Upload the APNs key in the Firebase console, or let the app register with pn-provider=apns."),
)
QUOTA = Meaning(
    Verdict.THROTTLED,
    _("Google's limit was reached."),
    _("Too many pushes of this project, or to this phone, within a minute."),
    _("Wait a minute. For many phones, ask Google for a higher quota."),
)
ADDRESS = Meaning(
    Verdict.PERMANENT,
    _("There is no push service at this address."),
    _("PBX_FCM_URL or the project id in PBX_FCM_CREDENTIALS is wrong."),
    _("Remove PBX_FCM_URL to use Google's, and compare the project id with the Firebase console."),
)

MEANINGS: Mapping[str, Meaning] = {
    "UNREGISTERED": UNREGISTERED,
    "NOT_FOUND": UNREGISTERED,
    BAD_TOKEN: NO_TOKEN,
    "INVALID_ARGUMENT": ours.WRONG_REQUEST,
    "UNSPECIFIED_ERROR": ours.DOWN,
    "SENDER_ID_MISMATCH": OTHER_SENDER,
    "QUOTA_EXCEEDED": QUOTA,
    "RESOURCE_EXHAUSTED": QUOTA,
    "UNAVAILABLE": ours.DOWN,
    "INTERNAL": ours.DOWN,
    "THIRD_PARTY_AUTH_ERROR": APPLE_KEY,
    "UNAUTHENTICATED": SIGN_IN,
    "PERMISSION_DENIED": NOT_ALLOWED,
    "invalid_grant": SIGN_IN,
    "invalid_client": SIGN_IN,
    "unauthorized_client": SIGN_IN,
    "invalid_scope": NOT_ALLOWED,
    "access_denied": NOT_ALLOWED,
    "404": ADDRESS,
}
