"""A one-time password opens one page: the form that replaces it."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect

__all__ = ["PasswordChangeRequired"]

OPEN = frozenset({"password_change", "logout", "set_language", "healthz", "readyz"})
"Names of the addresses that need no password of one's own."


class PasswordChangeRequired:
    """Lead an account with a one-time password to the password form, whatever it asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, view, arguments, keywords) -> HttpResponse | None:
        """Answer in the view's place; None lets it answer."""
        if request.resolver_match.url_name in OPEN or not getattr(request.user, "must_change_password", False):
            return None
        if request.path.startswith("/api/"):  # a program does not follow a redirect to a form
            problem = {"title": "Password change required", "status": 403, "code": "password-change-required"}
            return JsonResponse(problem, status=403, content_type="application/problem+json")
        return redirect("password_change")
