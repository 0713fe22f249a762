"""Records: frozen values that cross Redis as JSON, and the one way in and out.

What is at its default is left out when writing and filled in when reading; unknown fields are ignored, so that a newer
writer does not stop an older reader. They are msgspec Structs: made, compared, written and read in C, for a worker does
that some ten times for each call (ADR 19).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

__all__ = ["Record", "defaults", "encode_json", "from_dict", "from_json", "replace", "to_dict", "to_json"]

T = TypeVar("T", bound="Record")

_encode = msgspec.json.Encoder().encode
_decoders: dict[type, Any] = {}


class Record(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A record. None refers back to itself through its fields, so the collector need not look at them."""


def to_dict(record: Record) -> dict[str, Any]:
    """Turn a record, and those in it, into plain dicts and lists, without what is at its default."""
    plain: dict[str, Any] = msgspec.to_builtins(record)
    return plain


def defaults(kind: type[Record]) -> dict[str, Any]:
    """What a reader of plain JSON has to fill in where a field is missing."""
    return {
        field.name: field.default for field in msgspec.structs.fields(kind) if field.default is not msgspec.NODEFAULT
    }


def from_json(kind: type[T], text: str | bytes) -> T:
    """Read a record. Raise ValueError when the text is not such a record."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    try:
        record: T = decoder.decode(text)
        return record
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return from_dict(kind, json.loads(text))  # lone surrogates


def from_dict(kind: type[T], data: Mapping[str, Any]) -> T:
    """Build a record from plain dicts and lists. Raise ValueError when a field is missing or of another type."""
    return msgspec.convert(data, kind)


def encode_json(data: Any) -> bytes:
    """Compact JSON in UTF-8 of plain values and records.

    Odd bytes of SIP text are lone surrogates here, which UTF-8 has no place for: they are escaped, and read back the same.
    """
    try:
        return _encode(data)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(data), ensure_ascii=True, separators=(",", ":"))
        return text.encode()


to_json: Callable[[Record], bytes] = encode_json
"The record as compact JSON in UTF-8."
