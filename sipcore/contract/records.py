"""JSON for frozen records: one way in and one way out, the same for all of them.

Unknown fields are ignored on reading, so that a newer writer does not stop an older reader; missing ones take the
field's default.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

__all__ = ["from_dict", "from_json", "to_dict", "to_json"]

T = TypeVar("T")

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def to_dict(record: Any) -> dict[str, Any]:
    """Turn a record, and those in it, into plain dicts and lists."""
    return {name: _plain(getattr(record, name)) for name in _names(type(record))}


def to_json(record: Any) -> str:
    """The record as compact JSON."""
    return _encode(to_dict(record))


def from_json(kind: type[T], text: str | bytes) -> T:
    """Read a record. Raise ValueError when the text is not such a record."""
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError(f"{kind.__name__}: not an object")
    return from_dict(kind, data)


def from_dict(kind: type[T], data: dict[str, Any]) -> T:
    """Build a record from plain dicts and lists. Raise ValueError when a required field is missing."""
    values = {}
    for name, hint, required in _readers(kind):
        if name in data:
            values[name] = _typed(hint, data[name])
        elif required:
            raise ValueError(f"{kind.__name__}: no {name}")
    return kind(**values)


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))


@cache
def _readers(kind: type) -> tuple[tuple[str, Any, bool], ...]:
    hints = get_type_hints(kind)
    return tuple((f.name, hints[f.name], f.default is MISSING and f.default_factory is MISSING) for f in fields(kind))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if is_dataclass(value):
        return to_dict(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value]


def _typed(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if is_dataclass(hint):
        return from_dict(hint, value)
    origin = get_origin(hint)
    if origin is tuple:
        item = get_args(hint)[0]
        return tuple(_typed(item, part) for part in value)
    if origin is None or origin is dict:
        return tuple(value) if isinstance(value, list) else value
    for option in get_args(hint):  # a union: Record | None
        if is_dataclass(option):
            return from_dict(option, value)
    return value
