"""Who calls the API: a program with a bearer token, or a browser with its session."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from .problems import Problem
from .tokens import find_token

__all__ = ["Caller", "caller_of"]

SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf, and in which way, for the audit log."""

    account: str
    way: str
    account_id: int
    token_id: int | None = None


class _Csrf(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> str:  # type: ignore[override]
        return reason


def caller_of(request: HttpRequest, scope: str) -> Caller:
    """Return who calls, if he may do what `scope` names; raise Problem 401 or 403 otherwise."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme:
        found = find_token(token.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            raise Problem(
                401,
                "invalid_token",
                "This is no bearer token that is good now.",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        if found.scopes and scope not in found.scopes:
            raise Problem(
                403,
                "insufficient_scope",
                f"This token may be used for {', '.join(found.scopes)}, and this needs {scope}.",
                headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
                scope=scope,
            )
        way = f"API, token {found.name or found.beginning}"
        return Caller(found.account.get_username(), way, found.account_id, found.pk)
    user = request.user
    if not user.is_authenticated:
        raise Problem(
            401,
            "not_authenticated",
            "Send a bearer token, which manage.py create_api_token makes, or sign in.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if not user.is_staff:
        raise Problem(403, "forbidden", "This account may not use the API.")
    if request.method not in SAFE and (reason := _csrf_failure(request)):
        raise Problem(403, "csrf_failed", f"A browser's request needs its CSRF token: {reason}")
    return Caller(user.get_username(), "API, session", user.pk)


def _csrf_failure(request: HttpRequest) -> str | None:
    check = _Csrf(lambda request: HttpResponse())
    check.process_request(request)
    return check.process_view(request, lambda request: None, (), {})  # type: ignore[return-value]
