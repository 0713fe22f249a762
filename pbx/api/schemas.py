"""JSON Schemas that several operations share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["INTEGER", "STRING", "TIME", "a_list_of", "an_object", "one_of"]

STRING: Mapping[str, Any] = {"type": "string"}
INTEGER: Mapping[str, Any] = {"type": "integer"}
TIME: Mapping[str, Any] = {"type": "string", "format": "date-time"}


def an_object(properties: Mapping[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object with these properties, all of which are there unless optional."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def a_list_of(items: Mapping[str, Any], **more: Mapping[str, Any]) -> dict[str, Any]:
    """A page of a list: `items`, `total`, and in `next` the cursor of the following page or null."""
    about = {
        "items": {"type": "array", "items": dict(items)},
        "total": dict(INTEGER),
        "next": {"type": ["string", "null"], "description": "`cursor` of the following page; null at the end"},
        **more,
    }
    return an_object(about)


def one_of(*words: str) -> dict[str, Any]:
    """One of these words."""
    return {"type": "string", "enum": list(words)}
