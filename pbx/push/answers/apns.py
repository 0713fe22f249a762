"""What Apple's push service answers: every code of its table of `reason` strings."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from . import ours
from .meaning import Meaning, Verdict

__all__ = ["MEANINGS"]

UNREGISTERED = Meaning(
    Verdict.DEAD_TOKEN,
    _("The token is dead."),
    _("The app was removed from the iPhone, or iOS has given it a new token since."),
    _("Nothing: when the app is opened, it registers with its new token."),
)
BAD_TOKEN = Meaning(
    Verdict.DEAD_TOKEN,
    _("Apple does not know this token in this environment."),
    _("Most often the app is a development build (sandbox) and the push went to production, or the other way round."),
    _("A development build registers with pn-provider=apns.dev. Otherwise let the app register again."),
)
WRONG_TOPIC = Meaning(
    Verdict.DEAD_TOKEN,
    _("The token belongs to another app."),
    _("The topic, which is the bundle id, is not the one that the token was made for."),
    _("Check PBX_APNS_TOPIC, and what the app sends as pn-param: TEAMID.bundle.id, with .voip for calls."),
)
BAD_TOPIC = Meaning(
    Verdict.CREDENTIALS,
    _("Apple does not accept the topic."),
    _("The bundle id is misspelt, missing, or not one of this team; or the key may not be used for it."),
    _("Set PBX_APNS_TOPIC to the app's bundle id, and check that the key belongs to the app's team."),
)
BAD_KEY = Meaning(
    Verdict.CREDENTIALS,
    _("Apple does not accept our key."),
    _("PBX_APNS_KEY, PBX_APNS_KEY_ID and PBX_APNS_TEAM_ID do not belong together, or the key was revoked."),
    _("Compare all three with Apple's page of keys. A revoked key has to be made anew."),
)
EXPIRED_KEY_TOKEN = Meaning(
    Verdict.CREDENTIALS,
    _("Apple says that our sign-in is too old, though it was made just now."),
    _("The clock of this host is wrong."),
    _("Set the clock by NTP."),
)
WRONG_ENVIRONMENT_KEY = Meaning(
    Verdict.CREDENTIALS,
    _("The key is not for this environment."),
    _("Keys may be limited to the sandbox or to production."),
    _("Make a key for both environments, or use it where it belongs."),
)
TOO_MANY_SIGN_INS = Meaning(
    Verdict.THROTTLED,
    _("Apple saw too many sign-ins with this key."),
    _("Another server signs in with the same key, or the worker is restarted again and again."),
    _("Give each server a key of its own."),
)
TOO_MANY = Meaning(
    Verdict.THROTTLED,
    _("Too many pushes to this iPhone."),
    _("Apple limits how often one device is pushed."),
    _("Wait some minutes."),
)
TOO_LARGE = Meaning(
    Verdict.PERMANENT,
    _("The push is larger than Apple allows."),
    _("The caller's name, address or Call-ID is very long."),
    _("Nothing here; calls from others are not touched by it."),
)

CALLS_ONLY = Meaning(
    Verdict.PERMANENT,
    _("This iPhone can be woken for calls alone."),
    _("The app has registered only its VoIP token, and iOS shuts out apps that show no call for a push there."),
    _("Nothing. An app that registers two tokens can be woken for messages, and to keep its registration, as well."),
)

MEANINGS: Mapping[str, Meaning] = {
    "BadDeviceToken": BAD_TOKEN,
    "DeviceTokenNotForTopic": WRONG_TOPIC,
    "Unregistered": UNREGISTERED,
    "ExpiredToken": UNREGISTERED,
    "BadTopic": BAD_TOPIC,
    "MissingTopic": BAD_TOPIC,
    "TopicDisallowed": BAD_TOPIC,
    "InvalidProviderToken": BAD_KEY,
    "MissingProviderToken": BAD_KEY,
    "BadCertificate": BAD_KEY,
    "Forbidden": BAD_KEY,
    "UnrelatedKeyIdInToken": BAD_KEY,
    "ExpiredProviderToken": EXPIRED_KEY_TOKEN,
    "BadCertificateEnvironment": WRONG_ENVIRONMENT_KEY,
    "BadEnvironmentKeyIdInToken": WRONG_ENVIRONMENT_KEY,
    "BadEnvironmentKeyInToken": WRONG_ENVIRONMENT_KEY,
    "TooManyProviderTokenUpdates": TOO_MANY_SIGN_INS,
    "TooManyRequests": TOO_MANY,
    "PayloadTooLarge": TOO_LARGE,
    "BadCollapseId": ours.WRONG_REQUEST,
    "BadExpirationDate": ours.WRONG_REQUEST,
    "BadMessageId": ours.WRONG_REQUEST,
    "BadPriority": ours.WRONG_REQUEST,
    "BadPath": ours.WRONG_REQUEST,
    "DuplicateHeaders": ours.WRONG_REQUEST,
    "InvalidPushType": ours.WRONG_REQUEST,
    "MethodNotAllowed": ours.WRONG_REQUEST,
    "MissingDeviceToken": ours.WRONG_REQUEST,
    "PayloadEmpty": ours.WRONG_REQUEST,
    "IdleTimeout": ours.DOWN,
    "InternalServerError": ours.DOWN,
    "ServiceUnavailable": ours.DOWN,
    "Shutdown": ours.DOWN,
    "voip-token-only": CALLS_ONLY,
    "410": UNREGISTERED,
    "413": TOO_LARGE,
}
