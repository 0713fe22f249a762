"""Records to the bytes that are kept in Redis.

The same JSON as `contract.records` reads, written on the hot path: fields at their default are left out, which halves
a binding, and events are encoded without being walked, for their attributes are plain already.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from functools import cache
from operator import attrgetter
from typing import Any

from ..contract.calls import CallState
from ..contract.events import Event
from ..contract.location import Binding
from ..contract.records import to_dict
from ..contract.subscriptions import SubscriptionRecord

__all__ = ["encode_binding", "encode_call", "encode_event", "encode_json", "encode_subscription"]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def encode_json(data: Any) -> bytes:
    """Compact JSON in UTF-8. Odd bytes of SIP text, which are lone surrogates here, are escaped and read back the same."""
    try:
        return _encode(data).encode()
    except UnicodeEncodeError:
        return _encode_ascii(data).encode()


def encode_binding(binding: Binding) -> bytes:
    """A Binding as JSON."""
    data = _differing(binding)
    if binding.push is not None:
        data["push"] = to_dict(binding.push)
    return encode_json(data)


def encode_call(call: CallState) -> bytes:
    """A CallState, or CallRecord, as JSON."""
    data = _differing(call)
    if call.branches:
        data["branches"] = [_differing(branch) for branch in call.branches]
    return encode_json(data)


def encode_event(event: Event) -> bytes:
    """An Event as JSON."""
    return encode_json(
        {
            "id": event.id,
            "name": event.name,
            "ts": event.ts,
            "node": event.node,
            "attributes": event.attributes,
            "call_uid": event.call_uid,
            "cause_id": event.cause_id,
        }
    )


def encode_subscription(record: SubscriptionRecord) -> bytes:
    """A SubscriptionRecord as JSON."""
    data = _differing(record)
    data["conditions"] = [_differing(condition) for condition in record.conditions]
    return encode_json(data)


def _differing(record: Any) -> dict[str, Any]:
    names, values, defaults = _layout(type(record))
    return {
        name: value
        for name, value, default in zip(names, values(record), defaults, strict=True)
        if value is not default and value != default
    }


@cache
def _layout(kind: type) -> tuple[tuple[str, ...], attrgetter[Any], tuple[Any, ...]]:
    """Names and defaults of a record's fields; MISSING, which equals nothing, for those that must be written."""
    names = tuple(field.name for field in fields(kind))
    defaults = tuple(MISSING if field.default is MISSING else field.default for field in fields(kind))
    return names, attrgetter(*names), defaults
