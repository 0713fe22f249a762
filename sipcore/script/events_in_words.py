"""What a script says about events, as far as reading it can tell: names, filter keys, routes.

Events that `notify_on_event`, `wait_for_event` and `raise_event` name must be declared, filters and their keys, where they
are written as literals, must be right for those events, and notification routes must be declared as such.
"""

from __future__ import annotations

import ast
import difflib
from types import ModuleType

from ..contract.events import CATALOGUE
from ..ebr import compile_filter
from ..errors import BadFilter, ScriptError
from .route_table import is_event_route

__all__ = ["check"]


def check(tree: ast.Module, module: ModuleType) -> None:
    """Raise ScriptError for the first word that cannot mean anything."""
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            continue
        word = call.func.attr
        if word in ("notify_on_event", "wait_for_event") and call.args:
            events = _event_names(call.args[0], module)
            for event in events:
                _known(event, call.lineno)
            if len(call.args) > 1:
                _check_filter(call.args[1], events)
            if word == "notify_on_event" and len(call.args) > 2:
                _check_route(call.args[2], module)
        elif word == "raise_event" and call.args:
            for event in _event_names(call.args[0], module):
                _known(event, call.lineno)
                _check_keys([k.arg for k in call.keywords if k.arg], (event,), call.lineno)


def _event_names(node: ast.expr, module: ModuleType) -> tuple[str, ...]:
    """The event names that an argument stands for, as far as reading alone can tell."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return (node.value,)
    if isinstance(node, ast.Name):
        value = vars(module).get(node.id)
        if isinstance(value, str):
            return (value,)
        if isinstance(value, tuple):
            return tuple(item for item in value if isinstance(item, str))
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(name for item in node.elts for name in _event_names(item, module))
    return ()


def _known(event: str, line: int) -> None:
    if event not in CATALOGUE:
        near = difflib.get_close_matches(event, CATALOGUE, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ScriptError(f"no event {event}{hint}", line=line)


def _check_filter(node: ast.expr, events: tuple[str, ...]) -> None:
    if isinstance(node, ast.Dict):
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        _check_keys(keys, events, node.lineno)
    try:
        literal = ast.literal_eval(node)
    except ValueError:
        return  # known when it is used
    if literal and events:
        try:
            compile_filter(events, literal)
        except BadFilter as error:
            raise ScriptError(str(error), line=node.lineno) from error


def _check_keys(keys: list[str], events: tuple[str, ...], line: int) -> None:
    for event in events:
        attributes = CATALOGUE[event].attributes
        for key in keys:
            if key not in attributes and key not in ("call_uid", "cause_id"):
                known = ", ".join(sorted(attributes))
                raise ScriptError(f"{event} has no attribute {key!r}; it has {known}", line=line)


def _check_route(node: ast.expr, module: ModuleType) -> None:
    if isinstance(node, ast.Name):
        route = vars(module).get(node.id)
        if not is_event_route(route):
            raise ScriptError(f"{node.id} is not an @event_route", line=node.lineno)
