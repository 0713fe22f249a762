"""Requests of apps themselves, which prove who they are by the SIP password of their account: `/push/v1/…`.

The password is in the body or in HTTP Basic; never in the address, which servers write into their logs. Answers are JSON;
those that refuse are problem documents (RFC 9457), and an unknown user is told the same as one with a wrong password.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse, QueryDict
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from pbx.store import StoreError, store
from pbx.subscribers.models import Subscriber
from sipcore.contract import keys
from sipcore.contract.credentials import ha1

__all__ = ["FAILURES_OF_ADDRESS", "FAILURES_OF_USER", "MINUTE", "Refused", "for_apps", "owner", "values_of"]

log = logging.getLogger(__name__)

BODY_BYTES = 16 * 1024
LONGEST = 1024  # characters of a name or a password
MINUTE = 60  # seconds that requests are counted for
REQUESTS_OF_ADDRESS = 120  # in a minute; a whole office may stand behind one address
FAILURES_OF_ADDRESS = 30
FAILURES_OF_USER = 5  # from one address

USERS = ("username", "user", "account")


class Refused(Exception):
    """The request is answered with this status and sentence."""

    def __init__(self, status: int, title: str, **headers: str) -> None:
        super().__init__(title)
        self.status, self.title = status, title
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def for_apps(view: Callable[[HttpRequest], dict[str, Any]]) -> Callable[[HttpRequest], JsonResponse]:
    """Make a view of a function that returns JSON and may raise Refused: counted, without session or CSRF token."""

    @csrf_exempt
    @never_cache
    @require_http_methods(["POST", "DELETE"])
    @wraps(view)
    def answered(request: HttpRequest) -> JsonResponse:
        try:
            _count("requests", _address(request), REQUESTS_OF_ADDRESS)
            return JsonResponse(view(request))
        except Refused as refused:
            return _problem(refused)
        except StoreError:
            # Without Redis nobody is counted, and whoever is not counted could try passwords.
            return _problem(Refused(503, "Try again later.", Retry_After="30"))

    return answered


def values_of(request: HttpRequest) -> dict[str, Any]:
    """The body, a form or a JSON object; names in lower case."""
    if int(request.headers.get("Content-Length") or 0) > BODY_BYTES:
        raise Refused(413, "That is too much.")
    text = request.read(BODY_BYTES + 1).decode(errors="replace")
    if not text.lstrip().startswith("{"):
        return {name.lower(): value for name, value in QueryDict(text).items()}
    try:
        return {name.lower(): value for name, value in json.loads(text).items()}
    except (ValueError, RecursionError):
        raise Refused(400, "The body is no JSON.") from None


def owner(request: HttpRequest, values: Mapping[str, Any]) -> Subscriber:
    """The subscriber whose password came with the request."""
    account, password = _credentials(request, values)
    address = _address(request)
    username, _, domain = account.removeprefix("sip:").partition("@")
    for who, most in ((address, FAILURES_OF_ADDRESS), (f"{address} {username}", FAILURES_OF_USER)):
        if int(store().get(keys.push_report_count("failures", who)) or 0) >= most:
            raise Refused(429, "Too many wrong passwords.", Retry_After=str(MINUTE))
    subscriber = Subscriber.objects.filter(username=username, domain=domain.lower() or settings.SIP_REALM).first()
    # Computed for nobody as well, so that the time tells nothing about who there is.
    expected = subscriber.ha1_sha256 if subscriber else ""
    given = ha1("SHA-256", username, subscriber.realm if subscriber else settings.SIP_REALM, password)
    if subscriber is not None and subscriber.enabled and hmac.compare_digest(expected, given):
        return subscriber
    for who in (address, f"{address} {username}"):
        _count("failures", who)
    log.warning("a wrong password for %r with a push token, from %s", username[:64], address)
    raise Refused(401, "Unknown user or wrong password.", WWW_Authenticate='Basic realm="push", charset="UTF-8"')


def _credentials(request: HttpRequest, values: Mapping[str, Any]) -> tuple[str, str]:
    account = next((values[name] for name in USERS if isinstance(values.get(name), str) and values[name]), "")
    password = values.get("password", "")
    if not account:
        account, password = _basic(request)
    password = password if isinstance(password, str) else ""
    return account.strip().replace("\0", "")[:LONGEST], password.strip()[:LONGEST]


def _basic(request: HttpRequest) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return username, password


def _count(what: str, who: str, most: int | None = None) -> None:
    """Count one more within this minute; refuse when that is more than `most`."""
    key = keys.push_report_count(what, who)
    pipe = store().pipeline(transaction=True)
    pipe.incr(key)
    pipe.expire(key, MINUTE, nx=True)
    count = pipe.execute()[0]
    if most is not None and count > most:
        raise Refused(429, "Too many requests.", Retry_After=str(MINUTE))


def _problem(refused: Refused) -> JsonResponse:
    body = {"type": "about:blank", "title": refused.title, "status": refused.status}
    return JsonResponse(body, status=refused.status, headers=refused.headers, content_type="application/problem+json")


def _address(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR") or "?"
