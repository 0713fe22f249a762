"""`/push/v1/devices`: where an app or a page hands over its own push token, and takes it back.

For those that cannot put it into a REGISTER, or have more to say than fits in there: a browser's subscription has keys. POST
`provider`, `token`, and `param`, `instance_id`, `platform`, `keys` as far as there are any; DELETE `provider` and `token`.
Both may be repeated. Who it is for is told by the SIP password alone, so nobody can enter a phone for another.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from . import actions
from .intake import Refused, for_apps, owner, values_of

__all__ = ["devices"]

TEXTS = ("provider", "token", "param", "instance_id", "platform")


@for_apps
def devices(request: HttpRequest) -> dict[str, Any]:
    """Take a token of the app's own, or forget it."""
    values = values_of(request)
    texts = {name: values.get(name, "") for name in TEXTS}
    keys = values.get("keys") or {}
    if not all(isinstance(text, str) and "\0" not in text for text in texts.values()):
        raise Refused(400, f"{', '.join(TEXTS)} are text.")
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
        raise Refused(400, "keys is an object with p256dh and auth.")
    subscriber = owner(request, values)
    if request.method == "DELETE":
        actions.forget_token(subscriber, provider=texts["provider"], token=texts["token"])
        return {"status": "removed"}
    try:
        device = actions.add_device(subscriber, **texts, keys=keys or None, registered_at=timezone.now())
    except ValidationError as error:
        raise Refused(400, " ".join(error.messages)) from None
    return {"status": "registered", "token": device.masked_token}
