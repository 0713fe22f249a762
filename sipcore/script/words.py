"""The words of a route, as far as reading it can tell: that there are such words, and that the right ones are awaited.

`request.frok(…)` would fail with the first call, and `request.save()` without its `await` would do nothing at all and
have the phone told 500. What a request route calls its first parameter is looked at in the whole of that route; helpers
that are handed the request or the transaction are looked at for the `await` alone, when they call it as the routes do.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from inspect import iscoroutinefunction
from types import ModuleType

from ..errors import ScriptError
from .request import RequestContext
from .route_table import is_event_route, is_request_route
from .transaction import TransactionRef

__all__ = ["check"]

REQUEST_WORDS = frozenset(name for name in dir(RequestContext) if not name.startswith("_"))


def _words(awaited: bool) -> frozenset[str]:
    return frozenset(
        name
        for kind in (RequestContext, TransactionRef)
        for name, value in ((name, getattr(kind, name)) for name in dir(kind))
        if callable(value) and not name.startswith("_") and iscoroutinefunction(value) is awaited
    )


AWAITED = _words(True) - _words(False)
AT_ONCE = _words(False) - _words(True)


def check(tree: ast.Module, module: ModuleType) -> None:
    """Raise ScriptError for the first word that there is not, that lacks its `await`, or that has one too many."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)]
    speakers = set()
    for function in functions:
        route, parameters = vars(module).get(function.name), _parameters(function)
        if is_request_route(route):
            speakers.update(parameters[:1])
            _check_names(function, parameters[0])
        elif is_event_route(route):
            speakers.update(parameters[1:2])
    for function in functions:
        _check_awaits(function, speakers.intersection(_parameters(function)))


def _parameters(function: ast.AsyncFunctionDef) -> list[str]:
    return [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]


def _check_names(function: ast.AsyncFunctionDef, request: str) -> None:
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == request:
            word = node.attr
            if not word.startswith("_") and word not in REQUEST_WORDS:
                near = difflib.get_close_matches(word, REQUEST_WORDS, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ScriptError(f"a request has no {word}{hint}", line=node.lineno)


def _check_awaits(function: ast.AsyncFunctionDef, speakers: set[str]) -> None:
    for parent, child in _parents(function):
        awaited = isinstance(parent, ast.Await)
        if not isinstance(child, ast.Call) or not isinstance(child.func, ast.Attribute):
            continue
        owner, word = child.func.value, child.func.attr
        if not isinstance(owner, ast.Name) or owner.id not in speakers:
            continue
        if word in AT_ONCE and awaited:
            raise ScriptError(f"{word} is not awaited: it is done at once", line=child.lineno)
        # As an argument it may go to asyncio.gather or the like; anywhere else it is a coroutine that never runs.
        if word in AWAITED and not awaited and not isinstance(parent, (ast.Call, ast.Starred, ast.List, ast.Tuple)):
            raise ScriptError(f"{word} does nothing without `await`", line=child.lineno)


def _parents(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    for parent in ast.walk(tree):
        for child in ast.iter_child_nodes(parent):
            yield parent, child
