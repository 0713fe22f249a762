"""System checks: everything that can be wrong with the settings, each with an id, a sentence and a hint.

They run before every management command and at start, all of them together. `manage.py check --database default`
adds those that look into Postgres.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from . import env

__all__: list[str] = []

_REDIS_SCHEMES = {"redis", "rediss", "unix"}
_DOMAIN = re.compile(r"\A[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z")


@register
def environment(**_) -> list[CheckMessage]:
    """E001: a variable is not what it may be."""
    hint = "Every variable and what it may be is in .env.example."
    return [Error(mistake, hint=hint, id="pbx.E001") for mistake in env.MISTAKES]


@register
def servers(**_) -> list[CheckMessage]:
    """E002, W001: where Postgres and Redis are."""
    found: list[CheckMessage] = []
    scheme = urlsplit(settings.REDIS_URL).scheme
    if scheme not in _REDIS_SCHEMES:
        what = f"REDIS_URL starts with {scheme!r}; allowed are redis://, rediss:// and unix://."
        found.append(Error(what, hint="For a socket: unix:///run/redis.sock?db=0", id="pbx.E002"))
    if not settings.DATABASE_URL:
        what = "DATABASE_URL is not set and no running PBX was found in PBX_DATA_DIR."
        found.append(Warning(what, hint="Start the PBX first, or set DATABASE_URL=postgresql://…", id="pbx.W001"))
    return found


@register(Tags.security)
def secrets(**_) -> list[CheckMessage]:
    """E003: SECRET_KEY signs sessions and seals push tokens."""
    if len(settings.SECRET_KEY) >= 32:
        return []
    hint = "Remove SECRET_KEY to have one made and kept in PBX_DATA_DIR."
    return [Error("SECRET_KEY has fewer than 32 characters.", hint=hint, id="pbx.E003")]


@register
def domains(**_) -> list[CheckMessage]:
    """E004: SIP domains are host names or addresses."""
    return [
        Error(
            f"PBX_DOMAINS names {domain!r}, which is no host name.", hint="For example: pbx.example.org", id="pbx.E004"
        )
        for domain in settings.SIP_DOMAINS
        if not _DOMAIN.match(domain)
    ]


@register
def push(**_) -> list[CheckMessage]:
    """E005 to E008: each push provider that is set up has an address and credentials that can be used."""
    found: list[CheckMessage] = []
    addresses = {
        "PBX_PUSH_HTTP_URL": settings.PUSH_HTTP_URL,
        "PBX_FCM_URL": settings.FCM_URL,
        "PBX_APNS_URL": settings.APNS_URL,
        "PBX_APNS_SANDBOX_URL": settings.APNS_SANDBOX_URL,
        "PBX_ACROBITS_URL": settings.ACROBITS_URL,
    }
    for name, url in addresses.items():
        parts = urlsplit(url)
        if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
            what = f"{name} is {url!r}; allowed is http://… or https://…."
            found.append(Error(what, hint="The address that is sent a POST for each wake-up.", id="pbx.E005"))
    if settings.PUSH_HTTP_URL and not settings.PUSH_HTTP_SECRET:
        what = "PBX_PUSH_HTTP_URL is set and PBX_PUSH_HTTP_SECRET is not."
        hint = "Choose a secret and give it to the receiver as well: every push is signed with it."
        found.append(Error(what, hint=hint, id="pbx.E006"))
    return found + _push_credentials()


def _push_credentials() -> list[CheckMessage]:
    from .push.credentials import WrongCredentials, apns_key, fcm_account, vapid_key

    found: list[CheckMessage] = []
    hint = "docs/push.md says where the provider gives them out."
    apns = (settings.APNS_KEY, settings.APNS_KEY_ID, settings.APNS_TEAM_ID, settings.APNS_TOPIC)
    for read, texts in (
        (fcm_account, (settings.FCM_CREDENTIALS,)),
        (apns_key, apns),
        (vapid_key, (settings.VAPID_KEY,)),
    ):
        try:
            read(*texts)
        except WrongCredentials as error:
            found.append(Error(str(error), hint=hint, id="pbx.E007"))
    if settings.PUSH_CA:
        try:
            ssl.create_default_context().load_verify_locations(cafile=settings.PUSH_CA)
        except (OSError, ssl.SSLError) as error:
            what = f"PBX_PUSH_CA is {settings.PUSH_CA!r}, which has no certificates: {error.strerror or error}."
            found.append(Error(what, hint="A PEM file with the certificates to believe besides.", id="pbx.E008"))
    return found


@register
def files(**_) -> list[CheckMessage]:
    """W002: the data directory is ours alone; others may at most pass through, as an embedded Postgres may have to."""
    path = Path(settings.DATA_DIR)
    if not path.is_dir() or not path.stat().st_mode & 0o006:
        return []
    hint = f"chmod 700 {path}"
    return [Warning("PBX_DATA_DIR can be read by other users of this host.", hint=hint, id="pbx.W002")]


@register(Tags.database)
def realm(databases=None, **_) -> list[CheckMessage]:
    """W003: passwords were hashed for another realm, and phones will be asked for them in this one."""
    if not databases:
        return []
    from .subscribers.models import Subscriber

    strangers = Subscriber.objects.exclude(realm=settings.SIP_REALM)
    count = strangers.count()
    if not count:
        return []
    what = f"{count} subscribers have passwords for the realm {strangers[0].realm!r}, not {settings.SIP_REALM!r}."
    hint = "Put that name first in PBX_DOMAINS again, or give these subscribers new passwords."
    return [Warning(what, hint=hint, id="pbx.W003")]
