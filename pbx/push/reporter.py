"""`/push/v1/acrobits`: where Acrobits' apps report their push tokens, and that an account was removed.

https://doc.acrobits.net/api/client/push_token_reporter.html and account_removal_reporter.html: the app fills a template of
the administrator's with its account, its tokens and its selector, and sends it each time that it is started. docs/push.md
has the template to provision.

POST reports; DELETE, or POST with `remove`, removes. Both may be repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from . import actions
from .intake import Refused, for_apps, owner, values_of

__all__ = ["acrobits"]

LONGEST = 1024  # characters of one value
PRINTABLE = re.compile(r"[!-~]+")

# The names of Acrobits' own placeholders, and those of its gateway.
APP_IDS = ("pushappid_incoming_call", "pushappid", "appid")
TOKENS = ("pushtokenincomingcall", "pushtoken", "devicetoken", "token")


@for_apps
def acrobits(request: HttpRequest) -> dict[str, Any]:
    """Take a report, or forget what was reported."""
    values = values_of(request)
    app_id, token, selector = _first(values, APP_IDS), _first(values, TOKENS), _first(values, ("selector",))
    if any(word and (len(word) > LONGEST or not PRINTABLE.fullmatch(word)) for word in (app_id, token, selector)):
        raise Refused(400, "AppId, DeviceToken and Selector are printable and without spaces.")
    subscriber = owner(request, values)
    if request.method == "DELETE" or str(values.get("remove", "")).lower() in {"1", "true", "yes"}:
        actions.forget_acrobits(subscriber, selector=selector, token=token)
        return {"status": "removed"}
    if not (app_id and token and selector):
        raise Refused(400, "AppId, DeviceToken and Selector are needed.")
    about = {"param": app_id, "token": f"{selector} {token}", "registered_at": timezone.now()}
    try:
        actions.add_device(subscriber, provider="acrobits", **about)
    except ValidationError as error:
        raise Refused(400, " ".join(error.messages)) from None
    return {"status": "registered"}


def _first(values: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The first of these that is given; a placeholder that the app did not know is sent as it stands in the template."""
    given = (values.get(name) for name in names)
    return next((text.strip() for text in given if isinstance(text, str) and text and not text.startswith("%")), "")
