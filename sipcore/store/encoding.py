"""Records to the bytes that are kept in Redis.

The same JSON as `contract.records` reads, written on the hot path: what is at its default may be left out, and a binding,
written with every REGISTER, is spelled out by hand, which takes half the time of walking its fields.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields
from functools import cache
from json.encoder import c_make_encoder
from json.encoder import encode_basestring as quoted
from operator import attrgetter
from typing import Any

from ..contract.calls import CallState
from ..contract.events import Event
from ..contract.location import Binding
from ..contract.subscriptions import SubscriptionRecord

__all__ = ["encode_binding", "encode_call", "encode_event", "encode_json", "encode_subscription"]

_encoder = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))
# JSONEncoder.encode makes one of these each time, which takes as long as a small record.
_chunks: Callable[[Any, int], Iterable[str]] = (
    c_make_encoder(None, _encoder.default, quoted, None, ":", ",", False, False, True)
    if c_make_encoder is not None
    else lambda data, level: _encoder.iterencode(data)
)


def encode_json(data: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return _bytes("".join(_chunks(data, 0)))


def encode_binding(binding: Binding) -> bytes:
    """A Binding as JSON."""
    b = binding
    text = (
        f'{{"aor":{quoted(b.aor)},"key":{quoted(b.key)},"contact":{quoted(b.contact)},"expires_at":{b.expires_at!r}'
        f',"call_id":{quoted(b.call_id)},"cseq":{b.cseq},"transport":{quoted(b.transport)},"host":{quoted(b.host)}'
        f',"port":{b.port},"worker":{quoted(b.worker)},"socket":{quoted(b.socket)}'
        f',"user_agent":{quoted(b.user_agent)},"registered_at":{b.registered_at!r},"refreshed_at":{b.refreshed_at!r}'
    )
    if b.q != 1.0:
        text += f',"q":{b.q!r}'
    if b.instance_id:
        text += f',"instance_id":{quoted(b.instance_id)}'
    if b.reg_id:
        text += f',"reg_id":{b.reg_id}'
    if b.path:
        text += f',"path":{_list(b.path)}'
    if b.connection:
        text += f',"connection":{quoted(b.connection)}'
    if b.methods:
        text += f',"methods":{_list(b.methods)}'
    if (push := b.push) is not None:
        text += (
            f',"push":{{"provider":{quoted(push.provider)},"param":{quoted(push.param)}'
            f',"prid_hash":{quoted(push.prid_hash)}}}'
        )
    return _bytes(text + "}")


def encode_call(call: CallState) -> bytes:
    """A CallState, or CallRecord, as JSON."""
    data = _differing(call)
    data["state"] = call.state  # always: the board is searched for it as bytes
    if call.branches:
        data["branches"] = [_differing(branch) for branch in call.branches]
    return encode_json(data)


def encode_event(event: Event, *, structured: bool = True) -> bytes:
    """An Event as JSON, with or without those attributes that are records themselves."""
    attributes = event.attributes
    if not structured:
        attributes = {key: value for key, value in attributes.items() if type(value) is not dict}
    data = {
        "id": event.id,
        "name": event.name,
        "ts": event.ts,
        "node": event.node,
        "attributes": attributes,
        "call_uid": event.call_uid,
        "cause_id": event.cause_id,
    }
    if event.depth > 1:
        data["depth"] = event.depth
    return encode_json(data)


def encode_subscription(record: SubscriptionRecord) -> bytes:
    """A SubscriptionRecord as JSON."""
    data = _differing(record)
    data["conditions"] = [_differing(condition) for condition in record.conditions]
    return encode_json(data)


def _list(texts: Iterable[str]) -> str:
    return f"[{','.join(map(quoted, texts))}]"


def _bytes(text: str) -> bytes:
    """JSON in UTF-8. Odd bytes of SIP text are lone surrogates here: they are escaped, and read back the same."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text).encode()


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
