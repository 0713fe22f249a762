"""Routes: what a script declares with its decorators, and which of them a request gets.

Exactly one route runs for a request: that of its method, or the fallback declared without one. OpenSIPS's `route{}` is
`@request_route()` here, and its named routes are plain functions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import Parameter, iscoroutinefunction, signature
from types import ModuleType
from typing import Any

from ..ebr import Filter, compile_filter
from ..errors import NoSuchRoute, ScriptError

__all__ = [
    "RouteTable",
    "Standing",
    "branch_route",
    "event_route",
    "is_branch_route",
    "is_event_route",
    "is_reply_route",
    "is_request_route",
    "on_event",
    "reply_route",
    "request_route",
]

Route = Callable[..., Awaitable[Any]]

_METHODS = "__sip_methods__"
_EVENTS = "__event_route__"
_BRANCHES = "__branch_route__"
_REPLIES = "__reply_route__"
_STANDING = "__standing__"
FALLBACK = "*"

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def request_route(*methods: str) -> Callable[[Route], Route]:
    """Declare the route of one or more methods; without a method, of every request that has no route of its own."""

    def declare(route: Route) -> Route:
        _check(route, 1, 1)
        setattr(route, _METHODS, methods or (FALLBACK,))
        return route

    return declare


def event_route(route: Route) -> Route:
    """Declare a notification route: `async def name(event, transaction)`, to be named in `notify_on_event`."""
    _check(route, 2, 3)
    setattr(route, _EVENTS, True)
    return route


def on_event(events: str | Sequence[str], filter: Any = None, *, match_all: bool = False) -> Callable[[Route], Route]:
    """Declare a notification route that runs for every matching event for as long as the script is in force.

    `async def name(event, server)`. On exactly one worker: the one where it happened. Raises UnknownEvent or BadFilter.
    """
    compiled = compile_filter(events, filter, match_all=match_all)

    def declare(route: Route) -> Route:
        event_route(route)
        setattr(route, _STANDING, (*getattr(route, _STANDING, ()), compiled))
        return route

    return declare


def branch_route(route: Callable[[Any], None]) -> Callable[[Any], None]:
    """Declare a branch route: `def name(branch)`, to be named in `on_branch`; it cannot wait."""
    return _plain(route, "branch", _BRANCHES)


def reply_route(route: Callable[[Any], None]) -> Callable[[Any], None]:
    """Declare a reply route: `def name(reply)`, to be named in `on_reply`; it cannot wait."""
    return _plain(route, "reply", _REPLIES)


def is_branch_route(value: object) -> bool:
    """Whether that is a function declared with `@branch_route`."""
    return getattr(value, _BRANCHES, False) is True


def is_reply_route(value: object) -> bool:
    """Whether that is a function declared with `@reply_route`."""
    return getattr(value, _REPLIES, False) is True


def is_request_route(value: object) -> bool:
    """Whether that is a function declared with `@request_route`."""
    return hasattr(value, _METHODS)


def is_event_route(value: object) -> bool:
    """Whether that is a function declared with `@event_route`."""
    return getattr(value, _EVENTS, False) is True


@dataclass(frozen=True, slots=True)
class Standing:
    """What a script waits for as long as it is in force."""

    route: Route
    filter: Filter


@dataclass(frozen=True)
class RouteTable:
    """The routes of one loaded script."""

    name: str
    requests: Mapping[str, Route]
    events: Mapping[str, Route] = field(default_factory=dict)
    standing: tuple[Standing, ...] = ()
    file: str = ""
    "The file that it was loaded from, as it stands in tracebacks."
    source: str = field(default="", repr=False)
    "What was read there."

    def route_for(self, method: str) -> Route:
        """Return the route of that method, or the fallback. Raise NoSuchRoute when the script has neither."""
        route = self.requests.get(method) or self.requests.get(FALLBACK)
        if route is None:
            raise NoSuchRoute(f"{self.name} has no route for {method} and no fallback")
        return route

    @classmethod
    def of(cls, module: ModuleType, name: str) -> RouteTable:
        """Collect the routes of a module. Raise ScriptError when two claim one method, or when there is none."""
        requests: dict[str, Route] = {}
        for route, methods in _declared(module):
            for method in methods:
                if method in requests:
                    both = f"both {requests[method].__name__} and {route.__name__} take {method}"
                    raise ScriptError(both, line=_line(route))
                requests[method] = route
        if not requests:
            raise ScriptError("no @request_route")
        events = {
            value.__name__: value
            for value in vars(module).values()
            if getattr(value, _EVENTS, False) and value.__module__ == module.__name__
        }
        standing = tuple(
            Standing(route, filter) for route in events.values() for filter in getattr(route, _STANDING, ())
        )
        return cls(name, requests, events, standing, module.__file__ or "")


def _declared(module: ModuleType) -> Iterator[tuple[Route, tuple[str, ...]]]:
    for value in vars(module).values():
        methods = getattr(value, _METHODS, None)
        if methods and value.__module__ == module.__name__:
            yield value, methods


def _plain(route: Callable[[Any], None], kind: str, mark: str) -> Callable[[Any], None]:
    name = getattr(route, "__name__", str(route))
    if iscoroutinefunction(route):
        raise ScriptError(f"{name}: a {kind} route is a plain `def`, for it cannot wait", line=_line(route))
    if len(signature(route).parameters) != 1:
        raise ScriptError(f"{name}: its parameters are ({kind})", line=_line(route))
    setattr(route, mark, True)
    return route


def _check(route: Route, fewest: int, most: int) -> None:
    name = getattr(route, "__name__", str(route))
    if not iscoroutinefunction(route):
        raise ScriptError(f"{name}: a route is an `async def`", line=_line(route))
    parameters = signature(route).parameters.values()
    required = [each for each in parameters if each.default is each.empty and each.kind in _POSITIONAL]
    if len(required) > most or (
        len(parameters) < fewest and not any(each.kind is Parameter.VAR_POSITIONAL for each in parameters)
    ):
        wanted = "(request)" if most == 1 else "(event, transaction) or (event, transaction, context)"
        raise ScriptError(f"{name}: its parameters are {wanted}", line=_line(route))


def _line(route: object) -> int:
    code = getattr(route, "__code__", None)
    return code.co_firstlineno if code is not None else 0
