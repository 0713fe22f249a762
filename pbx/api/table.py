"""One table of operations: what is dispatched, documented and shown."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from pbx.store import StoreError

from .caller import Caller, caller_of
from .problems import Problem

__all__ = ["Call", "Operation", "Parameter", "Resource"]

log = logging.getLogger("pbx.api")

MAX_BODY = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the query string."""

    name: str
    about: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request, let in."""

    request: HttpRequest
    caller: Caller
    arguments: Mapping[str, str]
    body: Any = None


@dataclass(frozen=True, slots=True)
class Operation:
    """What a method does to a resource. `answer` returns plain JSON, or None for 204; it may raise Problem."""

    method: str
    summary: str
    scope: str
    answer: Callable[[Call], Any]
    returns: Mapping[str, Any] | None = None
    "JSON Schema of the answer; None for no content."
    status: int = 200
    "Of an answer with content."
    parameters: tuple[Parameter, ...] = ()
    body: Mapping[str, Any] | None = None
    "JSON Schema of the request's body, where there is one."
    refusals: Mapping[int, str] = field(default_factory=dict)
    "Statuses that are this operation's own, with when."


@dataclass(frozen=True, slots=True)
class Resource:
    """A path below /api/v1/, as Django writes it, and its operations."""

    path: str
    name: str
    about: str
    operations: tuple[Operation, ...]

    def view(self) -> Callable[..., HttpResponse]:
        """The Django view that dispatches to the operations."""
        by_method = {operation.method: operation for operation in self.operations}
        allowed = ", ".join(by_method)

        # A bearer token is no cookie, so a foreign page cannot send it; for sessions `caller_of` checks.
        @csrf_exempt
        @never_cache
        def dispatched(request: HttpRequest, **arguments: str) -> HttpResponse:
            operation = by_method.get("GET" if request.method == "HEAD" else request.method or "")
            try:
                if operation is None:
                    raise Problem(405, "method_not_allowed", f"Allowed here: {allowed}.", headers={"Allow": allowed})
                return _carried_out(operation, request, arguments)
            except Problem as problem:
                return problem.response()
            except StoreError as error:
                log.warning("%s %s: %s", request.method, request.path, error)
                return Problem(503, "store_unavailable", "Redis does not answer.").response()
            except Exception:
                log.exception("%s %s", request.method, request.path)
                return Problem(
                    500, "internal_error", "Something failed here; the log of the web process says what."
                ).response()

        return dispatched


def _carried_out(operation: Operation, request: HttpRequest, arguments: Mapping[str, str]) -> HttpResponse:
    caller = caller_of(request, operation.scope)
    known = {parameter.name for parameter in operation.parameters}
    if unknown := sorted(set(request.GET) - known):
        allowed = f"there are {', '.join(sorted(known))}" if known else "there are none"
        raise Problem(
            400,
            "unknown_parameter",
            f"No such parameter: {', '.join(unknown)}; {allowed}.",
            field_errors=dict.fromkeys(unknown, "unknown"),
        )
    body = _body(request) if operation.body is not None else None
    answer = operation.answer(Call(request, caller, arguments, body))
    return HttpResponse(status=204) if answer is None else JsonResponse(answer, status=operation.status)


def _body(request: HttpRequest) -> Any:
    if int(request.headers.get("Content-Length") or 0) > MAX_BODY:
        raise Problem(413, "too_large", f"A body is at most {MAX_BODY} bytes.")
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        raise Problem(400, "not_json", "The body is no JSON.") from None
    if not isinstance(body, dict):
        raise Problem(400, "not_an_object", "The body is no JSON object.")
    return body
