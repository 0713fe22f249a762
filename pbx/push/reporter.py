"""`/push/v1/acrobits`: where Acrobits' apps report their push tokens, and that an account was removed.

https://doc.acrobits.net/api/client/push_token_reporter.html and account_removal_reporter.html: the app fills a template of
the administrator's with its account, its tokens and its selector, and sends it each time that it is started. docs/push.md
has the template to provision. The app proves who it is by the SIP password of its account, in the body or by HTTP Basic;
never in the address, which servers write into their logs.

POST reports; DELETE, or POST with `remove`, removes. Both may be repeated. Answers are JSON; those that refuse are
problem documents (RFC 9457), and an unknown user is told the same as one with a wrong password.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, JsonResponse, QueryDict
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from pbx.store import StoreError, store
from pbx.subscribers.models import Subscriber
from sipcore.contract import keys
from sipcore.contract.credentials import ha1

from . import actions

__all__ = ["acrobits"]

log = logging.getLogger(__name__)

BODY_BYTES = 16 * 1024
LONGEST = 1024  # characters of one value
PRINTABLE = re.compile(r"[!-~]+")
MINUTE = 60  # seconds that requests are counted for
REQUESTS_OF_ADDRESS = 120  # in a minute; a whole office may stand behind one address
FAILURES_OF_ADDRESS = 30
FAILURES_OF_USER = 5  # from one address

# The names of Acrobits' own placeholders, and those of its gateway.
APP_IDS = ("pushappid_incoming_call", "pushappid", "appid")
TOKENS = ("pushtokenincomingcall", "pushtoken", "devicetoken", "token")
USERS = ("username", "user", "account")


class Refused(Exception):
    """The request is answered with this status and sentence."""

    def __init__(self, status: int, title: str, **headers: str) -> None:
        super().__init__(title)
        self.status, self.title = status, title
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True, slots=True)
class Report:
    """What an app says."""

    username: str
    password: str = field(repr=False)
    app_id: str
    token: str = field(repr=False)
    selector: str = field(repr=False)
    removes: bool


@csrf_exempt
@never_cache
@require_http_methods(["POST", "DELETE"])
def acrobits(request: HttpRequest) -> JsonResponse:
    """Take a report, or forget what was reported."""
    try:
        _count("requests", _address(request), REQUESTS_OF_ADDRESS)
        report = _read(request)
        subscriber = _authenticated(request, report)
        if report.removes:
            actions.forget_acrobits(subscriber, selector=report.selector, token=report.token)
        else:
            _keep(subscriber, report)
    except Refused as refused:
        body = {"type": "about:blank", "title": refused.title, "status": refused.status}
        content_type = "application/problem+json"
        return JsonResponse(body, status=refused.status, headers=refused.headers, content_type=content_type)
    except StoreError:
        # Without Redis nobody is counted, and whoever is not counted could try passwords.
        body = {"type": "about:blank", "title": "Try again later.", "status": 503}
        return JsonResponse(body, status=503, headers={"Retry-After": "30"}, content_type="application/problem+json")
    return JsonResponse({"status": "removed" if report.removes else "registered"})


def _keep(subscriber: Subscriber, report: Report) -> None:
    if not (report.app_id and report.token and report.selector):
        raise Refused(400, "AppId, DeviceToken and Selector are needed.")
    token = f"{report.selector} {report.token}"
    now = timezone.now()
    try:
        actions.add_device(subscriber, provider="acrobits", param=report.app_id, token=token, registered_at=now)
    except ValidationError as error:
        raise Refused(400, " ".join(error.messages)) from None


def _read(request: HttpRequest) -> Report:
    values = _values(request)
    username, password = _first(values, USERS), values.get("password", "")
    if not username:
        username, password = _basic(request)
    words = (_first(values, APP_IDS), _first(values, TOKENS), values.get("selector", ""))
    if any(word and (len(word) > LONGEST or not PRINTABLE.fullmatch(word)) for word in words):
        raise Refused(400, "AppId, DeviceToken and Selector are printable and without spaces.")
    removes = request.method == "DELETE" or values.get("remove", "").lower() in {"1", "true", "yes"}
    return Report(username[:LONGEST], password[:LONGEST], *words, removes)


def _values(request: HttpRequest) -> Mapping[str, str]:
    """The body, as a form or as JSON; names in lower case."""
    if int(request.headers.get("Content-Length") or 0) > BODY_BYTES:
        raise Refused(413, "That is too much.")
    text = request.read(BODY_BYTES + 1).decode(errors="replace")
    if text.lstrip().startswith("{"):
        try:
            given = json.loads(text)
        except ValueError:
            raise Refused(400, "The body is no JSON.") from None
        pairs = given.items()
    else:
        pairs = QueryDict(text).items()
    return {name.lower(): value.strip() for name, value in pairs if isinstance(value, str)}


def _first(values: Mapping[str, str], names: tuple[str, ...]) -> str:
    # A placeholder that the app did not know is sent as it stands in the template.
    return next((values[name] for name in names if values.get(name) and not values[name].startswith("%")), "")


def _basic(request: HttpRequest) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return username, password


def _authenticated(request: HttpRequest, report: Report) -> Subscriber:
    """The subscriber whose password this is."""
    address = _address(request)
    username, _, domain = report.username.removeprefix("sip:").partition("@")
    for who, most in ((address, FAILURES_OF_ADDRESS), (f"{address} {username}", FAILURES_OF_USER)):
        if int(store().get(keys.push_report_count("failures", who)) or 0) >= most:
            raise Refused(429, "Too many wrong passwords.", Retry_After=str(MINUTE))
    subscriber = Subscriber.objects.filter(username=username, domain=domain.lower() or settings.SIP_REALM).first()
    # Computed for nobody as well, so that the time tells nothing about who there is.
    expected = subscriber.ha1_sha256 if subscriber else ""
    given = ha1("SHA-256", username, subscriber.realm if subscriber else settings.SIP_REALM, report.password)
    if subscriber is not None and subscriber.enabled and hmac.compare_digest(expected, given):
        return subscriber
    for who in (address, f"{address} {username}"):
        _count("failures", who)
    log.warning("a wrong password for %r at the push token reporter, from %s", username[:64], address)
    raise Refused(401, "Unknown user or wrong password.", WWW_Authenticate='Basic realm="push", charset="UTF-8"')


def _count(what: str, who: str, most: int | None = None) -> None:
    """Count one more within this minute; refuse when that is more than `most`."""
    key = keys.push_report_count(what, who)
    pipe = store().pipeline(transaction=True)
    pipe.incr(key)
    pipe.expire(key, MINUTE, nx=True)
    count = pipe.execute()[0]
    if most is not None and count > most:
        raise Refused(429, "Too many requests.", Retry_After=str(MINUTE))


def _address(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR") or "?"
