"""Loading a routing script: into a fresh module, checked, and swapped whole.

What can be known before a call comes is checked here: that it compiles, that its routes are `async def` and do not
overlap, that events it names in `notify_on_event` and `wait_for_event` exist, that filter keys written as literals are
attributes of those events, that notification routes are declared. A script that fails keeps the old one in place.
"""

from __future__ import annotations

import ast
import difflib
import linecache
from pathlib import Path
from types import ModuleType

from ..contract.events import CATALOGUE
from ..errors import ScriptError
from .route_table import RouteTable

__all__ = ["load_script"]

MAX_SCRIPT_BYTES = 1_000_000


def load_script(path: Path) -> RouteTable:
    """Load and check a script. Raise ScriptError that names file, line and fault."""
    name = path.name
    try:
        if path.stat().st_size > MAX_SCRIPT_BYTES:
            raise ScriptError(f"{name}: larger than {MAX_SCRIPT_BYTES} bytes")
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"{path}: cannot be read: {error}") from error
    try:
        tree = ast.parse(source, filename=str(path))
        code = compile(tree, str(path), "exec")
    except SyntaxError as error:
        raise ScriptError(f"{name}, line {error.lineno}: {error.msg}") from error

    module = ModuleType(f"routing_script.{path.stem}")
    module.__file__ = str(path)
    linecache.checkcache(str(path))  # tracebacks show the new text after a reload
    try:
        exec(code, module.__dict__)  # noqa: S102 - the operator's own script
    except ScriptError as error:
        raise ScriptError(f"{name}: {error}") from error
    except Exception as error:
        raise ScriptError(f"{name}, line {_line_of(error, path)}: {type(error).__name__}: {error}") from error
    _check_words(tree, module, name)
    return RouteTable.of(module, name)


def _check_words(tree: ast.Module, module: ModuleType, name: str) -> None:
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            continue
        word = call.func.attr
        if word in ("notify_on_event", "wait_for_event") and call.args:
            events = _event_names(call.args[0], module)
            for event in events:
                _known(event, name, call.lineno)
            if len(call.args) > 1:
                _check_filter(call.args[1], events, name)
            if word == "notify_on_event" and len(call.args) > 2:
                _check_route(call.args[2], module, name)
        elif word == "raise_event" and call.args:
            for event in _event_names(call.args[0], module):
                _known(event, name, call.lineno)
                _check_keys([k.arg for k in call.keywords if k.arg], (event,), name, call.lineno)


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


def _known(event: str, name: str, line: int) -> None:
    if event not in CATALOGUE:
        near = difflib.get_close_matches(event, CATALOGUE, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ScriptError(f"{name}, line {line}: no event {event}{hint}")


def _check_filter(node: ast.expr, events: tuple[str, ...], name: str) -> None:
    if isinstance(node, ast.Dict):
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        _check_keys(keys, events, name, node.lineno)


def _check_keys(keys: list[str], events: tuple[str, ...], name: str, line: int) -> None:
    for event in events:
        attributes = CATALOGUE[event].attributes
        for key in keys:
            if key not in attributes and key not in ("call_uid", "cause_id"):
                raise ScriptError(
                    f"{name}, line {line}: {event} has no attribute {key!r}; it has {', '.join(sorted(attributes))}"
                )


def _check_route(node: ast.expr, module: ModuleType, name: str) -> None:
    if isinstance(node, ast.Name):
        route = vars(module).get(node.id)
        if not getattr(route, "__event_route__", False):
            raise ScriptError(f"{name}, line {node.lineno}: {node.id} is not an @event_route")


def _line_of(error: Exception, path: Path) -> int:
    line, traceback = 0, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == str(path):
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
