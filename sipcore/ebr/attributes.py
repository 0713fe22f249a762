"""The attributes of an event about to be raised, checked against its declaration and copied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..contract.events import EventType
from ..errors import ScriptError
from .filters import suggestion

__all__ = ["checked_attributes"]


def checked_attributes(declared: EventType, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of the attributes with plain JSON values.

    Attributes may be missing. Raises ScriptError for one that is not declared, or whose type is another.
    """
    kinds = declared.attributes
    checked = dict(attributes)
    for key, value in attributes.items():
        kind = kinds.get(key)
        if kind is not type(value):
            checked[key] = _converted(declared, key, value)
        elif kind is list or kind is dict:
            checked[key] = kind(checked[key])
    return checked


def _converted(declared: EventType, key: str, value: Any) -> Any:
    """The rare cases: what is as good as the declared type, and what is wrong."""
    kind = declared.attributes.get(key)
    if kind is None:
        near = suggestion(str(key), declared.attributes) or "."
        raise ScriptError(f"{declared.name} has no attribute {key!r}{near} Declared: {', '.join(declared.attributes)}.")
    if kind is float and type(value) is int:
        return float(value)
    if kind is list and isinstance(value, (tuple, set, frozenset)):
        return list(value)
    if kind is dict and isinstance(value, Mapping):
        return dict(value)
    if kind is not int and isinstance(value, kind):  # a subclass, such as a StrEnum; but True is no number
        return kind(value)
    raise ScriptError(f"{declared.name}: {key} is {kind.__name__}, and {value!r} is {type(value).__name__}")
