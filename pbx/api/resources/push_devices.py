"""Push devices: phones that a call can wake."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from pbx.audit import actions as audit
from pbx.push import actions, tasks
from pbx.push.models import PushDevice
from pbx.push.providers import REGISTRY
from pbx.push.stopwatch import GIVES_UP
from pbx.subscribers.models import Subscriber

from ..problems import Problem
from ..reading import LIMIT, limit_of, time_text, wrong
from ..schemas import INTEGER, STRING, TIME, a_list_of, an_object, one_of
from ..scopes import PUSH_DEVICES_READ, PUSH_DEVICES_WRITE
from ..table import Call, Operation, Parameter, Resource

__all__ = ["PUSH_DEVICE", "PUSH_DEVICES", "TEST_WAKE"]

OPTIONAL_TIME = {**TIME, "type": ["string", "null"]}
PROVIDER = one_of(*sorted(REGISTRY))
STATE = one_of(*PushDevice.State.values)
DEVICE = an_object(
    {
        "id": STRING,
        "subscriber": {**STRING, "description": "the address-of-record that it is woken for"},
        "provider": PROVIDER,
        "param": {**STRING, "description": "the application: APNs topic, FCM project, Acrobits AppId"},
        "token": {**STRING, "description": "masked"},
        "instance_id": STRING,
        "platform": STRING,
        "state": {**STATE, "description": "what the provider said to the last push"},
        "last_error": {**STRING, "description": "the provider's word for the last failure"},
        "last_registered_at": OPTIONAL_TIME,
        "last_push_at": OPTIONAL_TIME,
        "last_woke_at": OPTIONAL_TIME,
        "last_wake_ms": {**INTEGER, "type": ["integer", "null"], "description": "from the push to the REGISTER"},
    }
)
NEW_DEVICE = an_object(
    {
        "subscriber": {**STRING, "description": "user name or address-of-record"},
        "provider": PROVIDER,
        "token": {**STRING, "writeOnly": True, "description": "Acrobits: selector and token, with a space between"},
        "param": STRING,
        "instance_id": STRING,
        "platform": STRING,
        "keys": {
            **an_object({"p256dh": STRING, "auth": STRING}),
            "writeOnly": True,
            "description": "of a browser's subscription, so that it is told who calls",
        },
    },
    optional=("param", "instance_id", "platform", "keys"),
)
TEXTS = ("token", "param", "instance_id", "platform")


def list_devices(call: Call) -> dict[str, Any]:
    """A page of devices, in the order in which they were made."""
    asked, limit = call.request.GET, limit_of(call)
    rows = PushDevice.objects.select_related("subscriber").order_by("pk")
    if subscriber := asked.get("subscriber"):
        rows = rows.filter(subscriber=_subscriber(subscriber))
    for field, allowed in (("provider", REGISTRY), ("state", PushDevice.State.values)):
        if (value := asked.get(field)) is not None:
            if value not in allowed:
                raise wrong(field, f"one of {', '.join(sorted(allowed))}")
            rows = rows.filter(**{field: value})
    total = rows.count()
    if cursor := asked.get("cursor", ""):
        if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
            raise wrong("cursor", "the `next` of another answer")
        rows = rows.filter(pk__gt=int(cursor))
    devices = list(rows[: limit + 1])
    following = str(devices[limit - 1].pk) if len(devices) > limit else None
    return {"items": [_told(device) for device in devices[:limit]], "total": total, "next": following}


def create(call: Call) -> dict[str, Any]:
    """Enter a device. A token that is known already moves to this subscriber."""
    body = call.body
    texts = {name: body.get(name, "") for name in (*TEXTS, "provider", "subscriber")}
    wrong_types = [name for name, text in texts.items() if not isinstance(text, str) or "\0" in text]
    keys = body.get("keys")
    if keys is not None and not (isinstance(keys, dict) and all(isinstance(value, str) for value in keys.values())):
        wrong_types.append("keys")
    if unknown := sorted(body.keys() - NEW_DEVICE["properties"].keys()):
        raise _refused(dict.fromkeys(unknown, "unknown"))
    if wrong_types:
        raise _refused(dict.fromkeys(wrong_types, "of another type"))
    subscriber = _subscriber(body.get("subscriber", ""))
    if subscriber is None:
        raise _refused({"subscriber": "There is no such subscriber."})
    about = {name: body[name] for name in TEXTS if name in body}
    try:
        device = actions.add_device(
            subscriber, provider=body.get("provider", ""), **{"token": "", **about}, keys=keys or None
        )
    except ValidationError as error:
        fields = getattr(error, "message_dict", None) or {"token": error.messages}
        raise _refused({name: " ".join(sentences) for name, sentences in fields.items()}) from None
    audit.note(call.caller.account, call.caller.way, audit.PUSH_DEVICE_ADDED, subscriber.aor, device=str(device))
    return _told(device)


def read(call: Call) -> dict[str, Any]:
    """One device."""
    return _told(_device(call))


def remove(call: Call) -> None:
    """Forget a device; its next REGISTER brings it back."""
    device = _device(call)
    audit.note(
        call.caller.account, call.caller.way, audit.PUSH_DEVICE_REMOVED, device.subscriber.aor, device=str(device)
    )
    actions.remove_device(device)


def test_wake(call: Call) -> dict[str, Any]:
    """Hand a test push to Celery; what comes of it are E_PUSH_SENT or E_PUSH_FAILED, and E_PUSH_WOKE."""
    device = _device(call)
    tasks.test_device.apply_async(args=[device.pk], expires=GIVES_UP)
    return {"device": device.handle}


def _device(call: Call) -> PushDevice:
    device = PushDevice.objects.select_related("subscriber").filter(pk=call.arguments["id"]).first()
    if device is None:
        raise Problem(404, "no_such_device", "There is no such push device.")
    return device


def _subscriber(name: str) -> Subscriber | None:
    username, _, domain = name.removeprefix("sip:").replace("\0", "").partition("@")
    rows = Subscriber.objects.filter(username=username)
    return (rows.filter(domain=domain.lower()) if domain else rows).first()


def _refused(fields: dict[str, str]) -> Problem:
    return Problem(422, "bad_device", "This device cannot be entered.", field_errors=fields)


def _told(device: PushDevice) -> dict[str, Any]:
    times = ("last_registered_at", "last_push_at", "last_woke_at")
    return {
        "id": str(device.pk),
        "subscriber": device.subscriber.aor,
        "provider": device.provider,
        "param": device.param,
        "token": device.masked_token,
        "instance_id": device.instance_id,
        "platform": device.platform,
        "state": device.state,
        "last_error": device.last_error,
        **{name: time_text(at.timestamp()) if (at := getattr(device, name)) else None for name in times},
        "last_wake_ms": device.last_wake_ms,
    }


PUSH_DEVICES = Resource(
    "push-devices",
    "push_devices",
    "Phones that a call can wake, with what their providers say of them",
    (
        Operation(
            "GET",
            "Push devices, oldest first",
            PUSH_DEVICES_READ,
            list_devices,
            returns=a_list_of(DEVICE),
            parameters=(
                Parameter("subscriber", "user name or address-of-record"),
                Parameter("provider", "only those of this provider", PROVIDER),
                Parameter("state", "only those in this state", STATE),
                Parameter("cursor", "the `next` of another answer"),
                LIMIT,
            ),
        ),
        Operation(
            "POST",
            "Enter a device whose token does not come with a REGISTER; a token that is known moves to this subscriber",
            PUSH_DEVICES_WRITE,
            create,
            status=201,
            returns=DEVICE,
            body=NEW_DEVICE,
            refusals={422: "something about the device cannot be"},
        ),
    ),
)

PUSH_DEVICE = Resource(
    "push-devices/<int:id>",
    "push_device",
    "One push device",
    (
        Operation(
            "GET", "The device", PUSH_DEVICES_READ, read, returns=DEVICE, refusals={404: "there is no such device"}
        ),
        Operation(
            "DELETE",
            "Forget the device; its next registration brings it back",
            PUSH_DEVICES_WRITE,
            remove,
            refusals={404: "there is no such device"},
        ),
    ),
)

TEST_WAKE = Resource(
    "push-devices/<int:id>/test-wake",
    "test_wake",
    "A real push without a call",
    (
        Operation(
            "POST",
            "Push the device now. What comes of it are the events E_PUSH_SENT or E_PUSH_FAILED, and E_PUSH_WOKE",
            PUSH_DEVICES_WRITE,
            test_wake,
            status=202,
            returns=an_object({"device": {**STRING, "description": "what those events call it"}}),
            refusals={404: "there is no such device"},
        ),
    ),
)
