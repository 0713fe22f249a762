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

USES_OF_A_VALUE = (
    *(ast.Expr, ast.If, ast.IfExp, ast.While, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.BinOp),
    *(ast.Attribute, ast.Subscript, ast.For, ast.comprehension, ast.FormattedValue),
)
"Where a coroutine is taken for what it would return."


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
        route = vars(module).get(function.name)
        spoken_to = speakers.intersection(_parameters(function))
        _check_awaits(function, spoken_to, is_route=is_request_route(route) or is_event_route(route))


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


def _check_awaits(function: ast.AsyncFunctionDef, speakers: set[str], *, is_route: bool) -> None:
    for parent, child in _parents(function):
        if not isinstance(child, ast.Call) or not isinstance(child.func, ast.Attribute):
            continue
        owner, word = child.func.value, child.func.attr
        if not isinstance(owner, ast.Name) or owner.id not in speakers:
            continue
        if word in AT_ONCE and isinstance(parent, ast.Await):
            raise ScriptError(f"{word} is not awaited: it is done at once", line=child.lineno)
        if word in AWAITED and _is_lost(parent, function, is_route):
            raise ScriptError(f"{word} does nothing without `await`", line=child.lineno)


def _is_lost(parent: ast.AST, function: ast.AsyncFunctionDef, is_route: bool) -> bool:
    """Whether a coroutine that stands there never runs. Handed to asyncio.gather, say, or awaited later, it does."""
    if isinstance(parent, ast.Return):
        return is_route
    if isinstance(parent, (ast.Assign, ast.NamedExpr)):
        target = parent.target if isinstance(parent, ast.NamedExpr) else parent.targets[0]
        return isinstance(target, ast.Name) and target.id not in _handed_on(function)
    return isinstance(parent, USES_OF_A_VALUE)


def _handed_on(function: ast.AsyncFunctionDef) -> set[str]:
    """The names that are awaited in a function, returned, or given to somebody."""
    return {
        child.id
        for parent, child in _parents(function)
        if isinstance(child, ast.Name)
        and isinstance(parent, (ast.Await, ast.Call, ast.Return, ast.Starred, ast.List, ast.Tuple, ast.keyword))
    }


def _parents(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    for parent in ast.walk(tree):
        for child in ast.iter_child_nodes(parent):
            yield parent, child
