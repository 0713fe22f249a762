"""Filters as a script writes them, checked when they are made and frozen from then on.

Two forms. A mapping is literal and typed: `{"aor": callee.aor, "expires_in": gt(0)}`. A string, or several, is
OpenSIPS's: `"aor=*@example.org"`, a shell pattern for the whole text, all of them to hold. Both fail closed: an unknown
key, an empty value, a value of the wrong type or no condition at all is a BadFilter and never "matches everything".
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import isnan
from typing import Any

from ..contract.events import CATALOGUE, EventType
from ..contract.subscriptions import ConditionRecord
from ..errors import BadFilter, UnknownEvent
from .conditions import Predicate, compile_conditions

__all__ = ["MAX_CONDITIONS", "MAX_VALUE", "Filter", "compile_filter", "event_type", "suggestion"]

MAX_CONDITIONS = 16  # of one filter
MAX_VALUE = 1024  # characters of one value, or members of one_of()

_WILDCARDS = frozenset("*?[\\")
_ORDERED = frozenset({"lt", "le", "gt", "ge"})
_OPERATORS = _ORDERED | {"eq", "ne", "in", "glob"}
_NUMBERS = frozenset({int, float})


@dataclass(frozen=True, slots=True)
class Filter:
    """What a subscription waits for. Immutable: it holds copies of the values it was made from."""

    events: tuple[str, ...]
    conditions: tuple[ConditionRecord, ...]
    "All must hold; none at all only where `match_all` was asked for."
    matches: Callable[[Mapping[str, Any]], bool] = field(repr=False, compare=False)
    "Whether the attributes of one of these events satisfy all conditions."

    @property
    def index_keys(self) -> tuple[tuple[Any, ...], ...]:
        """For each event its name, with the most selective indexed attribute that is compared literally, and with what,
        where there is one."""
        conditions = self.conditions
        if len(conditions) == 1:
            (condition,) = conditions
            if condition.operator == "eq":
                key, value = condition.key, condition.value
                return tuple([(name, key, value) if key in CATALOGUE[name].index else (name,) for name in self.events])
        return tuple([(name, *self._indexed(name)) for name in self.events])

    def _indexed(self, event_name: str) -> tuple[Any, ...]:
        for key in CATALOGUE[event_name].index:
            for condition in self.conditions:
                if condition.key == key and condition.operator == "eq":
                    return key, condition.value
        return ()


def compile_filter(event_names: str | Iterable[str], filter: Any, *, match_all: bool = False) -> Filter:
    """Check a filter against the declarations of the events and freeze it.

    `filter` is a mapping, a string, an iterable of strings, or a Filter that has been compiled for the same events.
    Raises UnknownEvent or BadFilter, which names the key and lists the valid ones. No condition at all is accepted with
    `match_all` only.
    """
    events = (event_names,) if isinstance(event_names, str) else tuple(dict.fromkeys(event_names))
    schema = _common_schema(events)
    if isinstance(filter, Filter):
        if filter.events != events:
            raise BadFilter(f"this filter was compiled for {_join(filter.events)}, not for {_join(events)}")
        return filter
    if filter is None:
        conditions: tuple[ConditionRecord, ...] = ()
    elif isinstance(filter, Mapping):
        conditions = tuple(_literal(events, schema, key, value) for key, value in filter.items())
    else:
        texts = (filter,) if isinstance(filter, str) else tuple(filter)
        conditions = tuple(_pattern(events, schema, text) for text in texts)
    if not conditions and not match_all:
        raise BadFilter(f"no condition: this would match every {_join(events)}; match_all=True asks for that")
    if len(conditions) > MAX_CONDITIONS:
        raise BadFilter(f"{len(conditions)} conditions; at most {MAX_CONDITIONS} are allowed")
    return Filter(events, conditions, compile_conditions(conditions))


def event_type(name: str) -> EventType:
    """Return the declaration of an event. Raise UnknownEvent, with the likely one, when there is none."""
    try:
        return CATALOGUE[name]
    except (KeyError, TypeError):
        raise UnknownEvent(f"{name!r} is not a declared event{suggestion(str(name), CATALOGUE)}") from None


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?`, or nothing when nothing known comes near."""
    folded = {candidate.upper(): candidate for candidate in known}
    near = difflib.get_close_matches(name.upper(), folded, n=1)
    return f"; did you mean {folded[near[0]]}?" if near else ""


@lru_cache(maxsize=256)
def _common_schema(events: tuple[str, ...]) -> Mapping[str, type]:
    """The attributes that all of these events have with one type: those a filter on them may name."""
    if not events:
        raise UnknownEvent("no event is named")
    first, *others = [event_type(name) for name in events]
    return {
        key: kind
        for key, kind in first.attributes.items()
        if all(other.attributes.get(key) is kind for other in others)
    }


def _literal(events: tuple[str, ...], schema: Mapping[str, type], key: str, value: Any) -> ConditionRecord:
    kind = _kind(events, schema, key)
    if not isinstance(value, Predicate):
        return ConditionRecord(key, "eq", _checked(key, kind, value))
    name, wanted = value.operator, value.value
    if name not in _OPERATORS:
        raise BadFilter(f"{key}: there is no operator {name!r}")
    if name == "in":
        if not wanted or len(wanted) > MAX_VALUE:
            raise BadFilter(f"{key}: one_of() takes 1 to {MAX_VALUE} values, not {len(wanted)}")
        return ConditionRecord(key, "in", tuple(_checked(key, kind, item) for item in wanted))
    if name in _ORDERED and kind not in _NUMBERS:
        raise BadFilter(f"{key}: {name}() compares numbers, and {key} is {kind.__name__}")
    if name == "glob" and kind not in (str, list):
        raise BadFilter(f"{key}: glob() compares text, and {key} is {kind.__name__}")
    return ConditionRecord(key, name, _checked(key, kind, wanted))


def _pattern(events: tuple[str, ...], schema: Mapping[str, type], text: Any) -> ConditionRecord:
    """Read one `key=pattern`. The value follows the first `=`; numbers are compared as such unless it has wildcards."""
    if not isinstance(text, str):
        raise BadFilter(f"a filter is a mapping or text of the form key=value, not {text!r}")
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise BadFilter(f"{text!r} is not of the form key=value")
    kind = _kind(events, schema, key)
    if _WILDCARDS & set(value):
        return ConditionRecord(key, "glob", _checked(key, str, value))
    if kind in (str, list):
        return ConditionRecord(key, "eq", _checked(key, kind, value))
    try:
        wanted = {"true": True, "1": True, "false": False, "0": False}[value.lower()] if kind is bool else kind(value)
    except (KeyError, ValueError):
        raise BadFilter(f"{key}: {value!r} is no {kind.__name__}") from None
    return ConditionRecord(key, "eq", wanted)


def _kind(events: tuple[str, ...], schema: Mapping[str, type], key: str) -> type:
    kind = schema.get(key)
    if kind is None:
        valid = ", ".join(sorted(name for name, each in schema.items() if each is not dict))
        near = suggestion(str(key), schema) or "."
        raise BadFilter(f"{_join(events)} has no attribute {key!r}{near} Valid keys: {valid}.")
    if kind is dict:
        raise BadFilter(f"{key} is structured and cannot be compared")
    return kind


def _checked(key: str, kind: type, value: Any) -> Any:
    """Return the value, once sure that it can equal an attribute of that type. Nothing equals nothing."""
    if value is None or (isinstance(value, str) and not value.strip()):
        raise BadFilter(f"{key}: an empty value matches nothing")
    if isinstance(value, str):
        fits = kind in (str, list)
        if len(value) > MAX_VALUE:
            raise BadFilter(f"{key}: {len(value)} characters; at most {MAX_VALUE} are allowed")
    elif isinstance(value, bool):  # before int, which it is
        fits = kind is bool
    elif isinstance(value, int):
        fits = kind in (int, float, list)
    else:
        fits = isinstance(value, float) and kind in _NUMBERS and not isnan(value)
    if not fits:
        raise BadFilter(f"{key} is {kind.__name__}, and {value!r} is {type(value).__name__}")
    return value


def _join(events: tuple[str, ...]) -> str:
    return " or ".join(events)
