"""Filters as a script writes them, checked when they are made and frozen from then on.

Two forms. A mapping is literal and typed: `{"aor": callee.aor, "expires_in": gt(0)}`. A string, or several, is
OpenSIPS's: `"aor=*@example.org"`, a shell pattern for the whole text, all of them to hold. Both fail closed: an unknown
key, an empty value, a value of the wrong type or no condition at all is a BadFilter and never "matches everything".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import isnan
from typing import Any

from ..contract.events import CATALOGUE, ENVELOPE, Event, EventType
from ..contract.subscriptions import ConditionRecord
from ..errors import BadFilter, UnknownEvent
from .conditions import AnyOf, Predicate, compile_conditions

__all__ = [
    "MAX_CONDITIONS",
    "MAX_VALUE",
    "Filter",
    "check_attribute",
    "compile_filter",
    "event_type",
    "filter_of",
    "forget_schemas",
    "suggestion",
]

MAX_CONDITIONS = 16  # of one filter
MAX_VALUE = 1024  # characters of one value, or members of one_of()

_WILDCARDS = frozenset("*?[\\")
_ORDERED = frozenset({"lt", "le", "gt", "ge"})
_OPERATORS = _ORDERED | {"eq", "ne", "in", "glob", "re"}
_NUMBERS = frozenset({int, float})


@dataclass(frozen=True, slots=True)
class Filter:
    """What a subscription waits for. Immutable: it holds copies of the values it was made from."""

    events: tuple[str, ...]
    conditions: tuple[ConditionRecord, ...]
    "All must hold; none at all only where `match_all` was asked for."
    matches: Callable[[Event], bool] = field(repr=False, compare=False)
    "Whether an event, one of these, satisfies all conditions."

    index_keys: tuple[tuple[Any, ...], ...] = field(repr=False, compare=False)
    """For each event its name, with the most selective indexed attribute that is compared literally, and with what,
    where there is one. Kept, for what is in an index must be found there again whatever is declared meanwhile."""


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
    conditions = _conditions(events, schema, filter)
    if not conditions and not match_all:
        raise BadFilter(f"no condition: this would match every {_join(events)}; match_all=True asks for that")
    return Filter(events, conditions, compile_conditions(conditions), _index_keys(events, conditions))


def filter_of(events: tuple[str, ...], conditions: tuple[ConditionRecord, ...]) -> Filter:
    """The filter that a record was made from. Raise UnknownEvent when one of its events is not declared any more."""
    for name in events:
        event_type(name)
    return Filter(events, conditions, compile_conditions(conditions), _index_keys(events, conditions))


def _conditions(events: tuple[str, ...], schema: Mapping[str, type], filter: Any) -> tuple[ConditionRecord, ...]:
    if filter is None:
        return ()
    if isinstance(filter, Mapping):
        conditions = tuple([_literal(events, schema, key, value) for key, value in filter.items()])
    elif isinstance(filter, AnyOf):
        conditions = (_choice(events, schema, filter),)
    else:
        texts = (filter,) if isinstance(filter, str) else tuple(filter)
        conditions = tuple([_pattern(events, schema, text) for text in texts])
    if len(conditions) > MAX_CONDITIONS:
        raise BadFilter(f"{len(conditions)} conditions; at most {MAX_CONDITIONS} are allowed")
    return conditions


def _choice(events: tuple[str, ...], schema: Mapping[str, type], choice: AnyOf) -> ConditionRecord:
    """One condition for several filters, written as plain values so that it can be kept like the others."""
    choices = []
    for filter in choice.filters:
        conditions = () if isinstance(filter, AnyOf) else _conditions(events, schema, filter)
        if not conditions:
            raise BadFilter("any_of() takes filters that have conditions, and no other any_of()")
        choices.append(tuple([(each.key, each.operator, each.value) for each in conditions]))
    if not 0 < len(choices) <= MAX_CONDITIONS:
        raise BadFilter(f"any_of() takes 1 to {MAX_CONDITIONS} filters, not {len(choices)}")
    return ConditionRecord("", "any", tuple(choices))


def _index_keys(events: tuple[str, ...], conditions: tuple[ConditionRecord, ...]) -> tuple[tuple[Any, ...], ...]:
    if len(conditions) == 1:
        (condition,) = conditions
        if condition.operator == "eq":
            key, value = condition.key, condition.value
            return tuple([(name, key, value) if key in CATALOGUE[name].index else (name,) for name in events])
    return tuple([(name, *_indexed(name, conditions)) for name in events])


def _indexed(event_name: str, conditions: tuple[ConditionRecord, ...]) -> tuple[Any, ...]:
    for key in CATALOGUE[event_name].index:
        for condition in conditions:
            if condition.key == key and condition.operator == "eq":
                return key, condition.value
    return ()


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


def forget_schemas() -> None:
    """Look at the catalogue again; a script has declared events."""
    _common_schema.cache_clear()


def check_attribute(event_names: tuple[str, ...], key: str) -> None:
    """Raise BadFilter when these events have no such attribute, or one that cannot be compared."""
    _kind(event_names, _common_schema(event_names), key)


@lru_cache(maxsize=256)
def _common_schema(events: tuple[str, ...]) -> Mapping[str, type]:
    """What a filter on all of these events may name: the attributes that they have in common, and the envelope."""
    if not events:
        raise UnknownEvent("no event is named")
    first, *others = [event_type(name) for name in events]
    return dict.fromkeys(ENVELOPE, str) | {
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
    if name in ("glob", "re") and kind not in (str, list):
        raise BadFilter(f"{key}: {name}() compares text, and {key} is {kind.__name__}")
    if name == "re":
        try:
            re.compile(_checked(key, str, wanted))
        except re.error as error:
            raise BadFilter(f"{key}: {wanted!r} is no regular expression: {error}") from None
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
