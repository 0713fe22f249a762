"""What a script says about events, as far as reading it can tell.

Events, filter keys, values, options and routes that are written out are checked as they would be when the word is used; what
is computed is left for then. A mistake found here costs a reload, one found then a call.
"""

from __future__ import annotations

import ast
from types import ModuleType
from typing import Any

from ..ebr.attributes import checked_attributes
from ..ebr.conditions import AnyOf, Predicate
from ..ebr.filters import check_attribute, compile_filter, event_type
from ..ebr.routing import MAX_TIMEOUT
from ..errors import ScriptError
from .route_table import is_branch_route, is_event_route, is_reply_route

__all__ = ["check"]

_SIGNATURES = {
    "notify_on_event": ("events", "filter", "route", "timeout"),
    "wait_for_event": ("events", "filter", "timeout"),
    "events": ("events", "filter"),
}
_OPTIONS = frozenset(
    {"bind", "context", "dedup", "filter", "match_all", "max_fires", "on_expire", "once", "route", "timeout", "events"}
)
_BINDS = ("transaction", "dialog", "registration", "none")
_HOOKS = {"on_branch": is_branch_route, "on_reply": is_reply_route}
_UNKNOWN = object()
"Stands for what reading alone cannot tell."


def check(tree: ast.Module, module: ModuleType) -> None:
    """Raise ScriptError for the first word that cannot mean anything."""
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            continue
        try:
            if call.func.attr in _SIGNATURES:
                _check_subscription(call, call.func.attr, module)
            elif call.func.attr == "raise_event" and call.args:
                _check_raised(call, module)
            elif call.func.attr in _HOOKS and call.args:
                _check_hook(call.args[0], call.func.attr, module)
        except ScriptError as error:
            raise ScriptError(str(error), line=call.lineno) from error


def _check_subscription(call: ast.Call, word: str, module: ModuleType) -> None:
    given: dict[str, ast.expr] = dict(zip(_SIGNATURES[word], call.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    events = _events(given.get("events"), module)
    if events is None:
        return  # computed, or a word of the same name that is not ours
    for event in events:
        event_type(event)
    filter = given.get("filter")
    if word == "events" and filter is None:
        attributes = {key: value for key, value in given.items() if key not in _OPTIONS}
        _check_mapping(events, attributes, module)
    elif filter is not None:
        _check_filter(events, filter, module, match_all="match_all" in given)
    for option in ("route", "on_expire"):
        if option in given:
            _check_route(given[option], module)
    dedup = _value(given.get("dedup"), module)
    if isinstance(dedup, str):
        check_attribute(events, dedup)
    bind = _value(given.get("bind"), module)
    if isinstance(bind, str) and bind not in _BINDS:
        raise ScriptError(f"bind={bind!r}: one of {', '.join(_BINDS)}")
    timeout = _value(given.get("timeout"), module)
    if isinstance(timeout, (int, float)) and not 0 < timeout <= MAX_TIMEOUT:
        raise ScriptError(f"a timeout is more than 0 and at most {MAX_TIMEOUT:.0f} seconds, not {timeout}")


def _check_filter(events: tuple[str, ...], node: ast.expr, module: ModuleType, *, match_all: bool) -> None:
    if isinstance(node, ast.Dict):
        keys = [_value(key, module) for key in node.keys]
        known = {key: value for key, value in zip(keys, node.values, strict=True) if isinstance(key, str)}
        _check_mapping(events, known, module, is_whole=len(known) == len(keys), match_all=match_all)
    elif isinstance(node, (ast.JoinedStr, ast.BinOp)):
        _check_text_key(events, node)
    elif isinstance(node, (ast.List, ast.Tuple)) and not all(isinstance(each, ast.Constant) for each in node.elts):
        for each in node.elts:
            _check_text_key(events, each)
    else:
        value = _value(node, module)
        if value is not _UNKNOWN:
            compile_filter(events, value, match_all=match_all)


def _check_mapping(
    events: tuple[str, ...],
    filter: dict[str, ast.expr],
    module: ModuleType,
    *,
    is_whole: bool = True,
    match_all: bool = False,
) -> None:
    values = {key: _value(value, module) for key, value in filter.items()}
    for key in values:
        check_attribute(events, key)
    known = {key: value for key, value in values.items() if value is not _UNKNOWN}
    compile_filter(events, known, match_all=match_all or not is_whole or len(known) < len(values))


def _check_text_key(events: tuple[str, ...], node: ast.expr) -> None:
    """The key of `f"aor={callee.aor}"` and of `"aor=" + callee.aor`."""
    first: ast.expr | None = node
    while isinstance(first, (ast.JoinedStr, ast.BinOp)):
        if isinstance(first, ast.BinOp):
            first = first.left
        else:
            first = first.values[0] if first.values else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str) and "=" in first.value:
        check_attribute(events, first.value.partition("=")[0].strip())


def _check_route(node: ast.expr, module: ModuleType) -> None:
    if isinstance(node, ast.Constant) and node.value is not None:
        raise ScriptError(f"{node.value!r} is not an @event_route; name the function itself")
    if isinstance(node, ast.Name) and node.id in vars(module) and not is_event_route(vars(module)[node.id]):
        raise ScriptError(f"{node.id} is not an @event_route")


def _check_hook(node: ast.expr, word: str, module: ModuleType) -> None:
    if isinstance(node, ast.Name) and node.id in vars(module) and not _HOOKS[word](vars(module)[node.id]):
        raise ScriptError(f"{node.id} is not a @{word.removeprefix('on_')}_route")


def _check_raised(call: ast.Call, module: ModuleType) -> None:
    for event in _events(call.args[0], module) or ():
        declared = event_type(event)
        values = {each.arg: _value(each.value, module) for each in call.keywords if each.arg}
        unknown = {key: declared.attributes[key]() for key in values if key in declared.attributes}
        checked_attributes(declared, {key: unknown.get(key) if v is _UNKNOWN else v for key, v in values.items()})


def _events(node: ast.expr | None, module: ModuleType) -> tuple[str, ...] | None:
    """The event names that an argument stands for; None when reading alone cannot tell."""
    value = _value(node, module)
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (tuple, list)) and value and all(isinstance(each, str) for each in value):
        return tuple(value)
    return None


def _value(node: ast.expr | None, module: ModuleType) -> Any:
    """What an expression stands for: what is written out, constants of the script, and predicates made of these."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        value = vars(module).get(node.id, _UNKNOWN)
        return value if isinstance(value, (str, int, float, tuple, Predicate, AnyOf)) else _UNKNOWN
    if isinstance(node, (ast.Tuple, ast.List)):
        values = [_value(each, module) for each in node.elts]
        return _UNKNOWN if any(each is _UNKNOWN for each in values) else tuple(values)
    if isinstance(node, ast.Dict):
        pairs = {_value(key, module): _value(value, module) for key, value in zip(node.keys, node.values, strict=True)}
        return _UNKNOWN if _UNKNOWN in (*pairs, *pairs.values()) else pairs
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _value(node.operand, module)
        return -value if isinstance(value, (int, float)) else _UNKNOWN
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        made: Any = vars(module).get(node.func.id)
        if getattr(made, "__module__", "") == "sipcore.ebr.conditions" and not node.keywords:
            arguments = [_value(each, module) for each in node.args]
            if not any(each is _UNKNOWN for each in arguments):
                return made(*arguments)
    return _UNKNOWN
