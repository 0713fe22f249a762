"""The OpenAPI 3.1 document, made from the table of operations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from .schemas import INTEGER, STRING, an_object
from .scopes import SCOPES
from .table import Operation, Resource

__all__ = ["document", "path_of"]

VERSION = "1.0"

PROBLEM = an_object(
    {
        "type": STRING,
        "title": STRING,
        "status": INTEGER,
        "code": {**STRING, "description": "stable, for programs"},
        "detail": {**STRING, "description": "a sentence, for people"},
        "field_errors": {"type": "object", "additionalProperties": STRING},
    },
    optional=("field_errors",),
)
REFUSALS = {
    400: "a parameter or the body cannot be understood",
    401: "no token that is good now, and nobody signed in",
    403: "not allowed for this token or account",
    503: "Redis does not answer",
}


def path_of(resource: Resource) -> str:
    """The path as OpenAPI writes it."""
    return "/api/v1/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", resource.path)


def document(resources: Iterable[Resource]) -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "PBX",
            "version": VERSION,
            "description": "Times are RFC 3339 in UTC. Errors are problem documents (RFC 9457). Lists are pages: `items`, `total`, `next`.",
        },
        "paths": {
            path_of(resource): {
                "description": resource.about,
                **{operation.method.lower(): _operation(resource, operation) for operation in resource.operations},
            }
            for resource in resources
        },
        "components": {
            "schemas": {"Problem": PROBLEM},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Made by `manage.py create_api_token`. Scopes: "
                    + "; ".join(f"`{scope}`, to {about}" for scope, about in SCOPES.items()),
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "pbx_session",
                    "description": "A signed-in browser. What changes something needs the header X-CSRFToken.",
                },
            },
        },
    }


def _operation(resource: Resource, operation: Operation) -> dict[str, Any]:
    about: dict[str, Any] = {
        "operationId": f"{operation.method.lower()}_{resource.name}",
        "summary": operation.summary,
        "security": [{"token": [operation.scope]}, {"session": []}],
        "responses": dict(_responses(operation)),
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": STRING}
        for name in re.findall(r"<(?:\w+:)?(\w+)>", resource.path)
    ]
    parameters += [
        {"name": each.name, "in": "query", "description": each.about, "schema": dict(each.schema)}
        for each in operation.parameters
    ]
    if parameters:
        about["parameters"] = parameters
    if operation.body is not None:
        about["requestBody"] = {"required": True, "content": {"application/json": {"schema": operation.body}}}
    return about


def _responses(operation: Operation) -> Iterator[tuple[str, Any]]:
    if operation.returns is None:
        yield "204", {"description": "done"}
    else:
        words = {200: "found", 201: "made", 202: "taken on"}[operation.status]
        yield (
            str(operation.status),
            {"description": words, "content": {"application/json": {"schema": operation.returns}}},
        )
    refusals = REFUSALS | dict(operation.refusals)
    for status in sorted(refusals):
        problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        yield str(status), {"description": refusals[status], "content": problem}
