"""What is said about the API, to programs and to people."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from pbx.staff import staff_only

from .openapi import document, path_of
from .problems import Problem
from .resources import RESOURCES
from .scopes import SCOPES
from .table import Operation, Resource


@require_safe
def openapi(request: HttpRequest) -> JsonResponse:
    """The OpenAPI document. It tells nothing about this installation, so it is open to everybody."""
    return JsonResponse(document(RESOURCES))


@staff_only
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The same for people."""
    shown = [
        (path_of(resource), resource, operation, _example(resource, operation))
        for resource in RESOURCES
        for operation in resource.operations
    ]
    return render(
        request, "api/docs.html", {"operations": shown, "scopes": SCOPES, "base": request.build_absolute_uri("/")[:-1]}
    )


@csrf_exempt
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Any other address below /api/."""
    return Problem(
        404, "no_such_resource", "There is nothing here; /api/v1/openapi.json says what there is."
    ).response()


def _example(resource: Resource, operation: Operation) -> str:
    """The body of a request that shows what it may be, or nothing."""
    if operation.body is None:
        return ""
    body: dict[str, Any] = {"event": "E_UL_CONTACT_INSERT", "attributes": {"aor": "102@example.org"}}
    return json.dumps({name: body.get(name, "") for name in operation.body["properties"]})
