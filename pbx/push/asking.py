"""`/push/v1/calls/<push id>`: what an app asks when a push has woken it, and it has not been rung yet.

A push tells an app that it is called, and by the time it has started the call may be over: iOS wants a call to be shown
all the same, and closed at once. Whoever knows the id of a push, which is a random one and went to that phone alone, may
ask what became of its call, and is told nothing else.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Sequence

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pbx.calls.models import CallRecord
from pbx.store import StoreError, store
from sipcore.contract import keys
from sipcore.contract.calls import CallState
from sipcore.contract.records import from_json

from .models import PushAttempt, PushDevice
from .waking import WAITING

__all__ = ["ASKED_SECONDS", "call_state"]

log = logging.getLogger(__name__)

ASKED_SECONDS = 600  # after a push; an app that asks later has been told long ago, by a CANCEL or by its own clock


@never_cache
@require_safe
def call_state(request: HttpRequest, push_id: uuid.UUID) -> JsonResponse:
    """Say `ringing`, `answered`, `answered_elsewhere`, `cancelled` or `ended` for the call of a push."""
    attempt = PushAttempt.objects.select_related("device").filter(push_id=push_id, kind="call").first()
    if attempt is None or (timezone.now() - attempt.at).total_seconds() > ASKED_SECONDS:
        body = {"type": "about:blank", "title": "No call is known by this push.", "status": 404}
        return JsonResponse(body, status=404, content_type="application/problem+json")
    try:
        state = _state(attempt)
    except StoreError as error:
        log.warning("[%s] not to be found on the board: %s", attempt.call_uid, error)
        body = {"type": "about:blank", "title": "Try again later.", "status": 503}
        return JsonResponse(body, status=503, headers={"Retry-After": "2"}, content_type="application/problem+json")
    return JsonResponse({"push_id": str(push_id), "state": state})


def _state(attempt: PushAttempt) -> str:
    text = store().hget(keys.CALLS, attempt.call_uid)
    if text is not None:
        call = from_json(CallState, text)
        if call.state in WAITING:
            return "ringing"
        if call.state == "answered":
            return _answered(attempt.device, ((branch.key, branch.state) for branch in call.branches))
    record = CallRecord.objects.filter(uid=attempt.call_uid).first()
    if record is None:
        return "ended"  # its record is being written
    if record.answered_at is not None:
        return _answered(attempt.device, record.branches.values_list("key", "state"))
    return "cancelled" if record.reason == "cancelled" else "ended"


def _answered(device: PushDevice, branches: Iterable[Sequence[str]]) -> str:
    here = any(state == "answered" and key and device.is_behind(key) for key, state in branches)
    return "answered" if here else "answered_elsewhere"
