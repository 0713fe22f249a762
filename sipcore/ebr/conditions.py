"""Conditions on the attributes of an event: how a script asks for them, and how they are evaluated.

A bare value is compared literally. Everything else is asked for by name, `glob("b?b@example.org")` or `lt(5)`, so that
a caller who dials `*` is looked up as the user called `*` and never as everybody. A condition on an attribute that the
event lacks does not hold, whatever the operator; on an attribute that is a list it holds when one element satisfies it
(`ne`: when no element is equal).
"""

from __future__ import annotations

import fnmatch
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..contract.events import ENVELOPE, Event
from ..contract.subscriptions import ConditionRecord

__all__ = [
    "AnyOf",
    "Predicate",
    "any_of",
    "compile_conditions",
    "escape_glob",
    "ge",
    "glob",
    "gt",
    "le",
    "lt",
    "ne",
    "one_of",
    "regex",
]

Test = Callable[[Any], bool]

_ORDERINGS = {"lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge}
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Predicate:
    """A comparison other than equality, for use as a value in a filter."""

    operator: str
    value: Any


def glob(pattern: str) -> Predicate:
    """Match the whole text against a shell pattern: `*`, `?`, `[a-z]`, and backslash to take the next one literally."""
    return Predicate("glob", pattern)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Several filters of which one is enough."""

    filters: tuple[Any, ...]


def any_of(*filters: Any) -> AnyOf:
    """Of these filters, each a mapping or in the form of the OpenSIPS manual, one is enough. Not indexed."""
    return AnyOf(filters)


def regex(pattern: str) -> Predicate:
    """Match the whole text against a regular expression of Python. Never make one from what a caller wrote."""
    return Predicate("re", pattern)


def ne(value: Any) -> Predicate:
    """Differ from `value`."""
    return Predicate("ne", value)


def lt(value: float) -> Predicate:
    """Be less than `value`, as a number."""
    return Predicate("lt", value)


def le(value: float) -> Predicate:
    """Be at most `value`, as a number."""
    return Predicate("le", value)


def gt(value: float) -> Predicate:
    """Be greater than `value`, as a number."""
    return Predicate("gt", value)


def ge(value: float) -> Predicate:
    """Be at least `value`, as a number."""
    return Predicate("ge", value)


def one_of(*values: Any) -> Predicate:
    """Equal one of `values`."""
    return Predicate("in", tuple(values))


def escape_glob(text: str) -> str:
    """Make text from outside, such as a dialled number, safe to put into a pattern: it matches itself alone."""
    return re.sub(r"([*?\[\\])", r"\\\1", text)


def compile_conditions(conditions: Iterable[ConditionRecord]) -> Callable[[Event], bool]:
    """Return the function that tells whether all conditions hold for an event: its attributes, and its envelope."""
    conditions = tuple(conditions)
    if len(conditions) == 1 and conditions[0].operator == "eq" and conditions[0].key not in ENVELOPE:
        return _equal(conditions[0].key, conditions[0].value)
    choices = [_compile_any(condition.value) for condition in conditions if condition.operator == "any"]
    tests = tuple((c.key, _compile(c.operator, c.value)) for c in conditions if c.operator != "any")

    def matches(event: Event) -> bool:
        attributes = event.attributes
        for key, test in tests:
            value = attributes.get(key, _ABSENT)
            if value is _ABSENT:
                if key not in ENVELOPE:
                    return False
                value = getattr(event, key)
            if not test(value):
                return False
        return True

    if not choices:
        return matches
    return lambda event: matches(event) and all(choice(event) for choice in choices)


def _equal(key: str, wanted: Any) -> Callable[[Event], bool]:
    """What nearly every subscription asks: one attribute, literally. Small and quick, for there are many."""

    def matches(event: Event) -> bool:
        value = event.attributes.get(key, _ABSENT)
        return value == wanted or (type(value) is list and wanted in value)

    return matches


def _compile_any(filters: Any) -> Callable[[Event], bool]:
    tests = [compile_conditions([ConditionRecord(*condition) for condition in conditions]) for conditions in filters]
    return lambda event: any(test(event) for test in tests)


def _compile(name: str, wanted: Any) -> Test:
    if name == "eq":
        return lambda value: wanted in value if isinstance(value, (list, tuple)) else value == wanted
    if name == "ne":
        return lambda value: wanted not in value if isinstance(value, (list, tuple)) else value != wanted
    if name == "in":
        choice = frozenset(wanted)
        return lambda value: not choice.isdisjoint(value) if isinstance(value, (list, tuple)) else value in choice
    if name in ("glob", "re"):
        match = _translate(wanted).match if name == "glob" else re.compile(wanted).fullmatch
        return lambda value: (
            any(match(str(item)) for item in value)
            if isinstance(value, (list, tuple))
            else match(str(value)) is not None
        )
    compare = _ORDERINGS[name]
    return lambda value: isinstance(value, (int, float)) and compare(value, wanted)


@lru_cache(maxsize=1024)
def _translate(pattern: str) -> re.Pattern[str]:
    """Compile a shell pattern. fnmatch knows no backslash, so `\\x` becomes `[x]`; it backtracks in linear steps."""
    pieces = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if char == "\\" and position + 1 < len(pattern):
            position += 1
            pieces.append(f"[{pattern[position]}]" if pattern[position] in "*?[" else pattern[position])
        elif char == "[" and (end := pattern.find("]", position + 2)) > 0:
            pieces.append(pattern[position : end + 1])
            position = end
        else:
            pieces.append(char)
        position += 1
    return re.compile(fnmatch.translate("".join(pieces)))
