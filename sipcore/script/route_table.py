"""Routes: what a script declares with its decorators, and which of them a request gets.

Exactly one route runs for a request: that of its method, or the fallback declared without one. OpenSIPS's `route{}` is
`@request_route()` here, and its named routes are plain functions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from types import ModuleType
from typing import Any

from ..errors import NoSuchRoute, ScriptError

__all__ = ["RouteTable", "event_route", "request_route"]

Route = Callable[..., Awaitable[Any]]

_METHODS = "__sip_methods__"
_EVENTS = "__event_route__"
FALLBACK = "*"


def request_route(*methods: str) -> Callable[[Route], Route]:
    """Declare the route of one or more methods; without a method, of every request that has no route of its own."""

    def declare(route: Route) -> Route:
        _check(route)
        setattr(route, _METHODS, methods or (FALLBACK,))
        return route

    return declare


def event_route(route: Route) -> Route:
    """Declare a notification route: `async def name(event, transaction)`, to be named in `notify_on_event`."""
    _check(route)
    setattr(route, _EVENTS, True)
    return route


@dataclass(frozen=True)
class RouteTable:
    """The routes of one loaded script."""

    name: str
    requests: Mapping[str, Route]
    events: Mapping[str, Route] = field(default_factory=dict)

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
                    raise ScriptError(f"{name}: both {requests[method].__name__} and {route.__name__} take {method}")
                requests[method] = route
        if not requests:
            raise ScriptError(f"{name}: no @request_route")
        events = {
            value.__name__: value
            for value in vars(module).values()
            if getattr(value, _EVENTS, False) and value.__module__ == module.__name__
        }
        return cls(name, requests, events)


def _declared(module: ModuleType) -> Iterator[tuple[Route, tuple[str, ...]]]:
    for value in vars(module).values():
        methods = getattr(value, _METHODS, None)
        if methods and value.__module__ == module.__name__:
            yield value, methods


def _check(route: Route) -> None:
    if not iscoroutinefunction(route):
        raise ScriptError(f"{getattr(route, '__name__', route)}: a route is an `async def`")
